"""Two maps of different sentences laid over each other: which tokens are the same, what changed there, which heads changed most."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from attnlab.core.trace import Array, Attention, Tokens, Trace, frozen

By = Literal["position", "sequence"]
Pair = tuple[int | None, int | None]


@dataclass(frozen=True)
class Alignment:
    """Every token of both sides once, in reading order: (place in a, place in b), None where the other side has no such token."""

    pairs: tuple[Pair, ...]

    @property
    def both(self) -> tuple[tuple[int, int], ...]:
        """The tokens that both sides have."""
        return tuple((i, j) for i, j in self.pairs if i is not None and j is not None)

    @property
    def only_a(self) -> tuple[int, ...]:
        return tuple(i for i, j in self.pairs if i is not None and j is None)

    @property
    def only_b(self) -> tuple[int, ...]:
        return tuple(j for i, j in self.pairs if i is None and j is not None)

    def labels(self, a: Sequence[str], b: Sequence[str]) -> list[str]:
        """One label a pair; a token that only one side has says which: −x is only in a, +x only in b."""
        words = []
        for i, j in self.pairs:
            words.append(f"+{b[j]}" if i is None and j is not None else a[i] if i is not None and j is not None else f"−{a[i or 0]}")
        return words


def align(a: Tokens, b: Tokens, by: By = "sequence") -> Alignment:
    """Equal tokens, by the same position or by the longest common subsequence. Nothing is dropped: the rest stands alone.

    Models with different vocabularies are compared by their pieces.
    """
    return by_position(a.pieces, b.pieces) if by == "position" else by_sequence(a.pieces, b.pieces)


def by_position(a: Sequence[str], b: Sequence[str]) -> Alignment:
    """Place i with place i where both hold the same token."""
    pairs: list[Pair] = []
    for i in range(max(len(a), len(b))):
        if i < len(a) and i < len(b) and a[i] == b[i]:
            pairs.append((i, i))
        else:
            pairs += [(i, None)] * (i < len(a)) + [(None, i)] * (i < len(b))
    return Alignment(tuple(pairs))


def by_sequence(a: Sequence[str], b: Sequence[str]) -> Alignment:
    """The most tokens that stand in the same order on both sides. Source: Wagner & Fischer (1974), longest common subsequence."""
    length = np.zeros((len(a) + 1, len(b) + 1), np.int32)  # of what is left from i and j on
    for i in range(len(a) - 1, -1, -1):
        for j in range(len(b) - 1, -1, -1):
            length[i, j] = length[i + 1, j + 1] + 1 if a[i] == b[j] else max(length[i + 1, j], length[i, j + 1])
    pairs: list[Pair] = []
    i = j = 0
    while i < len(a) or j < len(b):
        if i < len(a) and j < len(b) and a[i] == b[j]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif j == len(b) or (i < len(a) and length[i + 1, j] >= length[i, j + 1]):
            pairs.append((i, None))
            i += 1
        else:
            pairs.append((None, j))
            j += 1
    return Alignment(tuple(pairs))


def difference(a: Array, b: Array, rows: Alignment, keys: Alignment) -> Array:
    """b - a where both sides have the query and the key, NaN everywhere else. [q k], [q' k'] -> [pairs pairs], -1 to 1."""
    out = np.full((len(rows.pairs), len(keys.pairs)), np.nan, np.float32)
    at_row, at_key = ([n for n, (i, j) in enumerate(side.pairs) if i is not None and j is not None] for side in (rows, keys))
    if at_row and at_key:
        row_a, row_b = zip(*rows.both, strict=True)
        key_a, key_b = zip(*keys.both, strict=True)
        out[np.ix_(at_row, at_key)] = b[np.ix_(row_b, key_b)] - a[np.ix_(row_a, key_a)]
    return frozen(out)


def js_distance(p: Array, q: Array) -> Array:
    """How different two distributions are: sqrt of the Jensen-Shannon divergence in bits. [.. k] -> [..], 0 (equal) to 1 (apart).

    Source: Lin (1991); Endres & Schindelin (2003), who show that the root is a distance; Clark et al. (2019), 6, between heads.
    """
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    middle = (p + q) / 2

    def against(x: Array) -> Array:
        ratio = np.divide(x, middle, out=np.ones_like(middle), where=x > 0)
        return (x * np.log2(ratio)).sum(-1)

    return frozen(np.sqrt(np.clip((against(p) + against(q)) / 2, 0, 1)))


def row_distances(a: Array, b: Array, rows: Alignment, keys: Alignment) -> Array:
    """The distance of each aligned query's two rows, over every key of either side: weight on a key that only one side has counts.

    [.. q k], [.. q' k'] -> [.. aligned rows]
    """
    wide = len(keys.pairs)
    spread_a, spread_b = (np.zeros((*x.shape[:-1], wide), np.float32) for x in (a, b))
    for n, (i, j) in enumerate(keys.pairs):
        if i is not None:
            spread_a[..., n] = a[..., i]
        if j is not None:
            spread_b[..., n] = b[..., j]
    row_a, row_b = [i for i, _ in rows.both], [j for _, j in rows.both]
    return js_distance(spread_a[..., row_a, :], spread_b[..., row_b, :])


def head_distances(a: Attention, b: Attention, by: By = "sequence") -> Array:
    """How much each head changed: its row distances averaged over aligned queries. [h], 0 to 1; NaN when no query is aligned.

    Raises ValueError for sublayers with different numbers of heads.
    """
    if a.n_heads != b.n_heads:
        raise ValueError(f"heads are compared one by one; got {a.n_heads} and {b.n_heads}")
    rows, keys = align(a.queries, b.queries, by), align(a.keys, b.keys, by)
    if not rows.both:
        return frozen(np.full(a.n_heads, np.nan))
    return frozen(row_distances(a.all_weights(), b.all_weights(), rows, keys).mean(-1))


# Two heads on common axes


@dataclass(frozen=True, eq=False)
class Side:
    """One head of one trace, and what to call it."""

    trace: Trace
    attention: Attention
    head: int
    name: str

    @property
    def weights(self) -> Array:
        return self.attention.weights(self.head)


@dataclass(frozen=True, eq=False)
class Both:
    """Two sides on the same axes: every token of either side has its row and column, and cells that one side lacks are NaN."""

    a: Side
    b: Side
    rows: Alignment
    keys: Alignment
    queries: list[str]
    columns: list[str]
    spread: tuple[Array, Array]
    difference: Array


def lay_together(a: Side, b: Side, by: By) -> Both:
    """Both sides on common axes."""
    rows, keys = align(a.attention.queries, b.attention.queries, by), align(a.attention.keys, b.attention.keys, by)
    names = (
        rows.labels(a.attention.queries.pieces, b.attention.queries.pieces),
        keys.labels(a.attention.keys.pieces, b.attention.keys.pieces),
    )
    spread = tuple(lay_out(side.weights, rows, keys, which) for which, side in enumerate((a, b)))
    return Both(a, b, rows, keys, *names, (spread[0], spread[1]), difference(a.weights, b.weights, rows, keys))


def lay_out(weights: Array, rows: Alignment, keys: Alignment, which: int) -> Array:
    """One side's weights on the common axes, NaN where the token is the other side's alone. [q k] -> [pairs pairs]"""
    at_row, at_key = ([n for n, pair in enumerate(side.pairs) if pair[which] is not None] for side in (rows, keys))
    from_row, from_key = ([i for pair in side.pairs if (i := pair[which]) is not None] for side in (rows, keys))
    out = np.full((len(rows.pairs), len(keys.pairs)), np.nan, np.float32)
    out[np.ix_(at_row, at_key)] = weights[np.ix_(from_row, from_key)]
    return frozen(out)


def rank_heads(both: Both, by: By, *, from_left: bool = False) -> list[tuple[int, int, float]]:
    """Layer, head and how far the head changed, the most changed first; empty where two models have other layers or heads.

    from_left: the distance from the left head to every head of its own trace instead, in the stack of the right one.
    """
    left, right = both.a.trace.layers(both.a.attention.stack), both.b.trace.layers(both.b.attention.stack)
    if from_left:
        found = _distances_from(both.a, both.a.trace.layers(both.b.attention.stack))
    elif [x.n_heads for x in left] != [x.n_heads for x in right]:
        return []
    else:
        each = ((x.layer, head_distances(x, y, by)) for x, y in zip(left, right, strict=True))
        found = [(layer, head, float(d)) for layer, distances in each for head, d in enumerate(distances) if np.isfinite(d)]
    return sorted(found, key=lambda one: -one[2])


def _distances_from(side: Side, layers: Sequence[Attention]) -> list[tuple[int, int, float]]:
    """From one head to every head whose map has its size."""
    found = []
    for attention in layers:
        if (len(attention.queries), len(attention.keys)) == side.weights.shape:
            far = js_distance(attention.all_weights(), side.weights[None]).mean(-1)
            found += [(attention.layer, head, float(d)) for head, d in enumerate(far)]
    return found
