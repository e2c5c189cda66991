"""An output of a model as a sum that balances: so much from each head by way of each word, from each feed-forward net, from biases.

With every layer norm's spread held at what it was, each norm is linear, and the last vectors are exactly the sum of what the layers put
into the stream, carried through the norms that come later. It holds for norms before (pre) and after the sums (post) alike.
Source: DecompX (Modarressi et al. 2023) and ALTI (Ferrando et al. 2022) split BERT's layers in this way.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attnlab.core.score_parts import feed_forward, heads_sum, normed, sublayers
from attnlab.core.trace import Attention, Stack, Trace
from attnlab.core.walk import arithmetic
from attnlab.core.walk.weights import Linear, Norm, StackWeights

Kind = Literal["embedding", "head", "feed_forward", "bias"]
Wide = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """One entry. source: the token that it came by way of (a key of a head, the token of an embedding), None for what has none.

    layer: None for the embedding and for what comes after the last layer. value: in the unit of the output.
    """

    kind: Kind
    stack: Stack
    layer: int | None
    head: int | None
    source: int | None
    value: float

    @property
    def name(self) -> str:
        """What it is, without its source: "L2H3", "L2 feed_forward", "embedding"; cross-attention is marked."""
        mark = "×" if self.stack == "cross" else ""
        if self.kind == "head":
            return f"{mark}L{self.layer}H{self.head}"
        return self.kind if self.layer is None else f"L{self.layer} {self.kind}"


@dataclass(frozen=True)
class Ledger:
    """An output taken apart. output: the model's own number; total: the sum of the parts. says: the output in words."""

    parts: tuple[Part, ...]
    output: float
    says: str

    @property
    def total(self) -> float:
        return math.fsum(part.value for part in self.parts)

    @property
    def error(self) -> float:
        """How far the sum is from the model's number."""
        return abs(self.total - self.output)

    def whole(self) -> tuple[Part, ...]:
        """The parts without their sources: one for each head, and one for the embedding."""
        sums: dict[tuple[Kind, Stack, int | None, int | None], list[float]] = {}
        for part in self.parts:
            sums.setdefault((part.kind, part.stack, part.layer, part.head), []).append(part.value)
        return tuple(Part(*place, None, math.fsum(values)) for place, values in sums.items())

    def sources(self, kind: Kind, stack: Stack, layer: int | None, head: int | None) -> dict[int, float]:
        """One whole part by the tokens it came by way of."""
        place = (kind, stack, layer, head)
        return {p.source: p.value for p in self.parts if p.source is not None and (p.kind, p.stack, p.layer, p.head) == place}


def folded(parts: Iterable[Part], most: int = 30) -> tuple[tuple[Part, ...], float, int]:
    """The `most` largest parts in the order they were given, what the others sum to, and how many they are."""
    every = list(parts)
    kept = set(sorted(range(len(every)), key=lambda i: -abs(every[i].value))[:most])
    rest = [part.value for i, part in enumerate(every) if i not in kept]
    return tuple(part for i, part in enumerate(every) if i in kept), math.fsum(rest), len(rest)


def take_apart(trace: Trace, weights: StackWeights, direction: Wide) -> list[Part]:
    """direction · (the stack's vectors after its last norm) as parts. direction: [n d], what each number of each vector counts.

    weights: of a family whose layers are known. Walks from the output down; what counts is carried through each norm it passes.
    """
    if weights.writes:
        return take_apart_before(trace, weights, direction)
    stack = weights.stack
    stream = trace.residual[stack]
    counts, blocks = direction.astype(np.float64), list[list[Part]]()  # blocks: from the output down
    if weights.final is not None:
        blocks.append([Part("bias", stack, None, None, None, float((counts * weights.final.shift).sum()))])
        counts = through(weights.final, stream[-1], counts)
    for number in reversed(range(len(weights.layers))):
        layer, bias = weights.layers[number], 0.0
        attended, totals, x = sublayers(trace, weights, number), [], stream[number]
        for attention, heads in attended:
            total = arithmetic.add(x, heads_sum(attention, heads.w_o))
            totals.append(total)
            x = total if layer.pre else normed(heads.norm, total)
        made = feed_forward(layer, normed(layer.norm, x) if layer.pre else x)
        if not layer.pre:
            bias += float((counts * layer.norm.shift).sum())
            counts = through(layer.norm, arithmetic.add(x, made), counts)
        blocks.append([Part("feed_forward", stack, number, None, None, float((counts * made).sum()))])
        for (attention, heads), total in zip(reversed(attended), reversed(totals), strict=True):
            if not layer.pre:
                bias += float((counts * heads.norm.shift).sum())
                counts = through(heads.norm, total, counts)
            bias += float((counts * heads.w_o.bias).sum())
            blocks.append(head_parts(attention, heads.w_o, counts))
        blocks.append([Part("bias", stack, number, None, None, bias)])
    rows = np.flatnonzero(np.abs(counts).sum(-1))
    blocks.append([Part("embedding", stack, None, None, int(row), float(counts[row] @ stream[0][row])) for row in rows])
    return [part for block in reversed(blocks) for part in block]


def take_apart_before(trace: Trace, weights: StackWeights, direction: Wide) -> list[Part]:
    """The same where of each layer W_O alone is read: norms before the sums change nothing on the way down. A net is what is left."""
    stack, stream = weights.stack, trace.residual[weights.stack]
    assert weights.final is not None
    counts = through(weights.final, stream[-1], direction.astype(np.float64))
    parts = [Part("embedding", stack, None, None, int(row), float(counts[row] @ stream[0][row])) for row in np.flatnonzero(counts.any(-1))]
    for number, w_o in enumerate(weights.writes):
        attention = trace.at(stack, number)
        added = stream[number + 1].astype(np.float64) - stream[number] - heads_sum(attention, w_o)
        parts.append(Part("bias", stack, number, None, None, float((counts * w_o.bias).sum())))
        parts += head_parts(attention, w_o, counts)
        parts.append(Part("feed_forward", stack, number, None, None, float((counts * added).sum())))
    return parts


def through(norm: Norm, x: NDArray[np.float32], counts: Wide) -> Wide:
    """What the input of a norm counts, when its output counts this much and its spread is held. [n d] -> [n d]"""
    if not norm.centred:
        return np.asarray(counts * norm.gain / np.sqrt((x.astype(np.float64) ** 2).mean(-1, keepdims=True) + norm.eps), np.float64)
    scaled = counts * norm.gain / np.sqrt(x.astype(np.float64).var(-1, keepdims=True) + norm.eps)
    return np.asarray(scaled - scaled.mean(-1, keepdims=True), np.float64)


def head_parts(attention: Attention, w_o: Linear, counts: Wide) -> list[Part]:
    """Every head of a sublayer by way of every key: the weight it gives, times what the key's v counts once it is through W_O."""
    d, found = w_o.weight.shape[0] // attention.n_heads, list[Part]()
    for head in range(attention.n_heads):
        back = counts @ w_o.weight[head * d : (head + 1) * d].astype(np.float64).T  # [q d], what z counts
        v = attention.need("v")[attention.kv_head(head)].astype(np.float64)  # [k d]
        values = (attention.weights(head) * (back @ v.T)).sum(0)  # [k]
        where = ("head", attention.stack, attention.layer, head)
        found += [Part(*where, key, float(value)) for key, value in enumerate(values)]  # type: ignore[arg-type]
        if attention.stored_z is not None:  # an edited z does not come by way of keys
            rest = float((back * attention.z(head)).sum() - values.sum())
            found.append(Part(*where, None, rest))  # type: ignore[arg-type]
    return found
