"""How well a model goes on with a text, and how well it fills holes, on text that it has not seen."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from attnlab.training.data import Batch, Example, collate
from attnlab.training.masking import SHARE, held_out
from attnlab.training.scores import perplexity
from attnlab.training.text import Text
from attnlab.training.windows import document_rows, encode_documents
from attnlab.words import InputError

if TYPE_CHECKING:
    from attnlab.models.inhouse.model import InHouse

ROWS = 16  # windows in one pass
BUDGET = 2048  # tokens in one pass of sentences


@dataclass(frozen=True)
class WriteScore:
    """How surprised a decoder is by a text. loss: nats per token, ends of lines and documents included; unknown: tokens that are [UNK]."""

    loss: float
    tokens: int
    characters: int
    unknown: int

    @property
    def bits_per_character(self) -> float:
        return self.loss * self.tokens / self.characters / math.log(2)

    @property
    def perplexity(self) -> float:
        """Per token."""
        return perplexity(self.loss)


@dataclass(frozen=True)
class FillScore:
    """How often the hidden piece is the likeliest, and one of the five likeliest. n: pieces hidden; left_out: lines that are too long."""

    top1: float
    top5: float
    loss: float
    n: int
    lines: int
    left_out: int


def write_score(model: "InHouse", text: Text) -> WriteScore:
    """A text read whole, in windows that overlap by half, every token once with at least half a window before it.

    A text without empty lines is read line by line, each from its beginning. Ends of lines count as characters.
    """
    documents = encode_documents(model.tokenizer, text)
    ids = documents if text.by_line else [[token for document in documents for token in document]]
    rows = document_rows(ids, model.module.config.max_tokens)
    loss, tokens = 0.0, 0
    for batch in in_batches(rows):
        with torch.inference_mode():
            logits = model.module(batch.source)  # [b n v]
            loss += float(torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch.wanted.flatten(), ignore_index=-1, reduction="sum"))
        tokens += batch.tokens
    unknown = sum(document.count(model.unk) for document in documents)
    return WriteScore(loss / tokens, tokens, sum(len(line) + 1 for line in text.lines), unknown)


def in_batches(rows: Sequence[Example]) -> Iterator[Batch]:
    """Rows of like length side by side, a few at a time."""
    order = sorted(rows, key=len)
    return (collate(order[i : i + ROWS]) for i in range(0, len(order), ROWS))


def fill_score(model: "InHouse", lines: Sequence[str], *, seed: int = 0, path: Path = Path()) -> FillScore:
    """15 % of the pieces of every line hidden at once, the same ones for the same seed; [UNK] counts as never right."""
    assert model.mask is not None
    read = [model.tokenize(line) for line in lines]
    rows = [(tokens.ids, tuple(None if special else i for i, special in enumerate(tokens.special))) for tokens in read]
    short = [row for row in rows if len(row[0]) <= model.module.config.max_tokens]
    if not short:
        raise InputError("error.lines_too_long", path=path.name, n=len(rows), limit=model.module.config.max_tokens)
    loss, n, first, five = 0.0, 0, 0, 0
    for batch in held_out(short, BUDGET, mask=model.mask, share=SHARE, seed=seed):
        wanted = batch.wanted[batch.wanted >= 0]  # [m]
        said = model.predict(batch.source)[batch.wanted >= 0]  # [m v]
        best = (said.topk(5).indices == wanted[:, None]) & (wanted[:, None] != model.unk)  # [m 5]
        loss -= float(said.gather(1, wanted[:, None]).sum())
        n, first, five = n + len(wanted), first + int(best[:, 0].sum()), five + int(best.any(1).sum())
    return FillScore(first / n, five / n, loss / n, n, len(short), len(rows) - len(short))
