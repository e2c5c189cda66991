"""What the in-house tokenizers' pieces make up: words, places in the text, runs of tokens, batches of like length."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from attnlab.core.trace import Tokens

TOGETHER = 64  # sentences read or written side by side


def joined(first: Tokens, second: Tokens) -> Tokens:
    """Two runs of tokens of which one is special, one after the other."""
    return Tokens(*(getattr(first, name) + getattr(second, name) for name in Tokens.__dataclass_fields__))


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A place in the text without the space before it, unless there is nothing else."""
    inside = text[start:end]
    return (end - len(inside.lstrip()), end) if inside.strip() else (start, end)


def one_word(before: str, piece: str) -> bool:
    """Whether two pieces side by side, written with ▁, are parts of one word. Han characters are words of their own."""
    left, right = before[-1], piece[0]
    if before == "▁":
        return True
    return left.isalnum() and right.isalnum() and not any("\u2e80" <= c <= "\u9fff" for c in (left, right))


def word_numbers(pieces: Sequence[str], special: Sequence[bool], *, marked: bool) -> tuple[int | None, ...]:
    """Which word each piece belongs to, from the pieces alone. marked: with ▁ where a word begins; else ## where one goes on."""
    words: list[int | None] = []
    word = -1
    for at, (piece, hidden) in enumerate(zip(pieces, special, strict=True)):
        goes_on = piece.startswith("##") or (marked and at > 0 and one_word(pieces[at - 1], piece))
        word += not hidden and (word < 0 or not goes_on)
        words.append(None if hidden else word)
    return tuple(words)


def groups(sources: Sequence[Tokens]) -> Iterator[list[int]]:
    """Indices in batches of like length, so that little is padding."""
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    for start in range(0, len(order), TOGETHER):
        yield order[start : start + TOGETHER]


def padded(pad: int, rows: Sequence[Sequence[int]]) -> Tensor:
    """Ids of different lengths as one tensor. [b n]"""
    width = max(map(len, rows))
    return torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows])
