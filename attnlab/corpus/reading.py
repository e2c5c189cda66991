"""Lines of a corpus, numbered: text files, gzip, Parquet, JSON Lines, and folders of them, one after the other."""

import json
import random
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from gzip import GzipFile
from io import TextIOWrapper
from itertools import count
from pathlib import Path
from typing import TextIO

from attnlab.words import InputError

KINDS = (".txt", ".tsv", ".gz", ".parquet", ".jsonl")
COLUMN = "text"
SIZE = 512  # lines of a block


@dataclass(frozen=True)
class Line:
    """A sentence and its number in the corpus, from 1."""

    number: int
    text: str


@dataclass(frozen=True)
class Choice:
    """Which lines are taken: every k-th, or `sample` of them drawn with a seed; column: of Parquet and JSON Lines."""

    every: int = 1
    sample: int | None = None
    seed: int = 0
    column: str = COLUMN

    def __post_init__(self) -> None:
        if self.every < 1:
            raise InputError("error.at_least", name="every", given=self.every, least=1)
        if self.sample is not None and self.sample < 1:
            raise InputError("error.at_least", name="sample", given=self.sample, least=1)


def files_of(source: Path) -> list[Path]:
    """A file itself, or the readable files of a folder in the order of their names. Raises InputError where there are none."""
    if source.is_dir():
        found = sorted(file for file in source.rglob("*") if file.suffix.lower() in KINDS and file.is_file())
        if not found:
            raise InputError("error.corpus_folder", path=source, kinds=", ".join(KINDS))
        return found
    return [source]


def lines_of(source: Path, choice: Choice | None = None) -> Iterator[Line]:
    """The lines that hold text, of "-" those of standard input. Raises InputError for what cannot be read, with the line."""
    choice = choice or Choice()
    taken = None if choice.sample is None else drawn(source, choice)
    numbers = count(1)
    for file in files_of(source):
        for text in _texts(file, choice.column):
            number = next(numbers)
            if text.strip() and (number in taken if taken is not None else (number - 1) % choice.every == 0):
                yield Line(number, text.strip())


def drawn(source: Path, choice: Choice) -> frozenset[int]:
    """The numbers of the lines that a sample takes: all of them when there are fewer. Reads the corpus once."""
    assert choice.sample is not None
    if str(source) == "-":
        raise InputError("error.sample_stdin")
    whole = [line.number for line in lines_of(source, Choice(column=choice.column))]
    return frozenset(random.Random(choice.seed).sample(whole, min(choice.sample, len(whole))))


def _texts(file: Path, column: str) -> Iterator[str]:
    if file.suffix.lower() == ".parquet":
        yield from _parquet(file, column)
        return
    with _opened(file) as lines:
        number = 0
        try:
            for number, line in enumerate(lines, 1):
                if "\0" in line:  # UTF-16, or no text at all
                    raise InputError("error.not_utf8", path=file, line=number)
                yield _field(line, file, number, column) if ".jsonl" in file.suffixes else line
        except UnicodeDecodeError:
            raise InputError("error.not_utf8", path=file, line=number + 1) from None
        except (OSError, EOFError, zlib.error):
            raise InputError("error.file_unreadable", path=file) from None


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    if str(file) == "-":
        yield sys.stdin
        return
    try:
        raw = file.open("rb")
    except OSError:
        raise InputError("error.file_unreadable", path=file) from None
    with raw, TextIOWrapper(GzipFile(fileobj=raw) if file.suffix.lower() == ".gz" else raw, encoding="utf-8-sig") as lines:
        yield lines


def _field(line: str, file: Path, number: int, column: str) -> str:
    if not line.strip():
        return ""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get(column), str):
        raise InputError("error.corpus_json", path=file, number=number, column=column)
    return str(found[column])


def _parquet(file: Path, column: str) -> Iterator[str]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        source = parquet.ParquetFile(file)
        names = source.schema_arrow.names
        if column not in names or not pa.types.is_string(source.schema_arrow.field(column).type):
            raise InputError("error.corpus_column", path=file, column=column, known=", ".join(names[:20]))
        for batch in source.iter_batches(columns=[column]):
            yield from (text or "" for text in batch.column(0).to_pylist())
    except (OSError, pa.ArrowException):
        raise InputError("error.file_unreadable", path=file) from None
