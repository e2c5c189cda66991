"""The field guide: what kind a head is, by which measure, over which threshold. Labels describe weights, not what they mean.

Over many sentences it takes constant memory: a sum and a count per head and measure, nothing else is kept.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from types import MappingProxyType
from typing import Literal, TextIO

import numpy as np

from attnlab.core.measures import ALL, measured
from attnlab.core.trace import Array, Attention, Stack, Trace
from attnlab.words import say

NAMES = tuple(measure.name for measure in ALL)

Label = Literal["previous", "next", "self", "induction", "duplicate", "first", "delimiter", "punctuation", "broad"]


@dataclass(frozen=True)
class Rule:
    """A head gets the label when its measure reaches the threshold."""

    label: Label
    measure: str
    threshold: float


RULES: tuple[Rule, ...] = (
    Rule("previous", "previous", 0.4),
    Rule("next", "next", 0.4),
    Rule("self", "self", 0.4),
    Rule("induction", "induction", 0.4),
    Rule("duplicate", "duplicate", 0.4),
    Rule("first", "first", 0.4),
    Rule("delimiter", "delimiter", 0.4),
    Rule("punctuation", "punctuation", 0.4),
    Rule("broad", "evenness", 0.9),
)


@dataclass(frozen=True)
class Sighting:
    """A label that a head earned, its score, and the threshold that the score reached."""

    label: Label
    score: float
    threshold: float


def sightings(measures: Mapping[str, float], rules: Sequence[Rule] = RULES) -> list[Sighting]:
    """Every label a head earns, the one furthest over its threshold first (of equals, the first rule); empty when nothing fits."""
    scored = ((rule, measures.get(rule.measure, nan)) for rule in rules)
    found = [Sighting(rule.label, score, rule.threshold) for rule, score in scored if not isnan(score) and score >= rule.threshold]
    return sorted(found, key=lambda seen: seen.threshold - seen.score)


# Over any number of sentences


@dataclass(frozen=True)
class Head:
    """One head over all sentences: the mean of each measure over the sentences that can answer it, NaN where none can."""

    stack: Stack
    layer: int
    head: int
    measures: dict[str, float]

    def labels(self, rules: tuple[Rule, ...] = RULES) -> list[Sighting]:
        return sightings(self.measures, rules)


class Sums:
    """Add traces of one model, read means at any time."""

    def __init__(self) -> None:
        self.sentences = 0
        self.tokens = 0
        self._sum: dict[tuple[Stack, int], Array] = {}  # [measures h]
        self._count: dict[tuple[Stack, int], Array] = {}

    def add(self, trace: Trace) -> None:
        """One more sentence."""
        for attention in trace.attentions:
            self._add(attention, measured(attention))
        self._count_in(trace)

    def adding(self, trace: Trace) -> Iterator[float]:
        """The same for a long text, head by head: yields how much of it is done. One that is not gone through to its end counts nothing."""
        todo, done, made = sum(attention.n_heads for attention in trace.attentions), 0, []
        for attention in trace.attentions:
            found: dict[str, list[Array]] = {name: [] for name in NAMES}
            for head in range(attention.n_heads):
                for name, value in measured(attention, [head]).items():
                    found[name].append(value)
                done += 1
                yield done / todo
            made.append((attention, {name: np.concatenate(values) for name, values in found.items()}))
        for attention, values in made:
            self._add(attention, values)
        self._count_in(trace)

    def _count_in(self, trace: Trace) -> None:
        self.sentences += 1
        self.tokens += len(trace.source)

    def _add(self, attention: Attention, found: Mapping[str, Array]) -> None:
        values = np.stack([found[name] for name in NAMES]).astype(np.float64)
        place = (attention.stack, attention.layer)
        known = np.isfinite(values)
        self._sum[place] = self._sum.get(place, 0) + np.where(known, values, 0)
        self._count[place] = self._count.get(place, 0) + known

    def heads(self) -> Iterator[Head]:
        """Every head, layer by layer."""
        for (stack, layer), total in self._sum.items():
            count = self._count[stack, layer]
            mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
            for head in range(total.shape[1]):
                yield Head(stack, layer, head, {name: float(x) for name, x in zip(NAMES, mean[:, head], strict=True)})


# As a table


def write_table(
    target: TextIO,
    heads: Iterable[Head],
    *,
    sentences: int,
    rules: tuple[Rule, ...] = RULES,
    more: Mapping[str, Sequence[float]] = MappingProxyType({}),
) -> None:
    """CSV, one row a head: the label that fits best with its score, threshold and reason, then every measure.

    Numbers with 6 digits; empty where no sentence could answer, or where no label fits (then the reason says so).
    more: further columns, a number for each head.
    """
    rows = csv.writer(target, lineterminator="\n")
    rows.writerow(("stack", "layer", "head", "label", "score", "threshold", "reason", *NAMES, "sentences", *more))
    for place, head in enumerate(heads):
        measures, rest = map(_digits, head.measures.values()), (_digits(column[place]) for column in more.values())
        rows.writerow((head.stack, head.layer, head.head, *_naming(head, rules), *measures, sentences, *rest))


def _naming(head: Head, rules: tuple[Rule, ...]) -> tuple[str, str, str, str]:
    found = head.labels(rules)
    if not found:
        return "", "", "", say("measures.none")
    best = found[0]
    reason = say(f"measures.reason_{best.label}", percent=f"{100 * best.score:.0f}%")
    return best.label, _digits(best.score), f"{best.threshold:g}", reason


def _digits(value: float) -> str:
    return "" if isnan(value) else f"{value:.6g}"
