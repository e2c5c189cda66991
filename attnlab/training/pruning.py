"""How much of a task is left as heads are taken out for good, the least important first, and as they are taken out in random order.

Source: Michel et al. (2019), Are Sixteen Heads Really Better than One?; Voita et al. (2019), Analyzing Multi-Head Self-Attention.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from attnlab.core.trace import Array, Stack, frozen
from attnlab.models.interventions import By, knock_outs
from attnlab.models.recorder import Here, Intervention, intervening
from attnlab.models.spec import Model
from attnlab.training.data import read_labelled, read_rows
from attnlab.training.lengths import sequences
from attnlab.training.measure import fill_score, write_score
from attnlab.training.scores import accuracy, grouped, translation_scores
from attnlab.training.text import Text, read_text
from attnlab.words import InputError

Head = tuple[Stack, int, int]  # stack, layer, head
SCORES = {"translate": "bleu", "classify": "accuracy", "tag": "accuracy", "generate": "loss", "fill": "top1"}  # what a task is judged by
LENGTHS = range(6, 15)  # of fresh sequences for a model that answers letter by letter


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A task on data that the model has not seen. texts: what it reads; score: how well it does, asked anew whenever called."""

    kind: str
    texts: tuple[str, ...]
    score: Callable[[], float]


@dataclass(frozen=True)
class Point:
    """The score with the first `removed` heads of an order out. order: 0 by importance, from 1 on at random."""

    order: int
    removed: int
    score: float


@dataclass(frozen=True, eq=False)
class Curve:
    """Scores by how many heads are out. removed: [points]; by_importance: [points]; at_random: [orders points]."""

    kind: str
    removed: tuple[int, ...]
    by_importance: Array
    at_random: Array


def held_out(model: Any, data: Path | None, *, rows: int = 200, seed: int = 0) -> HeldOut:
    """A model's own task on a file like the one it was trained on, or on fresh sequences where it answers letter by letter.

    Raises InputError for a model without a task of ours, for no file, and for a file that cannot be used.
    """
    task = model.spec.task
    if model.spec.family != "attnlab":
        raise InputError("error.not_ours", model=model.spec.name)
    if task == "tag":
        return _letters(model, rows, seed)
    if data is None:
        raise InputError("error.needs_data", task=task)
    return {"translate": _translation, "classify": _labels, "generate": _text, "fill": _holes}[task](model, data, rows, seed)


def _letters(model: Any, rows: int, seed: int) -> HeldOut:
    each = max(1, rows // len(LENGTHS))
    asked = [letters for length in LENGTHS for letters in sequences(length, n=each, seed=seed)]
    lines = [" ".join(letters) for letters in asked]
    right = [letter for letters in asked for letter in reversed(letters)]
    return HeldOut("accuracy", tuple(lines), lambda: accuracy([letter for said in model.tag(lines) for letter in said], right))


def _translation(model: Any, data: Path, rows: int, seed: int) -> HeldOut:
    found = dict(list(grouped(read_rows(data, 2).good).items())[:rows])
    chinese = "zh" if model.spec.name.endswith("-zh") else "13a"

    def bleu() -> float:
        return translation_scores(model.translate(list(found), beam=1), list(found.values()), tokenize=chinese)[0].value

    return HeldOut("bleu", tuple(found), bleu)


def _labels(model: Any, data: Path, rows: int, seed: int) -> HeldOut:
    chosen = list(read_labelled(data).good)
    random.Random(seed).shuffle(chosen)  # files are often sorted by label
    labels, lines = zip(*chosen[:rows], strict=True)
    return HeldOut("accuracy", tuple(lines), lambda: accuracy([label for label, _ in model.classify(lines)], labels))


def _text(model: Any, data: Path, rows: int, seed: int) -> HeldOut:
    text = read_text(data)
    lines = text.lines[:rows]
    return HeldOut("loss", lines, lambda: write_score(model, Text(data, tuple((line,) for line in lines), True)).loss)


def _holes(model: Any, data: Path, rows: int, seed: int) -> HeldOut:
    lines = read_text(data).lines[:rows]
    return HeldOut("top1", lines, lambda: fill_score(model, lines, seed=seed, path=data).top1)


# Which heads go first


def least_important_first(model: Model, texts: Sequence[str], *, by: By = "zero") -> list[Head]:
    """Every head of every stack, by the mean size of what its knock-out changes. Raises InputError for no texts."""
    if not texts:
        raise InputError("error.edit_texts", to=by)
    traces = [model.trace(text) for text in texts]
    sizes: dict[Head, float] = {}
    for stack in traces[0].stacks:
        found = [np.abs(knock_outs(model, trace, stack, by=by, texts=texts, seed=i)) for i, trace in enumerate(traces)]
        sizes |= {(stack, int(layer), int(head)): float(x) for (layer, head), x in np.ndenumerate(np.mean(found, 0))}
    return sorted(sizes, key=lambda head: sizes[head])


def removed(heads: Iterable[Head]) -> list[Intervention]:
    """Heads taken out: their z is zero."""
    places: dict[tuple[Stack, int], list[int]] = {}
    for stack, layer, head in heads:
        places.setdefault((stack, layer), []).append(head)
    return [Intervention("z", stack, layer, _struck(some)) for (stack, layer), some in places.items()]


def _struck(heads: Sequence[int]) -> Callable[[Tensor, Here], Tensor]:
    def change(z: Tensor, here: Here) -> Tensor:
        z = z.clone()
        z[:, list(heads)] = 0
        return z

    return change


# The curve


def prune(task: HeldOut, order: Sequence[Head], *, orders: int = 3, points: int = 9, seed: int = 0) -> Iterator[Point]:
    """One score after another: by importance, then in `orders` random orders, none to all heads out in `points` steps."""
    steps = sorted({round(step) for step in np.linspace(0, len(order), points)})
    shuffled = [random.Random(f"{seed}/{number}").sample(list(order), len(order)) for number in range(orders)]
    for number, heads in enumerate([list(order), *shuffled]):
        for n in steps:
            with intervening(removed(heads[:n])):
                score = task.score()
            yield Point(number, n, score)  # outside: who asks for points runs as the model is


def curve(kind: str, points: Iterable[Point]) -> Curve:
    """The points of every order side by side; an order that is not whole yet is left out."""
    found: dict[int, dict[int, float]] = {}
    for point in points:
        found.setdefault(point.order, {})[point.removed] = point.score
    steps = tuple(found.get(0, {}))
    rest = [list(found[number].values()) for number in sorted(found) if number and tuple(found[number]) == steps]
    return Curve(kind, steps, frozen(list(found.get(0, {}).values())), frozen(np.array(rest).reshape(-1, len(steps))))
