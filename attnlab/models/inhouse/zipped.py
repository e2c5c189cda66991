"""A model in one zip: packed for download, and unpacked only after everything a stranger may have put into it was ruled out."""

import io
import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from attnlab.models.folder import PICKLES
from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.saved import WEIGHTS, read_about
from attnlab.untrusted import first_line, open_zip, parsing, read_json, unzipped, zip_entries
from attnlab.words import InputError

CARD = "card.md"
# The files of a model and how many bytes each may have when unpacked.
FILES = {"config.json": 100_000, "tokenizer.json": 5_000_000, CARD: 200_000, WEIGHTS: 21_000_000}
MOST = 21_000_000  # bytes of the zip itself
PARAMETERS, LAYERS, TOKENS = 5_000_000, 64, 4096  # of a stranger's model at most
DATE = (1980, 1, 1, 0, 0, 0)  # the same model gives the same bytes
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
            check_size(folder)
            model = InHouse.load(folder, name)
        except InputError as error:  # with the names that the visitor knows, not those of a folder that is gone
            facts = {key: fact.name if isinstance(fact, Path) else fact for key, fact in error.facts.items()}
            raise InputError(error.key, **facts) from None
        except Exception as error:  # whatever a stranger's file makes the libraries raise
            raise InputError("error.archive_broken", why=first_line(error)) from None
    return model, files.get(CARD, b"").decode("utf-8", "replace")


def check_size(folder: Path) -> None:
    """Raises InputError for a model that is larger than this server opens for strangers; only its configuration and header are read."""
    config, size = read_about(folder).config, InHouse.read_spec(folder, "").parameters
    asked = {"layers": config.encoder_layers + config.decoder_layers, "max_tokens": config.max_tokens, "parameters": size}
    for (what, given), limit in zip(asked.items(), (LAYERS, TOKENS, PARAMETERS), strict=True):
        if given > limit:
            raise InputError("server.too_large_model", what=what, given=given, limit=limit)


def read_files(content: bytes) -> dict[str, bytes]:
    """The files of a zip by name, each of them known, whole, and no larger than it may be."""
    if len(content) > MOST:
        raise InputError("error.archive_large", limit=f"{sum(FILES.values()) / 1e6:.0f}")
    with parsing(lambda why: InputError("error.archive_broken", why=why)), open_zip(content) as archive:
        check_names(archive.namelist())
        return {entry.filename: read_bounded(archive, entry) for entry in zip_entries(archive)}


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
    try:
        return unzipped(archive, entry, most=FILES[entry.filename])
    except OverflowError:
        raise InputError("error.archive_large", limit=f"{sum(FILES.values()) / 1e6:.0f}") from None


def check_tokenizer(content: bytes) -> None:
    """Raises InputError for a tokenizer that could make a text endlessly long, or search it endlessly long."""
    with parsing(lambda why: InputError("error.archive_tokenizer", why=why)):
        said = read_json(content, most=FILES["tokenizer.json"])
        for section in SECTIONS:
            for rule in rules(said.get(section)):
                check_rule(rule)


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
