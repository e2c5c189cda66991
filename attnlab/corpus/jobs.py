"""Indexes that are made in the background: one at a time, each a process of its own that gives way to everything else."""

import atexit
import secrets
import subprocess
import sys
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from attnlab.corpus.index import Index, read_index
from attnlab.words import PACKAGE, InputError

State = Literal["waiting", "running", "done", "failed"]
MOST = 2000  # sentences of one
SIZE = 64  # lines of a block: how often progress is told
WAITING = 8
KEPT = 16
LOW = 10  # how much a process of these gives way


@dataclass
class Job:
    """One of them. blocks: how many there are; why: what went wrong."""

    folder: Path
    model: str
    blocks: int
    state: State = "waiting"
    why: str = ""

    @property
    def share(self) -> float:
        """How much of it is measured. From 0 to 1."""
        done = sum(1 for _ in (self.folder / "heads.csv.blocks").glob("*.npz"))
        return 1.0 if self.state == "done" else min(1.0, done / self.blocks)


class Jobs:
    """Those of a server. Safe to call from any thread."""

    def __init__(self) -> None:
        self._root = tempfile.TemporaryDirectory(prefix="attnlab-atlas-", ignore_cleanup_errors=True)
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def submit(self, model: str, lines: Sequence[str]) -> str:
        """Begin one and return its name, which nobody guesses. Raises InputError for no line, too many, and when too many are waiting."""
        lines = [line.strip() for line in lines if line.strip()]
        if not lines:
            raise InputError("error.empty")
        if len(lines) > MOST:
            raise InputError("error.measure_many", n=len(lines), limit=MOST)
        with self._lock:
            if sum(job.state in ("waiting", "running") for job in self._jobs.values()) >= WAITING:
                raise InputError("error.atlas_queue", limit=WAITING)
            name = secrets.token_hex(8)
            folder = Path(self._root.name) / name
            folder.mkdir()
            (folder / "sentences.txt").write_text("\n".join(lines) + "\n", "utf-8")
            self._jobs[name] = Job(folder, model, -(-len(lines) // SIZE))
            while len(self._jobs) > KEPT:
                self._jobs.popitem(last=False)
        threading.Thread(target=self._run, args=(name,), daemon=True, name="atlas").start()
        return name

    def get(self, name: str) -> Job | None:
        """How one stands; None for one that is not, or no longer, here."""
        with self._lock:
            return self._jobs.get(name)

    def index(self, name: str) -> Index:
        """The index that was made. Raises KeyError for a name that is not here, InputError when it failed."""
        return read_index(self._jobs[name].folder / "heads.parquet")

    def close(self) -> None:
        """End what is running and forget the rest."""
        with suppress(OSError):
            if self._process is not None:
                self._process.kill()
        self._root.cleanup()

    def _run(self, name: str) -> None:
        job = self.get(name)
        with self._turn:
            if job is None or not job.folder.is_dir():
                return
            job.state = "running"
            command = [sys.executable, "-c", RUN, str(LOW), "measure", "sentences.txt", "--model", job.model, "-o", "heads.csv"]
            more = ["--index", "heads.parquet", "--too-long", "cut", "--block", str(SIZE)]
            self._process = subprocess.Popen(
                [*command, *more], cwd=job.folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment()
            )
            _, said = self._process.communicate()
            done = self._process.returncode == 0
            job.why = "" if done else said.decode("utf-8", "replace").strip().splitlines()[-1] if said.strip() else "–"
            job.state = "done" if done else "failed"


RUN = "import os, sys\nif hasattr(os, 'nice'): os.nice(int(sys.argv[1]))\nfrom attnlab.__main__ import main\nsys.exit(main(sys.argv[2:]))"


def environment() -> dict[str, str]:
    """One thread, and attnlab from where this one is."""
    import os

    path = os.pathsep.join(part for part in (str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
