"""Running text for a decoder: rows cut from documents, each begun by a start token, some of them a segment said again and again.

A model meets repetition so rarely in a small file that heads which look for it (induction: find the last time, copy what came then)
would come late or never; a few repeated rows are enough to make them (Olsson et al. 2022 for what they are).
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from tokenizers import Tokenizer

from attnlab.core.trace import Array
from attnlab.training.data import Batch, Example, batches, collate
from attnlab.training.text import Text
from attnlab.training.tokenizer import NEWLINE, SPECIALS

BOS, EOS = SPECIALS["bos"], SPECIALS["eos"]
SHORTEST = 8  # tokens of a segment that is repeated
SNAP = 64  # tokens that a window may move back so that it begins with a paragraph


@dataclass(frozen=True, eq=False)
class Stream:
    """A text as one row of tokens, every document ended. starts: where lines begin, in order."""

    ids: Array
    starts: Array

    def __len__(self) -> int:
        return len(self.ids)


def encode_documents(tokenizer: Tokenizer, text: Text) -> list[list[int]]:
    """Every document as ids, its end included; lines are joined by the piece for a line's end."""
    return [[*encoding.ids, EOS] for encoding in tokenizer.encode_batch(["\n".join(document) for document in text.documents])]


def stream(tokenizer: Tokenizer, text: Text) -> Stream:
    ids = np.concatenate([np.array(row) for row in encode_documents(tokenizer, text)])
    ends = (ids == tokenizer.token_to_id(NEWLINE)) | (ids == EOS)
    return Stream(ids, np.concatenate([[0], np.flatnonzero(ends)[:-1] + 1]))


def row(ids: Sequence[int]) -> Example:
    """Ids as what is read (after a start token) and what is wanted of each place."""
    return Example((BOS, *ids[:-1]), (), tuple(ids))


def repeated(segment: Sequence[int], n: int, *, drawn: bool) -> Example:
    """A segment over and over, n tokens. Where it begins again nothing is wanted; of a random one nothing the first time."""
    ids = (list(segment) * (n // len(segment) + 1))[:n]
    unknown = range(len(segment)) if drawn else range(len(segment), min(len(segment) + 1, n))
    wanted = [-1 if i in unknown else token for i, token in enumerate(ids)]
    return Example((BOS, *ids[:-1]), (), tuple(wanted))


def one_window(text: Stream, at: int, n: int, rng: random.Random) -> Example:
    """n tokens from a place on; every other one begins with the line that the place is in, when that is near."""
    begins = int(text.starts[np.searchsorted(text.starts, at, side="right") - 1])
    at = begins if at - begins < SNAP and rng.random() < 0.5 else at
    return row(text.ids[at : at + n].tolist())


def windows(text: Stream, n: int, size: int, *, seed: int, start: int = 0, again: float = 0.0, drawn: float = 0.0) -> Iterator[Batch]:
    """Batches without end of `size` rows of n tokens, the whole text once an epoch; the same ones for the same seed.

    again: the share of rows that say a segment of the text again and again; drawn: of rows that do so with random tokens.
    """
    vocab, per_epoch = int(text.ids.max()) + 1, max(1, (len(text) - n) // n // size)
    for step in count(start):
        epoch, place = divmod(step, per_epoch)
        order = random.Random(f"{seed}/{epoch}")
        offset = order.randrange(n)
        places = list(range(offset, max(offset + 1, len(text) - n), n))
        order.shuffle(places)
        rng = random.Random(f"{seed}/{step}/rows")
        rows = []
        for i in range(size):
            at, kind = places[(place * size + i) % len(places)], rng.random()
            if kind < drawn:
                segment = [rng.randrange(len(SPECIALS), vocab) for _ in range(rng.randint(SHORTEST, n // 2))]
                rows.append(repeated(segment, n, drawn=True))
            elif kind < drawn + again:
                rows.append(repeated(text.ids[at : at + rng.randint(SHORTEST, n // 2)].tolist(), n, drawn=False))
            else:
                rows.append(one_window(text, at, n, rng))
        yield collate(rows)


def overlapping(ids: Sequence[int], n: int) -> Iterator[Example]:
    """A document in windows of n that overlap by half; every token is wanted once, with at least half a window before it."""
    yield row(ids[:n])
    half = n // 2
    for at in range(n - half, len(ids) - half, half):
        part = list(ids[at : at + n])
        yield Example((BOS, *part[:-1]), (), (*[-1] * half, *part[half:]))


def document_rows(documents: Sequence[Sequence[int]], n: int) -> list[Example]:
    """Documents as rows: whole where they fit, else in windows that overlap by half."""
    return [example for ids in documents for example in overlapping(ids, n)]


def document_batches(documents: Sequence[Sequence[int]], n: int, budget: int, *, seed: int, start: int = 0) -> Iterator[Batch]:
    """Batches of whole documents of like length without end, about `budget` tokens each."""
    return batches(document_rows(documents, n), budget, seed=seed, start=start)
