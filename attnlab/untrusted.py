"""What strangers give: files, archives, JSON, numbers in addresses. Read here alone, within limits of bytes, depth and numbers.

Nothing here takes longer than its bytes do, and whatever a parser raises over them comes out as one sentence.
"""

import io
import json
import lzma
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError
from typing import Any

from attnlab.words import InputError

DIGITS = 9  # of a whole number in an address: more than any view has
DEPTH = 64  # objects and lists inside one another
ENTRIES = 64  # of a zip
ENTRY = b"PK\x01\x02"  # how an entry of a zip's table of contents begins
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # what attnlab writes; others let a small file ask for gigabytes
HEADER = 8  # a safetensors file begins with the length of its header, eight bytes
LONGEST_HEADER = 16 * 2**20
LARGEST_SIZE = 2**40  # numbers in one tensor that anybody has
# Whatever a parser may raise over a stranger's bytes: its own errors and those of the codecs and containers below it.
WRONG = (ValueError, KeyError, TypeError, AttributeError, IndexError, LookupError, RecursionError, MemoryError, OverflowError, EOFError,
         OSError, RuntimeError, NotImplementedError, SyntaxError, TokenError, struct.error, zlib.error, lzma.LZMAError,
         zipfile.BadZipFile)  # fmt: skip

Lines = list[tuple[int, str]]  # with their numbers in the file


@contextmanager
def parsing(mistake: Callable[[str], InputError]) -> Iterator[None]:
    """Whatever goes wrong inside is this mistake, made from the parser's first line. A mistake that has its sentence keeps it."""
    try:
        yield
    except InputError:
        raise
    except WRONG as error:
        raise mistake(first_line(error)) from None


def first_line(error: BaseException, most: int = 200) -> str:
    """The first line of an error that says something, else its name."""
    return next((line.strip()[:most] for line in str(error).splitlines() if line.strip()), type(error).__name__)


def whole_number(text: str) -> int | None:
    """A whole number of an address or a form; None for anything else, and for one that no view has."""
    return int(text) if text.isdecimal() and len(text) <= DIGITS else None


def decode(raw: bytes, name: str) -> str:
    """The text of a file. Raises InputError that names the line which is not UTF-8."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("error.not_utf8", path=name, line=raw[: error.start].count(b"\n") + 1) from None


def sentence_lines(text: str, *, most: int) -> Lines:
    """One sentence a line, numbered, empty lines left out. Raises InputError for none, and for more than `most`."""
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise InputError("error.empty")
    if len(lines) > most:
        raise InputError("error.measure_many", n=len(lines), limit=most)
    return lines


def read_json(content: bytes | str, *, most: int) -> Any:
    """JSON of at most `most` bytes and DEPTH levels. Raises ValueError for anything else."""
    if len(content) > most:
        raise ValueError(f"more than {most} bytes")
    try:
        said = json.loads(content)
        nested = depth(said)
    except RecursionError:
        nested = DEPTH + 1
    if nested > DEPTH:
        raise ValueError("nested too deeply")
    return said


def depth(said: Any) -> int:
    """How many objects and lists lie inside one another; 0 for a plain value."""
    inside, level = [said], 0
    while inside := [each for each in inside if isinstance(each, dict | list)]:
        inside = [child for each in inside for child in (each.values() if isinstance(each, dict) else each)]
        level += 1
        if level > DEPTH:
            break
    return level


def between(data: bytes, opening: bytes, ending: bytes, *, most: int) -> Iterator[bytes]:
    """What stands between the first opening and the end after it, once, in time that grows with the bytes alone."""
    start = data.find(opening)
    if start >= 0:
        start += len(opening)
        end = data.find(ending, start, start + most + len(ending))
        if end >= 0:
            yield data[start:end]


def inflated(data: bytes, *, most: int) -> bytes:
    """zlib's bytes, at most so many of them; none for what is not zlib's."""
    try:
        return zlib.decompressobj().decompress(data, most)
    except zlib.error:
        return b""


def zip_entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The entries of a zip. Raises ValueError for one that is encrypted, packed in a way that attnlab does not use, or named twice."""
    entries = archive.infolist()
    for entry in entries:
        if entry.flag_bits & 1:
            raise ValueError(f"{entry.filename} is encrypted")
        if entry.compress_type not in PACKED:
            raise ValueError(f"{entry.filename} is packed in another way")
    if len({entry.filename for entry in entries}) != len(entries):
        raise ValueError("two files have the same name")
    return entries


def open_zip(content: bytes, *, entries: int = ENTRIES) -> zipfile.ZipFile:
    """A zip with at most so many entries, counted before its table of contents is read. Raises ValueError or BadZipFile."""
    if content.count(ENTRY) > entries:
        raise ValueError("too many files")
    return zipfile.ZipFile(io.BytesIO(content))


def unzipped(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, *, most: int) -> bytes:
    """One file of a zip, read no further than it may reach, whatever size the zip says. Raises OverflowError for a longer one."""
    with archive.open(entry) as stream:
        inside = stream.read(most + 1) if entry.file_size <= most else b""
    if entry.file_size > most or len(inside) > most:
        raise OverflowError(f"{entry.filename} is larger than {most} bytes")
    return inside


def tensors_in(file: Path) -> dict[str, Any]:
    """Names, types, shapes and places of a safetensors file's tensors, from its header alone.

    Raises ValueError, KeyError or TypeError for a header that is cut short, that is too long, or whose places cannot be.
    """
    if not file.is_file():  # a pipe would be waited for
        raise ValueError("no file")
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(HEADER), "little")
        if length > LONGEST_HEADER or HEADER + length > size:
            raise ValueError("the header is cut short")
        header = read_json(stream.read(length), most=LONGEST_HEADER)
    header.pop("__metadata__", None)
    check_places(header, size - HEADER - length)
    return dict(header)


def check_places(header: Mapping[str, Any], size: int) -> None:
    """Every tensor lies behind the one before, none overlaps, nothing is left over. Raises ValueError where that is not so."""
    at = 0
    for start, end in sorted((tensor["data_offsets"][0], tensor["data_offsets"][1]) for tensor in header.values()):
        if start != at or end < start:
            raise ValueError("tensors overlap or leave gaps")
        at = end
    if at != size:
        raise ValueError("bytes are missing or left over")
    for tensor in header.values():
        if not all(type(n) is int and 0 <= n < LARGEST_SIZE for n in tensor["shape"]):
            raise ValueError("a shape cannot be")


def sizes_in(said: Any, names: Sequence[str]) -> int:
    """The largest whole number in JSON under a name that matches one of the patterns; 0 where there is none."""
    wanted, largest, inside = re.compile("|".join(names)), 0, [said]
    while inside:
        each = inside.pop()
        if isinstance(each, dict):
            numbers = (n for name, n in each.items() if type(n) is int and wanted.fullmatch(str(name)))
            largest = max(largest, *numbers, 0)
        if isinstance(each, dict | list):
            inside += [child for child in (each.values() if isinstance(each, dict) else each) if isinstance(child, dict | list)]
    return largest
