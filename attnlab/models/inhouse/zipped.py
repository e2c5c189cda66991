"""A model in one zip: packed for download, and unpacked only after everything a stranger may have put into it was ruled out."""

import io
import json
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from attnlab.models.folder import PICKLES, first_line
from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.saved import WEIGHTS
from attnlab.words import InputError

CARD = "card.md"
# The files of a model and how many bytes each may have when unpacked.
FILES = {WEIGHTS: 200_000_000, "config.json": 100_000, "tokenizer.json": 20_000_000, CARD: 1_000_000}
MOST = 200_000_000  # bytes of the zip itself
ENTRIES = 64
DATE = (1980, 1, 1, 0, 0, 0)  # the same model gives the same bytes
ENTRY = b"PK\x01\x02"  # how an entry of a zip's table of contents begins
# What a tokenizer may do to a text before it splits it: nothing that makes it longer, and no pattern but those attnlab writes.
SECTIONS = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
PATTERNS = frozenset((r"\s+", r"^▁(?=\p{Han})", r"▁?(\p{Han}|[\p{P}&&[^'’\-▁_]])", "."))


def pack(model: InHouse, card: str = "") -> bytes:
    """Weights, configuration, tokenizer and card as a zip. float16 where it says every weight exactly, else float32."""
    weights = model.module.state_dict().values()
    exact = all(torch.equal(weight.half().float(), weight) for weight in weights)
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as name, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        folder = Path(name)
        model.save(folder, precision="float16" if exact else "float32")
        (folder / CARD).write_text(card or f"# {model.spec.name}\n", "utf-8")
        for file in FILES:
            archive.writestr(zipfile.ZipInfo(file, DATE), (folder / file).read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def unpack(content: bytes, name: str) -> tuple[InHouse, str]:
    """The model in a zip that `pack` made, and its card. Raises InputError for anything else; nothing outside memory is changed.

    name: what the model is to be called.
    """
    files = read_files(content)
    check_tokenizer(files["tokenizer.json"])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        folder.mkdir()
        for file, inside in files.items():
            (folder / file).write_bytes(inside)
        try:
            model = InHouse.load(folder, name)
        except InputError as error:  # with the names that the visitor knows, not those of a folder that is gone
            facts = {key: fact.name if isinstance(fact, Path) else fact for key, fact in error.facts.items()}
            raise InputError(error.key, **facts) from None
        except Exception as error:  # whatever a stranger's file makes the libraries raise
            raise InputError("error.archive_broken", why=first_line(error)) from None
    return model, files.get(CARD, b"").decode("utf-8", "replace")


def read_files(content: bytes) -> dict[str, bytes]:
    """The files of a zip by name, each of them known, whole, and no larger than it may be."""
    if len(content) > MOST or content.count(ENTRY) > ENTRIES:
        raise InputError("error.archive_large", limit=f"{sum(FILES.values()) / 1e6:.0f}")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            check_names([entry.filename for entry in entries])
            for entry in entries:
                if entry.flag_bits & 1:
                    raise InputError("error.archive_broken", why=f"{entry.filename} is encrypted")
            return {entry.filename: read_bounded(archive, entry) for entry in entries}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("error.archive_broken", why=first_line(error)) from None


def check_names(names: list[str]) -> None:
    """Raises InputError for paths that leave the folder, pickles, files that do not belong here, and missing ones."""
    for name in names:
        if name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) or re.match(r"[A-Za-z]:", name):
            raise InputError("error.archive_path", name=name)
    if pickles := [name for name in names if any(Path(name.lower()).match(kind) for kind in PICKLES)]:
        raise InputError("error.archive_pickle", name=pickles[0])
    wrong = [name for name in names if name not in FILES] or [name for name in FILES if name != CARD and name not in names]
    if wrong or len(set(names)) != len(names):
        raise InputError("error.archive_files", given=", ".join(names[:6]) or "nothing", wanted=", ".join(FILES))


def read_bounded(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """One file, read no further than it may reach, whatever size the zip says it has."""
    limit = FILES[entry.filename]
    with archive.open(entry) as stream:
        inside = stream.read(limit + 1) if entry.file_size <= limit else b""
    if entry.file_size > limit or len(inside) > limit:
        raise InputError("error.archive_large", limit=f"{sum(FILES.values()) / 1e6:.0f}")
    return inside


def check_tokenizer(content: bytes) -> None:
    """Raises InputError for a tokenizer that could make a text endlessly long, or search it endlessly long."""
    try:
        said = json.loads(content)
        for section in SECTIONS:
            for rule in rules(said.get(section)):
                check_rule(rule)
    except InputError:
        raise
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise InputError("error.archive_tokenizer", why=first_line(error)) from None


def rules(node: Any) -> Iterator[dict[str, Any]]:
    """Every object inside a part of tokenizer.json."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from rules(child)


def check_rule(rule: dict[str, Any]) -> None:
    pattern = rule.get("Regex")
    if pattern is not None and pattern not in PATTERNS:
        raise InputError("error.archive_tokenizer", why=f"the pattern {pattern!r}")
    if rule.get("String") == "":
        raise InputError("error.archive_tokenizer", why="an empty pattern")
    grows = {"Replace": "content", "Prepend": "prepend"}.get(str(rule.get("type")))
    if grows and len(str(rule.get(grows, ""))) > 1:
        raise InputError("error.archive_tokenizer", why=f"{rule['type']} {rule.get(grows)!r}")
    if rule.get("type") == "Precompiled":
        raise InputError("error.archive_tokenizer", why="a precompiled map")
