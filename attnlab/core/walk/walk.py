"""One layer as a chain of matrices, each made by one function of `arithmetic` from earlier ones: computed when asked, from weights alone.

The walk knows no family of models. It gets the weights of a layer, what the layer reads, and the mask; what the model recorded of its
own forward pass is used for nothing but the comparison at the end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from attnlab.core.trace import Array, Stack, frozen
from attnlab.core.walk.apart import Apart, take_apart
from attnlab.core.walk.spot import Spot, Step

KEPT = 128 * 128  # matrices [q k] up to this size are kept once computed


@dataclass(frozen=True)
class Change:
    """What a visitor changed in one head, to see what follows. scores and hidden: by (query, key)."""

    head: int = 0
    scores: Mapping[tuple[int, int], float] = field(default_factory=dict)
    hidden: Mapping[tuple[int, int], bool] = field(default_factory=dict)
    scaled: bool = True
    temperature: float = 1.0

    @property
    def nothing(self) -> bool:
        return not self.scores and not self.hidden and self.scaled and self.temperature == 1.0


class Walk:
    """The spots of one layer by name. Numbers are computed when first asked for; a walk is safe to share."""

    def __init__(self, spots: Sequence[Spot], walked: Mapping[Stack, Mapping[int, tuple[Step, ...]]], change: Change | None = None) -> None:
        self.spots = {spot.name: spot for spot in spots}
        self.walked, self.change = walked, Change() if change is None else change
        self._made: dict[str, Array] = {}

    def steps(self, stack: Stack, head: int) -> tuple[Step, ...]:
        """What is walked through for one head: (stage, spot) in order."""
        return self.walked[stack][head]

    def values(self, name: str) -> Array:
        """The numbers of one spot."""
        if name in self._made:
            return self._made[name]
        spot = self.spots[name]
        made = spot.run(*(self.values(one) for one in spot.inputs), **spot.facts)
        made = self._patched(spot, made)
        if spot.columns != "key" or made.size <= KEPT:
            self._made[name] = made
        return made

    def changed(self, change: Change) -> "Walk":
        """The same walk with one head changed. Nothing of the model's own walk is touched."""
        spots = dict(self.spots)
        for name, spot in self.spots.items():
            if name.endswith(f".scaled.{change.head}") and not change.scaled:
                spots[name] = replace(spot, facts={"factor": 1.0})
            if name.endswith(f".exponentials.{change.head}") and change.temperature != 1.0:
                spots[name] = replace(spot, facts={"temperature": change.temperature})
        return Walk(list(spots.values()), self.walked, change)

    def _patched(self, spot: Spot, made: Array) -> Array:
        """The numbers with the visitor's own put in."""
        changes: dict[tuple[int, int], float] = {}
        if spot.name.endswith(f".products.{self.change.head}"):
            changes = dict(self.change.scores)
        elif spot.name.endswith(f".mask.{self.change.head}"):
            changes = {cell: -np.inf if hidden else 0.0 for cell, hidden in self.change.hidden.items()}
        if not changes:
            return made
        made = made.copy()
        for cell, value in changes.items():
            made[cell] = value
        return frozen(made)

    def take_apart(self, name: str, row: int, column: int) -> Apart:
        """The terms that one number is the sum of, and where each of their factors comes from."""
        spot = self.spots[name]
        inputs = [self.values(one) for one in spot.inputs]
        value = float(self.values(name)[row, column])
        return take_apart(spot, inputs, row, column, value)
