"""Longer than training: how often a model that answers letter by letter is right, length by length, on sequences nobody has seen."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from attnlab.core.positions import wilson
from attnlab.training.tasks import TRAINED, Task, answer, draw
from attnlab.words import InputError

if TYPE_CHECKING:
    from attnlab.models.inhouse.model import InHouse

__all__ = ["TRAINED", "LengthScore", "accuracy_by_length", "sequences"]


@dataclass(frozen=True)
class LengthScore:
    """How many letters, and how many whole sequences, of one length came out right."""

    length: int
    sequences: int
    right: int
    whole: int

    @property
    def letters(self) -> int:
        return self.length * self.sequences

    @property
    def accuracy(self) -> float:
        """The share of letters that are right."""
        return self.right / self.letters

    @property
    def exact(self) -> float:
        """The share of sequences without a single wrong letter."""
        return self.whole / self.sequences

    @property
    def band(self) -> tuple[float, float]:
        """95 % for the accuracy. Letters of one sequence hang together, so only the sequences count as independent draws."""
        return wilson(self.accuracy * self.sequences, self.sequences)


def sequences(length: int, *, n: int, seed: int) -> list[list[str]]:
    """n random sequences; every model that is asked with the same seed gets the same ones."""
    rng = random.Random(f"lengths/{seed}/{length}")
    return [draw(rng, length) for _ in range(n)]


def accuracy_by_length(
    model: "InHouse", lengths: Sequence[int], *, n: int = 64, seed: int = 0, task: Task = "reverse"
) -> Iterator[LengthScore]:
    """One score after another, in the order of `lengths`, so that a page can draw and stop in between.

    Raises InputError at once when the model answers anything but letter by letter, or cannot read the longest sequence.
    """
    if model.spec.task != "tag":
        raise InputError("error.not_tagging", model=model.spec.name, task=model.spec.task)
    if not lengths or min(lengths) < 1 or n < 1:
        raise InputError("error.lengths", given=list(lengths), n=n)
    limit = model.spec.max_tokens
    if limit is not None and max(lengths) > limit:
        raise InputError("error.too_long", n=max(lengths), limit=limit)
    return (_score(model, length, n, seed, task) for length in lengths)


def _score(model: "InHouse", length: int, n: int, seed: int, task: Task) -> LengthScore:
    drawn = sequences(length, n=n, seed=seed)
    ids = torch.tensor([[model.tokenizer.token_to_id(c) for c in row] for row in drawn])  # [n length]
    wanted = torch.tensor([[model.tokenizer.token_to_id(c) for c in answer(task, row)] for row in drawn])
    with torch.inference_mode():
        right = model.module(ids).argmax(-1) == wanted  # [n length]
    return LengthScore(length, n, int(right.sum()), int(right.all(-1).sum()))
