"""Models of the Hugging Face hub: fetched whole or not at all, one at a time, within limits, only while somebody waits."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePath

from attnlab.words import InputError

Tell = Callable[[float | None, int], None]  # how much has come, None while another model is fetched; of how many bytes
FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.spm"]  # no pickles and no code
LOOK = 0.2  # seconds between two looks at a download
PARTIAL = ".attnlab-partial"  # lies in the folder of a model that is not whole yet; what the process says goes there
# A process of its own, which can be ended in the middle of a file. It ends itself when the server is gone.
FETCH = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(1)), daemon=True).start()
from huggingface_hub import snapshot_download
snapshot_download(sys.argv[1], allow_patterns=sys.argv[2:], ignore_patterns=["*/*"])
"""


@dataclass(frozen=True, eq=False)
class Child:
    """A download under way. size: bytes to come in all."""

    name: str
    size: int
    process: "subprocess.Popen[bytes]"


class Hub:
    """The downloads of this process. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = Counter[str]()
        self._child: Child | None = None
        self._failed: dict[str, str] = {}

    def fetch(self, name: str, tell: Tell) -> Path:
        """The folder of a model, from the cache if it is whole there. tell: called while it comes; what it raises is passed on.

        Raises InputError for a model that is too large, OSError where it cannot be had, and what the hub says of it.
        """
        with self._waits(name):
            while (folder := cached(name)) is None:
                with self._lock:
                    self._go_on(name)
                    child = self._child
                if child is not None:
                    tell(came(name) / max(child.size, 1) if child.name == name else None, child.size)
                time.sleep(LOOK)
        return folder

    @contextmanager
    def _waits(self, name: str) -> Iterator[None]:
        """Who waits is counted; when the last one has left, what came so far is thrown away."""
        with self._lock:
            self._waiting[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting[name] -= 1
                if self._waiting[name] == 0:
                    del self._waiting[name]
                    self._failed.pop(name, None)
                    if self._child is not None and self._child.name == name:
                        self._end()

    def _go_on(self, name: str) -> None:
        """Begin where nothing is being fetched, take note where something has ended. Raises as `fetch` does."""
        if self._child is not None and self._child.process.poll() is not None:
            self._end()
        if name in self._failed:
            raise OSError(self._failed[name])
        if self._child is None and cached(name) is None:
            size = sizes_on_hub(name)
            check_room(name, size)
            self._child = begin(name, size)

    def _end(self) -> None:
        """A download has ended, or is not wanted any more. What is not whole is removed."""
        child, self._child = self._child, None
        assert child is not None
        code = child.process.poll()
        if code is None:
            child.process.kill()
            child.process.wait()
        if child.process.stdin is not None:
            child.process.stdin.close()
        said = place_of(child.name) / PARTIAL
        if code == 0:
            said.unlink(missing_ok=True)
        else:
            self._failed[child.name] = said.read_text("utf-8", "replace").strip()[-200:]
            shutil.rmtree(place_of(child.name), ignore_errors=True)


HUB = Hub()


def on_terminal(share: float | None, size: int) -> None:
    """How far a download is, for who sits at a terminal."""
    if share is not None and sys.stderr.isatty():
        sys.stderr.write(f"\r{100 * min(share, 1):3.0f} % / {size / 1e9:.2f} GB" + "\n" * (share >= 1))


def begin(name: str, size: int) -> Child:
    """Fetch a model into transformers' own cache."""
    from huggingface_hub import constants

    place_of(name).mkdir(parents=True, exist_ok=True)
    where = {"HF_ENDPOINT": constants.ENDPOINT, "HF_HUB_CACHE": constants.HF_HUB_CACHE, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    command = [sys.executable, "-c", FETCH, name, *FILES]
    with (place_of(name) / PARTIAL).open("wb") as said:
        process = subprocess.Popen(command, env=os.environ | where, stdin=subprocess.PIPE, stdout=said, stderr=said)
    return Child(name, size, process)


def place_of(name: str) -> Path:
    """Where the cache keeps a model."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=name, repo_type="model")


def cached(name: str) -> Path | None:
    """The folder of a model that is here and whole."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    if (place_of(name) / PARTIAL).exists():
        return None
    with suppress(LocalEntryNotFoundError):
        return Path(snapshot_download(name, allow_patterns=FILES, ignore_patterns=["*/*"], local_files_only=True))
    return None


def came(name: str) -> int:
    """Bytes of a model that have come."""
    return bytes_in(place_of(name) / "blobs")


def bytes_in(folder: Path) -> int:
    total = 0
    for file in folder.glob("**/*"):
        with suppress(OSError):  # renamed meanwhile
            total += file.stat().st_size if file.is_file() and not file.is_symlink() else 0
    return total


def sizes_on_hub(name: str) -> int:
    """Bytes of the files of a model that would be downloaded, as the hub tells them before the first one is."""
    from huggingface_hub import HfApi

    files = HfApi().model_info(name, files_metadata=True, timeout=20).siblings or []
    wanted = [file for file in files if "/" not in file.rfilename and any(PurePath(file.rfilename).match(kind) for kind in FILES)]
    return sum(file.size or 0 for file in wanted)


def check_room(name: str, size: int) -> None:
    """Raises InputError for a model larger than ATTNLAB_DOWNLOAD_GB (5), or than the disk has room for."""
    most = float(os.environ.get("ATTNLAB_DOWNLOAD_GB", "5"))
    place = place_of(name)
    free = shutil.disk_usage(next(folder for folder in place.parents if folder.is_dir())).free
    if size > min(most * 1e9, free - 1e9):
        raise InputError("server.large_download", name=name, size=f"{size / 1e9:.1f}", limit=f"{most:g}", free=f"{free / 1e9:.1f}")


def download(name: str, known: str, tell: Tell) -> Path:
    """A model of the hub. known: the names that need no hub, for the sentence. Raises InputError that says the way out."""
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return HUB.fetch(name, tell)
    except InputError:
        raise
    except GatedRepoError:
        raise InputError("error.gated", name=name) from None
    except RepositoryNotFoundError:
        raise InputError("error.unknown_model", name=name, known=known) from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError, ValueError) as error:
        raise InputError("error.hub", name=name, known=known) from error


def downloaded() -> dict[str, int]:
    """The models of the hub that are here, whole or not, with their bytes on the disk."""
    from huggingface_hub import constants

    folders = sorted(Path(constants.HF_HUB_CACHE).glob("models--*"))
    return {folder.name.removeprefix("models--").replace("--", "/"): bytes_in(folder / "blobs") for folder in folders}


def remove(name: str) -> int:
    """Remove a downloaded model; how many bytes are free again. Raises InputError for one that is not here."""
    here = downloaded()
    if name not in here:
        raise InputError("server.not_downloaded", name=name, known=", ".join(here) or "–")
    shutil.rmtree(place_of(name))
    return here[name]
