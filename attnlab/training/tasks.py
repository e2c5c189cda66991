"""Tasks that need no file: a sequence of letters in, the same sequence copied, reversed or sorted out."""

import random
from collections.abc import Iterator
from itertools import count
from typing import Literal, get_args

from attnlab.training.data import Batch, Example, collate

Task = Literal["copy", "reverse", "sort"]
TASKS: tuple[Task, ...] = get_args(Task)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
TRAINED = (4, 16)


def answer(task: Task, letters: list[str]) -> list[str]:
    """What the model should say for these letters."""
    return {"copy": letters, "reverse": letters[::-1], "sort": sorted(letters)}[task]


def draw(rng: random.Random, length: int) -> list[str]:
    """A fresh random sequence."""
    return rng.choices(LETTERS, k=length)


def example(task: Task, letters: list[str], ids: dict[str, int]) -> Example:
    """A sequence and its answer as ids."""
    return Example(tuple(ids[c] for c in letters), (), tuple(ids[c] for c in answer(task, letters)))


def task_batches(
    task: Task, ids: dict[str, int], *, size: int, seed: int, start: int = 0, lengths: tuple[int, int] = TRAINED
) -> Iterator[Batch]:
    """Fresh sequences of mixed lengths without end, about `size` padded tokens each; step i is the same whenever it is asked for."""
    for step in count(start):
        rng = random.Random(f"{task}/{seed}/{step}")
        drawn = (rng.randint(*lengths) for _ in range(max(1, size // lengths[1])))
        yield collate([example(task, draw(rng, length), ids) for length in drawn])
