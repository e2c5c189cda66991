"""Measures over any number of sentences in constant memory: a sum and a count per head and measure, nothing else is kept."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from attnlab.core.guide import RULES, Rule, Sighting, sightings
from attnlab.core.measures import ALL, measured
from attnlab.core.trace import Array, Stack, Trace

NAMES = tuple(measure.name for measure in ALL)


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
        self.sentences += 1
        self.tokens += len(trace.source)
        for attention in trace.attentions:
            found = measured(attention)
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
