"""Exact sums: every number is an integer multiple of a power of two, so that adding blocks in any order gives the same bits."""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnlab.core.batched import DISTANCES
from attnlab.core.guide import NAMES
from attnlab.core.measures import MEASURES
from attnlab.core.trace import STACKS, Stack
from attnlab.untrusted import inflated, read_json

Numbers = NDArray[np.float64]
FINE, COARSE = 40, 30  # values are multiples of 2^-40, their squares of 2^-30
BINS = 50
LENGTHS = (8, 16, 32, 64, 128)  # tokens: up to each of these, and more
Z95 = 1.959963984540054  # the normal distribution's 97.5th percentile


def edges(name: str) -> Numbers:
    """The borders of a measure's histogram. [BINS + 1]. Shares evenly from 0 to 1, nats to 8, tokens and ranks by a constant ratio."""
    unit = MEASURES[name].unit
    if unit == "share":
        return np.linspace(0, 1, BINS + 1)
    if unit == "nats":
        return np.linspace(0, 8, BINS + 1)
    return np.concatenate(([0.0], np.geomspace(0.125 if unit == "tokens" else 1.0, 4096.0, BINS)))


EDGES = tuple(edges(name) for name in NAMES)


class Seen(NamedTuple):
    """What some sentences say of every head. values: [s m H], NaN for no answer.

    distances: [2 D H], cells and weight (in 2^-40) by distance, of all of them together.
    even: [s m H], the values of a head that spread evenly over the keys that each query may see: chance.
    """

    values: Numbers
    distances: NDArray[np.int64]
    even: Numbers


def together(parts: Sequence[Seen]) -> Seen:
    """What all of these sentences say, in this order."""
    values, distances, even = zip(*parts, strict=True)
    return Seen(np.concatenate(values), np.sum(distances, 0), np.concatenate(even))


@dataclass(frozen=True, eq=False)
class Totals:
    """Sums over sentences of every measure [m] of every head [H]. places: which head a column is.

    sentences, tokens: how many. count, total, square: [L m H] by length, total in 2^-40 and square in 2^-30. histogram: [m H BINS].
    cells, weight: [D H], links between tokens that are not special by distance, and the weight on them in 2^-40.
    even: [m H], chance in 2^-40.
    Python's integers, which have no largest one, except in a block's own file.
    """

    places: tuple[tuple[Stack, int, int], ...]
    sentences: int
    tokens: int
    count: NDArray[Any]
    total: NDArray[Any]
    square: NDArray[Any]
    histogram: NDArray[Any]
    cells: NDArray[Any]
    weight: NDArray[Any]
    even: NDArray[Any]

    def __add__(self, other: "Totals") -> "Totals":
        if self.places != other.places:
            raise ValueError("sums of different models do not add")
        parts = (getattr(self, name).astype(object) + getattr(other, name).astype(object) for name in ARRAYS)
        return Totals(self.places, self.sentences + other.sentences, self.tokens + other.tokens, *parts)

    def mean(self) -> Numbers:
        """[m H], NaN where no sentence could answer."""
        return _ratio(self.total.sum(0), self.count.sum(0), FINE)

    def answered(self) -> NDArray[np.int64]:
        """How many sentences could answer. [m H]"""
        return np.asarray(self.count.sum(0), dtype=np.int64)

    def deviation(self) -> Numbers:
        """The standard deviation over sentences (n - 1). [m H], NaN for fewer than two."""
        n = self.answered().astype(np.float64)
        spread = _ratio(self.square.sum(0), self.count.sum(0), COARSE) - self.mean() ** 2
        return np.sqrt(np.maximum(spread, 0) * np.divide(n, n - 1, out=np.full(n.shape, np.nan), where=n > 1))

    def margin(self) -> Numbers:
        """Half the width of the 95 % interval of the mean, by the normal approximation. [m H], NaN for fewer than two sentences."""
        n = self.answered().astype(np.float64)
        return np.asarray(Z95 * self.deviation() / np.sqrt(np.where(n > 0, n, np.nan)))

    def quantile(self, share: float) -> Numbers:
        """The value below which a share of the sentences lies, straight within a bin of the histogram. [m H]"""
        bins = np.asarray(self.histogram, dtype=np.float64)
        below = np.cumsum(bins, -1)  # [m H BINS]
        wanted = share * below[..., -1:]
        at = np.argmax(below >= wanted, -1)  # [m H]
        here = np.take_along_axis(bins, at[..., None], -1)[..., 0]
        before = np.take_along_axis(below, at[..., None], -1)[..., 0] - here
        inside = np.divide(wanted[..., 0] - before, here, out=np.zeros(here.shape), where=here > 0)
        borders = np.stack(EDGES)
        low, high = (np.take_along_axis(borders, at + step, 1) for step in (0, 1))
        return np.where(below[..., -1] > 0, low + inside * (high - low), np.nan)

    def chance(self) -> Numbers:
        """The mean for a head that spread evenly over what each query may see. [m H]"""
        return _ratio(self.even, self.count.sum(0), FINE)

    def by_distance(self) -> Numbers:
        """The mean weight of a link at each distance. [D H]"""
        return _ratio(self.weight, self.cells, FINE)

    def by_length(self) -> Numbers:
        """The mean by length. [L m H]"""
        return _ratio(self.total, self.count, FINE)

    def length_margin(self) -> Numbers:
        """Half the width of the 95 % interval of each mean by length. [L m H], NaN for fewer than two sentences."""
        n = np.asarray(self.count, dtype=np.float64)
        spread = np.maximum(_ratio(self.square, self.count, COARSE) - self.by_length() ** 2, 0)
        return np.asarray(Z95 * np.sqrt(np.divide(spread, n - 1, out=np.full(n.shape, np.nan), where=n > 1)))


ARRAYS = ("count", "total", "square", "histogram", "cells", "weight", "even")


def _ratio(total: NDArray[Any], count: NDArray[Any], bits: int) -> Numbers:
    """total / (count · 2^bits), divided as exactly as a float can say. Python's integers divide with one rounding."""
    flat = [int(t) / (int(c) << bits) if c else np.nan for t, c in zip(total.ravel(), count.ravel(), strict=True)]
    return np.array(flat, dtype=np.float64).reshape(total.shape)


def sums_of(places: Sequence[tuple[Stack, int, int]], seen: Seen, lengths: Sequence[int]) -> Totals:
    """The exact sums of one block. lengths: of the sentences, in tokens."""
    every, distances, even = seen
    known = np.isfinite(every)
    safe = np.where(known, every, 0)
    fine, coarse = np.rint(safe * 2.0**FINE).astype(np.int64), np.rint(safe**2 * 2.0**COARSE).astype(np.int64)
    bucket = np.searchsorted(LENGTHS, lengths)  # [s]
    by = [bucket == i for i in range(len(LENGTHS) + 1)]
    return Totals(
        tuple(places),
        len(every),
        int(sum(lengths)),
        np.stack([known[rows].sum(0) for rows in by]).astype(np.int64),
        np.stack([fine[rows].sum(0) for rows in by]),
        np.stack([coarse[rows].sum(0) for rows in by]),
        np.stack([histogram(every[:, i], EDGES[i]) for i in range(len(NAMES))]),
        distances[0],
        distances[1],
        np.rint(np.where(known, even, 0) * 2.0**FINE).astype(np.int64).sum(0),
    )


def histogram(values: Numbers, borders: Numbers) -> NDArray[np.int64]:
    """How many values fall between two borders, those outside in the first and last bin. [s H] -> [H BINS]"""
    heads = values.shape[1]
    known = np.isfinite(values)
    bins = np.clip(np.searchsorted(borders, values, "right") - 1, 0, BINS - 1)
    place = (np.arange(heads) * BINS + bins)[known]
    return np.bincount(place, minlength=heads * BINS).reshape(heads, BINS)


def to_arrays(totals: Totals) -> dict[str, NDArray[Any]]:
    """As arrays for a file of a block."""
    stacks, layers, heads = zip(*totals.places, strict=True)
    sizes = np.array([totals.sentences, totals.tokens], np.int64)
    kept = {name: getattr(totals, name).astype(np.int64) for name in ARRAYS}
    return kept | {"stack": np.array(stacks), "layer": np.array(layers), "head": np.array(heads), "size": sizes}


def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Totals:
    """What `to_arrays` wrote. Raises KeyError where something is missing."""
    places = tuple((str(s), int(i), int(h)) for s, i, h in zip(arrays["stack"], arrays["layer"], arrays["head"], strict=True))
    sentences, tokens = (int(x) for x in arrays["size"])
    return Totals(places, sentences, tokens, *(arrays[name] for name in ARRAYS))  # type: ignore[arg-type]


LARGEST = 64 << 20  # bytes of totals as text, of a model with thousands of heads
WHOLE = 1 << 256  # no sum of any corpus is larger


def packed(totals: Totals) -> str:
    """As text for a file of another kind, every integer whole."""
    sums = {name: getattr(totals, name).tolist() for name in ARRAYS}
    said = {"places": totals.places, "sentences": totals.sentences, "tokens": totals.tokens, **sums}
    return base64.b64encode(zlib.compress(json.dumps(said).encode(), 9)).decode()


def unpacked(text: str, *, most: int = LARGEST) -> Totals:
    """What `packed` wrote, at most so many bytes when inflated. Raises ValueError, KeyError or TypeError for anything else."""
    said = read_json(inflated(base64.b64decode(text, validate=True), most=most), most=most)
    places = tuple((stack, whole(layer), whole(head)) for stack, layer, head in said["places"])
    if not places or len(set(places)) != len(places) or not {stack for stack, _, _ in places} <= set(STACKS):
        raise ValueError("the heads cannot be")
    m, heads, lengths = len(NAMES), len(places), len(LENGTHS) + 1
    shapes = [(lengths, m, heads)] * 3 + [(m, heads, BINS)] + [(DISTANCES, heads)] * 2 + [(m, heads)]
    sums = [integers(said[name], shape) for name, shape in zip(ARRAYS, shapes, strict=True)]
    return Totals(places, whole(said["sentences"]), whole(said["tokens"]), *sums)


def integers(said: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Lists of whole numbers of this shape. Raises ValueError for anything else."""
    array = np.array(said, dtype=object)
    if array.shape != shape:
        raise ValueError(f"sums are {array.shape}, not {shape}")
    for value in array.ravel():
        whole(value)
    return array


def whole(value: Any) -> int:
    """A whole number that a sum can be. Raises ValueError for anything else."""
    if type(value) is not int or not 0 <= value < WHOLE:
        raise ValueError(f"{str(value)[:40]} is no sum")
    return value
