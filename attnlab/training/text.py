"""One's own text as training material: a paragraph, sentence or poem a line, with everything refused that is not that."""

from dataclasses import dataclass
from pathlib import Path

from attnlab.words import InputError

MEGABYTES = 200  # of text that one training reads
LEAST = 8  # lines below which nothing can be held out or learned


@dataclass(frozen=True)
class Text:
    """A file as documents, each a run of lines. An empty line ends a document; without empty lines every line is one."""

    path: Path
    documents: tuple[tuple[str, ...], ...]
    by_line: bool

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(line for document in self.documents for line in document)


def read_text(path: Path, *, least: int = 1) -> Text:
    """The documents of a text file, spaces at the ends of lines cut off.

    Raises InputError for a file that cannot be read, is too big, is not UTF-8 text, or has fewer than `least` lines.
    """
    try:
        size = path.stat().st_size
        if size > MEGABYTES * 1_000_000:
            raise InputError("error.text_size", path=path.name, given=size // 1_000_000, limit=MEGABYTES)
        raw = path.read_bytes()
    except OSError as error:
        raise InputError("error.unreadable", path=str(path), why=error.strerror or str(error)) from None
    if b"\0" in raw:
        raise InputError("error.not_text", path=path.name)
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("error.not_utf8", path=str(path), line=raw.count(b"\n", 0, error.start) + 1) from None
    return documents_of(path, content.replace("\r\n", "\n").split("\n"), least)


def documents_of(path: Path, lines: list[str], least: int) -> Text:
    """The same from lines. Raises InputError for fewer than `least` that are not empty."""
    kept = [" ".join(line.split()) for line in lines]
    while kept and not kept[-1]:
        kept.pop()
    found = sum(map(bool, kept))
    if found < max(1, least):
        raise InputError("error.too_few_lines", path=path.name, given=found, least=max(1, least))
    if all(kept):
        return Text(path, tuple((line,) for line in kept), by_line=True)
    documents: list[list[str]] = [[]]
    for line in kept:
        if line:
            documents[-1].append(line)
        elif documents[-1]:
            documents.append([])
    return Text(path, tuple(tuple(document) for document in documents if document), by_line=False)
