"""Where a picture came from: a JSON record inside every PNG, SVG and PDF, written by us and read back with suspicion."""

import io
import json
import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np

from attnlab.untrusted import between, inflated, open_zip, parsing, read_json, unzipped, zip_entries
from attnlab.version import VERSION
from attnlab.words import InputError

Record = dict[str, Any]
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
LARGEST = 8 * 2**20  # bytes of a file that is searched at all
LONGEST = 2**19  # characters of a record
PART = 2**16  # bytes of an SVG that are parsed at a time: ours has its record at the beginning
CHUNKS = 10_000  # of a PNG
ELEMENTS = 100_000  # of an SVG before its record
MEMBERS = 10_000  # of an NPZ
PANELS = 26  # of one figure
TRIED = 4  # places of a file that are looked at: ours has one
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
    "view": str,
    "panels": list,
}


def record(**facts: Any) -> Record:
    """The facts of one picture; those that are None are left out. Keys are FIELDS, `options` is a flat dict of JSON values.

    view: the address of the view, from the root of the app. panels: the facts of each picture in a figure of several.

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
    with parsing(lambda _: InputError("error.figure_record")):
        for text in islice(_candidates(data), TRIED):
            with suppress(ValueError):  # another program's keywords
                facts = read_json(text, most=LONGEST)
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
    if "panels" in known:
        known["panels"] = [
            {name: fact for name, fact in checked(one).items() if name != "panels"}
            for one in known["panels"][:PANELS]
            if isinstance(one, dict)
        ]
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
    """Text chunks with the keyword attnlab: tEXt, zTXt and iTXt."""
    at = len(PNG_MAGIC)
    for _ in range(CHUNKS):
        if at + 12 > len(data):
            return
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body, at = data[at + 8 : at + 8 + length], at + 12 + length
        keyword, _, rest = body.partition(b"\0")
        if keyword != b"attnlab":
            continue
        if kind == b"tEXt":
            yield rest.decode("latin-1")
        elif kind == b"zTXt":
            yield inflated(rest[1:], most=LONGEST).decode("latin-1")
        elif kind == b"iTXt" and len(rest) > 2:
            text = rest[2:].split(b"\0", 2)[-1]
            yield (inflated(text, most=LONGEST) if rest[0] else text[:LONGEST]).decode("utf-8", "replace")


def _pdf_texts(data: bytes) -> Iterator[str]:
    """Values of /Keywords, as a literal string or in hexadecimal. All of them together are as long as one record may be."""
    left = LONGEST
    for found in re.finditer(rb"/Keywords\s*(?=[(<])", data):
        raw = data[found.end() : found.end() + left]
        value, used = _pdf_literal(raw) if raw[:1] == b"(" else _pdf_hexadecimal(raw)
        left -= used
        with suppress(UnicodeError):
            yield value.decode("utf-16") if value[:2] in (b"\xfe\xff", b"\xff\xfe") else value.decode("latin-1")


def _pdf_hexadecimal(raw: bytes) -> tuple[bytes, int]:
    """The bytes of a PDF string in hexadecimal, whose last digit may be left out; and how many bytes were read for it."""
    end = raw.find(b">")
    digits = re.sub(rb"[^0-9A-Fa-f]", b"", raw[: len(raw) if end < 0 else end]).decode()
    return bytes.fromhex(digits + "0" * (len(digits) % 2)), len(raw) if end < 0 else end


_PDF_TOKEN = re.compile(rb"\\([0-7]{1,3})|\\(\r\n|[\s\S])|([()])|([^\\()]+)")
_PDF_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"\n": b"", b"\r": b"", b"\r\n": b""}


def _pdf_literal(raw: bytes) -> tuple[bytes, int]:
    """The bytes of a PDF string that starts with a parenthesis, which may hold balanced or escaped ones; and how many were read."""
    out, depth, read = bytearray(), 0, len(raw)
    for token in _PDF_TOKEN.finditer(raw):
        octal, escaped, bracket, plain = token.groups()
        if bracket:
            depth += 1 if bracket == b"(" else -1
            if depth == 0:
                read = token.end()
                break
            out += bracket if (bracket, depth) != (b"(", 1) else b""
        else:
            out += bytes([int(octal, 8) & 255]) if octal else plain if plain else _PDF_ESCAPES.get(escaped, escaped)
    return bytes(out), read


def _svg_texts(data: bytes) -> Iterator[str]:
    """The first descriptions in an SVG's metadata. Entities are refused, so nothing can grow or be fetched."""
    texts: list[str] = []
    inside, elements = False, 0

    def opened(name: str, _: dict[str, str]) -> None:
        nonlocal inside, elements
        elements += 1
        inside = name == "dc:description"
        if inside:
            texts.append("")

    def closed(_: str) -> None:
        nonlocal inside
        inside = False

    def said(text: str) -> None:
        if inside and len(texts[-1]) <= LONGEST:
            texts[-1] += text

    def refused(*_: object) -> None:
        raise InputError("error.figure_record")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = opened, closed, said
    parser.EntityDeclHandler = refused
    with suppress(expat.ExpatError):  # a file cut short may still carry its record
        for start in range(0, len(data), PART):
            parser.Parse(data[start : start + PART], start + PART >= len(data))
            if elements > ELEMENTS or (texts and not inside):
                break
    return iter(texts)


def _html_texts(data: bytes) -> Iterator[str]:
    opening = b'<script type="application/json" id="attnlab-record">'
    return (text.decode("utf-8", "replace") for text in between(data, opening, b"</script>", most=LONGEST))


def _npz_texts(data: bytes) -> Iterator[str]:
    """The array `record` of an archive; older ones hold it as a member record.json."""
    with open_zip(data, entries=MEMBERS) as archive:
        found = {entry.filename: entry for entry in zip_entries(archive)}
        for name, read in (("record.json", bytes.decode), ("record.npy", _npy_text)):
            if name in found:
                yield read(unzipped(archive, found[name], most=4 * LONGEST))


def _npy_text(content: bytes) -> str:
    """The one string of an NPY file. Raises ValueError for any other array: its header could ask for more memory than there is."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    shape, _, dtype = (np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0)(stream)
    if shape != () or dtype.kind != "U" or dtype.itemsize != len(content) - stream.tell():
        raise ValueError("no record")
    return str(np.frombuffer(content, dtype, offset=stream.tell())[0])
