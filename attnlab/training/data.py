"""Files in, batches out: pairs, labelled sentences and plain lines, with every bad row counted and named."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import torch
from torch import Tensor

from attnlab.words import InputError

Row = tuple[str, ...]


@dataclass(frozen=True)
class Rows:
    """The good rows of a file, and for each bad one its line number (from 1) and what is wrong with it."""

    path: Path
    good: tuple[Row, ...]
    bad: tuple[tuple[int, str], ...] = ()


def read_rows(path: Path, columns: int) -> Rows:
    """Tab-separated rows with `columns` non-empty fields. Blank lines are skipped.

    Raises InputError when the file cannot be read, is not UTF-8 or holds no good row at all.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError("error.unreadable", path=str(path), why=error.strerror or str(error)) from None
    good: list[Row] = []
    bad: list[tuple[int, str]] = []
    for number, raw in enumerate(lines, 1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r")
        except UnicodeDecodeError:
            raise InputError("error.not_utf8", path=str(path), line=number) from None
        fields = tuple(field.strip() for field in line.split("\t")) if columns > 1 else (line.strip(),)
        if not line.strip():
            continue
        if len(fields) != columns:
            bad.append((number, f"{len(fields)} columns where {columns} are needed"))
        elif not all(fields):
            bad.append((number, "an empty column"))
        else:
            good.append(fields)
    if not good:
        raise InputError("error.no_rows", path=str(path), columns=columns, bad=len(bad))
    return Rows(path, tuple(good), tuple(bad))


def read_labelled(path: Path) -> Rows:
    """Rows of label TAB sentence. Raises InputError when only one label occurs."""
    rows = read_rows(path, 2)
    labels = sorted({label for label, _ in rows.good})
    if len(labels) < 2:
        raise InputError("error.one_class", path=str(path), label=labels[0])
    return rows


@dataclass(frozen=True)
class Example:
    """One training example as ids. wanted: one id per target position, or one label."""

    source: tuple[int, ...]
    target: tuple[int, ...] = ()
    wanted: tuple[int, ...] = ()

    def __len__(self) -> int:
        return max(len(self.source), len(self.target))


@dataclass(frozen=True)
class Batch:
    """source [b n], target [b m] or None (both padded with 0), wanted [b m] or [b 1] (padded with -1); tokens: how many are wanted."""

    source: Tensor
    target: Tensor | None
    wanted: Tensor
    tokens: int = field(default=0)


def pad(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    """Rows of different lengths as one tensor, filled up with `value`. [b n]"""
    width = max(len(row) for row in rows)
    return torch.tensor([list(row) + [value] * (width - len(row)) for row in rows])


def collate(examples: Sequence[Example]) -> Batch:
    """Examples of like length as one padded batch."""
    target = pad([e.target for e in examples], 0) if examples[0].target else None
    wanted = pad([e.wanted for e in examples], -1)
    return Batch(pad([e.source for e in examples], 0), target, wanted, int((wanted >= 0).sum()))


def buckets(examples: Sequence[Example], budget: int, rng: random.Random) -> list[list[int]]:
    """Indices grouped so that no group's padded size passes the budget, groups in random order. Like lengths lie together."""
    order = sorted(range(len(examples)), key=lambda i: (len(examples[i]), len(examples[i].source), rng.random()))
    groups: list[list[int]] = [[]]
    for i in order:
        if groups[-1] and len(examples[i]) * (len(groups[-1]) + 1) > budget:
            groups.append([])
        groups[-1].append(i)
    rng.shuffle(groups)
    return groups


def batches(examples: Sequence[Example], budget: int, *, seed: int, start: int = 0) -> Iterator[Batch]:
    """Batches without end, epoch after epoch, the same ones for the same seed; the first `start` are passed over."""
    passed = 0
    for epoch in count():
        for group in buckets(examples, budget, random.Random(f"{seed}/{epoch}")):
            passed += 1
            if passed > start:
                yield collate([examples[i] for i in group])
