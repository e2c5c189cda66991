"""Where a picture came from: a JSON record inside every PNG, SVG and PDF, written by us and read back with suspicion."""

import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np

from attnlab.version import VERSION
from attnlab.words import InputError

Record = dict[str, Any]
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
LARGEST = 64 * 2**20  # bytes of a file that is searched at all
LONGEST = 2**20  # characters of a record
FIELDS: dict[str, type | tuple[type, ...]] = {
    "attnlab": str,
    "figure": str,
    "model": str,
    "revision": str,
    "text": str,
    "pair": str,
    "target": str,
    "stack": str,
    "layer": int,
    "head": int,
    "options": dict,
}


def record(**facts: Any) -> Record:
    """The facts of one picture; those that are None are left out. Keys are FIELDS, `options` is a flat dict of JSON values.

    Raises ValueError for a fact that reading back would refuse.
    """
    made = {"attnlab": VERSION} | {name: fact for name, fact in facts.items() if fact is not None}
    unknown = set(made) - set(FIELDS)
    if unknown or checked(made) != made:
        raise ValueError(f"a record holds {', '.join(FIELDS)}, each of its own type; got {made}")
    return made


def dump(facts: Mapping[str, Any]) -> str:
    """A record as JSON of ASCII characters only, so that every format can hold every text."""
    return json.dumps({"attnlab": VERSION} | dict(facts), ensure_ascii=True, sort_keys=True, allow_nan=False)


def read_record(source: bytes | str | Path) -> Record:
    """The record of a PNG, SVG, PDF, HTML or NPZ file made here, from its bytes or its path.

    Only known fields of the right type come through. Raises InputError for a file that cannot be read or carries no record.
    """
    data = source if isinstance(source, bytes) else _read(Path(source))
    if len(data) > LARGEST:
        raise InputError("error.figure_large", limit=LARGEST // 2**20)
    for text in _candidates(data):
        try:
            facts = json.loads(text) if len(text) <= LONGEST else None
        except (ValueError, RecursionError):
            continue
        if isinstance(facts, dict) and isinstance(facts.get("attnlab"), str):
            return checked(facts)
    raise InputError("error.figure_record")


def checked(facts: Record) -> Record:
    """The known fields that have the right type; layer and head not negative; options flat."""
    known = {name: facts[name] for name, kind in FIELDS.items() if name in facts and isinstance(facts[name], kind)}
    known = {name: fact for name, fact in known.items() if not isinstance(fact, bool) and not (isinstance(fact, int) and fact < 0)}
    if "options" in known:
        known["options"] = {
            k: v for k, v in known["options"].items() if isinstance(k, str) and isinstance(v, str | int | float | bool | None)
        }
    return known


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except (OSError, ValueError):
        raise InputError("error.file_unreadable", path=str(path)) from None


def _candidates(data: bytes) -> Iterator[str]:
    """Every text in a file that may be a record."""
    if data.startswith(PNG_MAGIC):
        return _png_texts(data)
    if data.startswith(b"%PDF-"):
        return _pdf_texts(data)
    if data.startswith(b"PK\x03\x04"):
        return _npz_texts(data)
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return _html_texts(data)
    return _svg_texts(data) if start.startswith(b"<") else iter(())


def _png_texts(data: bytes) -> Iterator[str]:
    """The text with the keyword attnlab. Pillow reads only what stands before the pixels, and refuses text that grows too large."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            text = image.info.get("attnlab")
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return iter(())
    return iter([text] if isinstance(text, str) else [])


def _pdf_texts(data: bytes) -> Iterator[str]:
    """Values of /Keywords, as a literal string or in hexadecimal."""
    for found in re.finditer(rb"/Keywords\s*(?=[(<])", data):
        raw = data[found.end() : found.end() + 2 * LONGEST]
        value = (
            _pdf_literal(raw)
            if raw[:1] == b"("
            else bytes.fromhex(re.sub(rb"[^0-9A-Fa-f]", b"", raw.split(b">")[0]).decode()[: 2 * LONGEST] or "00")
        )
        yield value.decode("utf-16") if value[:2] in (b"\xfe\xff", b"\xff\xfe") else value.decode("latin-1")


_PDF_TOKEN = re.compile(rb"\\([0-7]{1,3})|\\(\r\n|[\s\S])|([()])|([^\\()]+)")
_PDF_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r": b"", b"\r\n": b""}


def _pdf_literal(raw: bytes) -> bytes:
    """The bytes of a PDF string that starts with a parenthesis; parentheses inside may be balanced or escaped."""
    out, depth = bytearray(), 0
    for token in _PDF_TOKEN.finditer(raw):
        octal, escaped, bracket, plain = token.groups()
        if bracket:
            depth += 1 if bracket == b"(" else -1
            if depth == 0:
                break
            out += bracket if (bracket, depth) != (b"(", 1) else b""
        else:
            out += bytes([int(octal, 8) & 255]) if octal else plain if plain else _PDF_ESCAPES.get(escaped, escaped)
    return bytes(out)


def _svg_texts(data: bytes) -> Iterator[str]:
    """The descriptions in an SVG's metadata. Entities are refused, so nothing can grow or be fetched."""
    texts: list[str] = []
    depth: list[str] = []

    def opened(name: str, _: dict[str, str]) -> None:
        depth.append(name)
        if name == "dc:description":
            texts.append("")

    def said(text: str) -> None:
        if depth and depth[-1] == "dc:description" and len(texts[-1]) <= LONGEST:
            texts[-1] += text

    def refused(*_: object) -> None:
        raise InputError("error.figure_record")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.CharacterDataHandler = opened, said
    parser.EndElementHandler = lambda name: depth.pop() and None
    parser.EntityDeclHandler = refused
    with suppress(expat.ExpatError):  # a file cut short may still carry its record
        parser.Parse(data, True)
    return iter(texts)


def _html_texts(data: bytes) -> Iterator[str]:
    found = re.search(rb'<script type="application/json" id="attnlab-record">(.*?)</script>', data, re.DOTALL)
    return iter([found[1].decode("utf-8", "replace")] if found else [])


def _npz_texts(data: bytes) -> Iterator[str]:
    """The array `record` of an archive; older ones hold it as a member record.json."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return iter([_member(archive)])
    except (KeyError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, OSError, EOFError):
        return iter(())


def _member(archive: zipfile.ZipFile) -> str:
    """The text of the record. Raises KeyError or ValueError where there is none."""
    if "record.json" in archive.namelist():
        with archive.open("record.json") as file:
            return file.read(LONGEST + 1).decode("utf-8", "replace")
    with archive.open("record.npy") as file:
        held = file.read(4 * LONGEST + 4096)
    return str(np.lib.format.read_array(io.BytesIO(held), allow_pickle=False))
