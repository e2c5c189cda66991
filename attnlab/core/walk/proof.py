"""The walk against the model's own forward pass: the largest difference between the two."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from attnlab.core.trace import Array, Stack, Trace
from attnlab.core.walk.walk import Walk


@dataclass(frozen=True)
class Proof:
    """The largest difference between the walk and the model's own forward pass, over all heads and tokens. None: not recorded.

    largest: the largest number that was compared; float32 keeps seven digits of it.
    """

    weights: float
    z: float
    output: float | None
    entry: float | None = None
    largest: float = 1.0

    @property
    def worst(self) -> float:
        return max(x for x in (self.weights, self.z, self.output, self.entry) if x is not None)


def proof(walk: Walk, trace: Trace, stack: Stack, number: int) -> Proof:
    """Compare. entry: what the first layer reads, worked out from the embedding tables."""
    attention = trace.at(stack, number)

    def apart(mine: Array, theirs: Array) -> float:
        return float(np.abs(mine - theirs).max())

    heads = range(attention.n_heads)
    weights = max(apart(walk.values(f"{stack}.weights.{h}"), attention.weights(h)) for h in heads)
    z = max(apart(walk.values(f"{stack}.z.{h}"), attention.z(h)) for h in heads)
    own: Stack = "decoder" if stack == "cross" else stack
    stream: Mapping[str, tuple[Array, ...]] = trace.residual
    if "output" not in walk.spots or own not in stream:
        return Proof(weights, z, None)
    entry = apart(walk.values("x"), stream[own][0]) if number == 0 else None
    after = stream[own][number + 1]
    return Proof(weights, z, apart(walk.values("output"), after), entry, max(1.0, float(np.abs(after).max())))
