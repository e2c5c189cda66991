"""Where a score comes from: what W_Q and W_K read, split into content and position, for every model whose layers can be followed.

The words, the position vectors and what layers have added travel down the residual stream as a sum. Layer norms are split with the
mean and variance they really had, so the parts always add up to what the layer read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from attnlab.core.positions import ABSOLUTE
from attnlab.core.trace import Array, Attention, Trace, frozen, softmax
from attnlab.core.walk import arithmetic
from attnlab.core.walk.weights import AttentionWeights, EmbeddingWeights, LayerWeights, Linear, Norm, Rotation, StackWeights
from attnlab.words import InputError

CLOSE = 1e-3  # the sum of the parts and the recorded stream must agree at least this well, or the model is not what we think


@dataclass(frozen=True, eq=False)
class Input:
    """What one sublayer's W_Q and W_K read, as a sum: content + position + mixed. Each [n d_model].

    mixed: what earlier layers made of content and position together; zeros in the first layer.
    """

    content: Array
    position: Array
    mixed: Array

    def total(self) -> Array:
        return frozen(self.content + self.position + self.mixed)


def split_norm(norm: Norm, parts: Input) -> Input:
    """The norm of the sum, part by part. With the sum's own variance held fixed the norm is linear, so nothing is lost.

    The shift belongs to no word and no place; it is counted as content.
    """
    total = parts.total().astype(np.float64)
    scale = norm.gain / np.sqrt(total.var(-1, keepdims=True) + norm.eps)  # [n d]
    content, position, mixed = ((x - x.mean(-1, keepdims=True)) * scale for x in (parts.content, parts.position, parts.mixed))
    return Input(frozen(content + norm.shift), frozen(position), frozen(mixed))


@dataclass(frozen=True, eq=False)
class ScoreParts:
    """One head's scores as a sum of named parts. Each [q k], or None where the encoding has no such part.

    content_position: the query's content meets the key's position. mixed: at least one side comes from earlier layers.
    bias: what ALiBi or T5 adds. turn: what turning q and k by their positions changes (rotary). hidden: cells that a mask takes away.
    """

    content_content: Array
    content_position: Array | None = None
    position_content: Array | None = None
    position_position: Array | None = None
    mixed: Array | None = None
    bias: Array | None = None
    turn: Array | None = None
    hidden: NDArray[np.bool_] | None = None

    def items(self) -> list[tuple[str, Array]]:
        """The parts that exist, by name, in order."""
        named = ((field.name, getattr(self, field.name)) for field in fields(self) if field.name != "hidden")
        return [(name, part) for name, part in named if part is not None]

    def total(self) -> Array:
        """The scores: the sum of the parts, -inf where a key is hidden."""
        return self.sum_of(*(name for name, _ in self.items()))

    def sum_of(self, *names: str) -> Array:
        """The sum of some of the parts, -inf where a key is hidden."""
        total = np.sum([part for name, part in self.items() if name in names], axis=0)
        return frozen(total if self.hidden is None else np.where(self.hidden, -np.inf, total))

    def weights(self, *names: str) -> Array:
        """softmax of some of the parts: what the head would look at if these were all it had."""
        return softmax(self.sum_of(*names))

    def explained(self) -> float:
        """The share of how scores vary along their rows that parts with a position in them account for, 0 to 1. See `explained_by`."""
        positional = [part for name, part in self.items() if name not in ("content_content", "mixed")]
        return explained_by(np.sum(positional, axis=0), self.total()) if positional else 0.0


def split_scores(
    parts: Input,
    q: tuple[Array, Array],
    k: tuple[Array, Array],
    scale: float,
    *,
    first: bool,
    hidden: NDArray[np.bool_] | None = None,
) -> ScoreParts:
    """q·k·scale of one head, for every pairing of what the two sides are made of. The biases of W_Q and W_K count as content.

    q, k: the head's (weight [d_model d], bias [d]). first: leave `mixed` out, because there is nothing in it.
    """
    content, position, mixing = (x.astype(np.float64) for x in (parts.content, parts.position, parts.mixed))  # sums of large terms
    q_content, k_content = content @ q[0] + q[1], content @ k[0] + k[1]  # [n d]
    q_position, k_position = position @ q[0], position @ k[0]
    q_mixed, k_mixed = mixing @ q[0], mixing @ k[0]
    mixed = (q_content + q_position + q_mixed) @ k_mixed.T + q_mixed @ (k_content + k_position).T
    return ScoreParts(
        frozen(q_content @ k_content.T * scale),
        frozen(q_content @ k_position.T * scale),
        frozen(q_position @ k_content.T * scale),
        frozen(q_position @ k_position.T * scale),
        None if first else frozen(mixed * scale),
        hidden=hidden,
    )


def explained_by(part: Array, total: Array) -> float:
    """cov(part, total) / var(total) along the rows, hidden cells left out: shares of parts that add up to the total add up to 1.

    A row's mean is taken away first, since adding a constant to a row of scores changes no weight. May leave 0 to 1 when parts cancel.
    """
    seen = np.isfinite(total) & np.isfinite(part)
    count = np.maximum(seen.sum(-1, keepdims=True), 1)

    def centred(x: Array) -> NDArray[np.float64]:
        x = np.where(seen, x, 0).astype(np.float64)
        return np.where(seen, x - x.sum(-1, keepdims=True) / count, 0)

    along = centred(total)
    spread = float((along * along).sum())
    return float((centred(part) * along).sum()) / spread if spread > 0 else 0.0


# One head of a trace


def score_parts(trace: Trace, attention: Attention, head: int, weights: StackWeights, read: Sequence[Input] | None = None) -> ScoreParts:
    """One head's scores as a sum. read: what `inputs` gave for this stack, if it was computed already.

    Raises InputError for cross-attention under absolute positions and for families that are not followed.
    """
    kind, hidden = weights.positions, ~np.isfinite(attention.scores(head))  # [q k]
    products = attention.products(head) * np.float32(attention.scale)
    if attention.stack == "cross" and kind in ABSOLUTE:
        raise InputError("error.no_parts_cross")
    if attention.soft_cap is not None:
        raise not_followed(trace, weights)
    if kind in ABSOLUTE:
        read = inputs(trace, weights) if read is None else read
        own, d = weights.layers[attention.layer].own, attention.d_head
        q, k = (slice(at * d, (at + 1) * d) for at in (head, attention.kv_head(head)))
        sides = (own.w_q.weight[:, q], own.w_q.bias[q]), (own.w_k.weight[:, k], own.w_k.bias[k])
        return split_scores(read[attention.layer], *sides, attention.scale, first=attention.layer == 0, hidden=hidden)
    if kind == "rotary" and attention.stack != "cross":
        if not weights.rotations:
            raise not_followed(trace, weights)
        content = straight(attention, head, weights.rotations[attention.layer])
        return ScoreParts(content, turn=frozen(products - content), hidden=hidden)
    if kind in ("alibi", "relative") and attention.stack != "cross":
        bias = np.where(hidden, 0, attention.added(head))
        return ScoreParts(products, bias=frozen(bias), hidden=hidden)
    return ScoreParts(frozen(products), hidden=hidden)


def shares(trace: Trace, weights: StackWeights) -> Array:
    """How much of each head's scores position explains (see `explained_by`). [layers heads]"""
    read = inputs(trace, weights) if weights.positions in ABSOLUTE and weights.stack != "cross" else None
    layers = trace.layers(weights.stack)
    return frozen([[score_parts(trace, a, head, weights, read).explained() for head in range(a.n_heads)] for a in layers])


def not_followed(trace: Trace, weights: StackWeights) -> InputError:
    return InputError("error.no_parts", model=trace.model, family=weights.family)


# What each layer reads


def inputs(trace: Trace, weights: StackWeights) -> list[Input]:
    """What W_Q of every layer reads, as content + position + mixed, for a model with position vectors.

    Raises InputError for a family whose layers are not read, and for one whose first layer reads something else.
    """
    if weights.embedding is None:
        raise not_followed(trace, weights)
    stream = trace.residual[weights.stack]
    now, read = embed(weights.embedding, trace.layers(weights.stack)[0].queries.ids), []
    for number, layer in enumerate(weights.layers):
        now = Input(now.content, now.position, frozen(stream[number] - now.content - now.position))
        if number == 0:
            if float(np.abs(now.mixed).max()) > CLOSE * max(float(np.abs(now.content).max()), 1.0):
                raise not_followed(trace, weights)
            now = Input(frozen(now.content + now.mixed), now.position, np.zeros_like(now.mixed))  # rounding, 1e-6, stays with the content
        read.append(split_norm(layer.own.norm, now) if layer.pre else now)
        if not layer.pre and number + 1 < len(stream):
            now = passed(trace, weights, number, now)
    return read


def embed(tables: EmbeddingWeights, ids: Sequence[int]) -> Input:
    """Word vectors and position vectors as they enter the stream."""
    content = tables.token[np.array(ids)].astype(np.float64) * tables.scale
    if tables.segment is not None:
        content = content + tables.segment[tables.segment_ids]
    position = np.zeros_like(content) if tables.position is None else tables.position[tables.position_ids]
    read = Input(frozen(content), frozen(position), frozen(np.zeros_like(content)))
    if tables.norm is not None:
        read = split_norm(tables.norm, read)
    if tables.projection is None:
        return read
    weight, bias = tables.projection.weight, tables.projection.bias
    return Input(frozen(read.content @ weight + bias), frozen(read.position @ weight), frozen(read.mixed @ weight))


def passed(trace: Trace, weights: StackWeights, number: int, now: Input) -> Input:
    """The parts after one layer with norms on the stream. What the sublayers add is mixed."""
    x = trace.residual[weights.stack][number]
    for attention, heads in sublayers(trace, weights, number):
        total = arithmetic.add(x, heads_sum(attention, heads.w_o))
        now = split_norm(heads.norm, Input(now.content, now.position, frozen(total - now.content - now.position)))
        x = normed(heads.norm, total)
    layer = weights.layers[number]
    total = arithmetic.add(x, feed_forward(layer, x))
    return split_norm(layer.norm, Input(now.content, now.position, frozen(total - now.content - now.position)))


def sublayers(trace: Trace, weights: StackWeights, number: int) -> list[tuple[Attention, AttentionWeights]]:
    """The attention sublayers of a layer with their weights, own attention first."""
    layer = weights.layers[number]
    found = [(trace.at(weights.stack, number), layer.own)]
    return found if layer.cross is None else [*found, (trace.at("cross", number), layer.cross)]


def heads_sum(attention: Attention, w_o: Linear) -> Array:
    """What an attention sublayer adds to the stream: every head's z, side by side, through W_O. [q d_model]"""
    joined = arithmetic.join(*(attention.z(head) for head in range(attention.n_heads)))
    return arithmetic.project(joined, w_o.weight, w_o.bias)


def feed_forward(layer: LayerWeights, x: Array) -> Array:
    """What the feed-forward net makes of what it reads. [n d] -> [n d]"""
    wide = arithmetic.activate(arithmetic.project(x, layer.widen.weight, layer.widen.bias), layer.activation)
    return arithmetic.project(wide, layer.narrow.weight, layer.narrow.bias)


def normed(norm: Norm, x: Array) -> Array:
    if not norm.centred:
        scale = np.sqrt((x.astype(np.float64) ** 2).mean(-1, keepdims=True) + norm.eps)
        return frozen(x / scale * norm.gain + norm.shift)
    return arithmetic.layer_norm(x, norm.gain, norm.shift, norm.eps)


# Rotary


def straight(attention: Attention, head: int, rotation: Rotation) -> Array:
    """q·k·scale with both sides turned back to position 0: what the score would be if position turned nothing. [q k]"""
    q, k = attention.need("q")[head], attention.need("k")[attention.kv_head(head)]
    return frozen(turned_back(q, rotation) @ turned_back(k, rotation).T * np.float32(attention.scale))


def turned_back(x: Array, rotation: Rotation) -> Array:
    """Undo a rotary embedding. [n d] -> [n d]"""
    cos, sin = rotation.cos, rotation.sin  # [n r]
    part, rest = x[:, : cos.shape[1]], x[:, cos.shape[1] :]
    if rotation.halves:
        low, high = np.split(part, 2, -1)
        crossed = np.concatenate((-high, low), -1)
    else:
        crossed = np.stack((-part[:, 1::2], part[:, 0::2]), -1).reshape(part.shape)
    back = (part * cos - crossed * sin) / (cos**2 + sin**2)
    return frozen(np.concatenate((back, rest), -1))
