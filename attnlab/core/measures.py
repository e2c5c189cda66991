"""What one head does, as numbers: each with its source, unit and range. Per head [h q k] -> [h]; for a whole model at the end.

weights: rows sum to 1. A measure that a sentence cannot answer (no repeated token, no punctuation) is NaN, never 0.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attnlab.core.trace import Array, Attention, Tokens, frozen

Unit = Literal["nats", "tokens", "share", "rank"]
Cells = NDArray[np.bool_]


def entropy(weights: Array) -> Array:
    """How evenly a head spreads: the mean over rows of -Σ w·ln w. Nats, 0 to ln k. Source: Clark et al. (2019), 3.3."""
    positive = np.where(weights > 0, weights, 1)
    return frozen(-(weights * np.log(positive)).sum(-1).mean(-1))


def evenness(weights: Array, visible: Cells | None = None) -> Array:
    """Entropy as a share of the most there can be, ln of the keys a row may see. Share, 0 to 1; rows with one key are left out.

    visible: which keys a query may see [q k]; without it, those that get weight (a weight too small for float32 is 0 and not counted).
    """
    keys = (weights > 0).sum(-1) if visible is None else np.broadcast_to(visible.sum(-1), weights.shape[:2])  # [h q]
    positive = np.where(weights > 0, weights, 1)
    share = -(weights * np.log(positive)).sum(-1) / np.log(np.maximum(keys, 2))
    return frozen(np.where(keys > 1, share, 0).sum(-1) / np.maximum((keys > 1).sum(-1), 1))


def mean_distance(weights: Array) -> Array:
    """How far each head looks, on average. Tokens, 0 (itself) to n - 1. Source: Vig & Belinkov (2019), 4.2.

    Raises ValueError unless weights has three axes.
    """
    if weights.ndim != 3:
        raise ValueError(f"weights must be [h q k]; got shape {weights.shape}")
    _, n_q, n_k = weights.shape
    gap = np.abs(np.arange(n_q)[:, None] - np.arange(n_k))
    return frozen((weights * gap).sum(-1).mean(-1))


def on(weights: Array, chosen: Cells) -> Array:
    """The weight on chosen cells, summed along each row and averaged over the rows that have any. [q k] chosen. Share, 0 to 1."""
    rows = chosen.any(-1)
    if not rows.any():
        return frozen(np.full(len(weights), np.nan))
    return frozen((weights * chosen).sum(-1)[:, rows].mean(-1))


def beside(n: int, step: int) -> Cells:
    """The cells `step` keys away from the query: -1 the previous token, 1 the next, 0 itself. Source: Clark et al. (2019), 3.1."""
    return np.eye(n, k=step, dtype=np.bool_)


def first(n_q: int, n_k: int) -> Cells:
    """The first key, for every query but the first. Source: Xiao et al. (2024), attention sinks."""
    cells = np.zeros((n_q, n_k), np.bool_)
    cells[1:, :1] = True
    return cells


def columns(n_q: int, chosen: Sequence[bool]) -> Cells:
    """Whole columns: keys that are special tokens, or punctuation. Source: Clark et al. (2019), 3.2."""
    return np.broadcast_to(np.array(chosen, np.bool_), (n_q, len(chosen)))


def delimiters(tokens: Tokens) -> list[bool]:
    """Special tokens that are not the first: [SEP], </s>. Source: Clark et al. (2019), 3.2."""
    return [hidden and place > 0 for place, hidden in enumerate(tokens.special)]


def punctuation(tokens: Tokens) -> list[bool]:
    """Which tokens are nothing but punctuation or symbols; special tokens are not."""
    return [not hidden and is_punctuation(piece) for piece, hidden in zip(tokens.pieces, tokens.special, strict=True)]


def is_punctuation(piece: str) -> bool:
    marks = [letter for letter in piece.strip("▁Ġ ") if not letter.isspace()]
    return bool(marks) and all(unicodedata.category(letter)[0] in "PS" for letter in marks)


def repeats(tokens: Tokens) -> Cells:
    """Which other places hold the same token; special tokens repeat nothing. Source: Wang et al. (2023), 3.1, duplicate-token heads."""
    ids, real = np.array(tokens.ids), ~np.array(tokens.special, np.bool_)
    same = (ids[:, None] == ids) & real[:, None] & real
    np.fill_diagonal(same, False)
    return same


def after_repeats(tokens: Tokens) -> Cells:
    """The places that follow an earlier copy of the query's token: where it went on before. Source: Olsson et al. (2022).

    The query itself is left out: right after its own copy ("ha ha") it is what came next, and that is the measure "itself".
    """
    earlier = np.tril(repeats(tokens), -1)
    cells = np.zeros_like(earlier)
    cells[:, 1:] = earlier[:, :-1]
    return cells & ~np.eye(len(tokens), dtype=np.bool_)


def symmetry(weights: Array) -> Array:
    """Σ w_ij·w_ji / Σ w_ij²: 1 when who looks is looked back at, 0 when nobody is. Source: Saponati et al. (2025), symmetry score."""
    return frozen((weights * weights.transpose(0, 2, 1)).sum((1, 2)) / (weights**2).sum((1, 2)))


def effective_rank(weights: Array) -> Array:
    """exp of the entropy of the singular values: how many independent rows a map has. 1 to min(q, k). Source: Roy & Vetterli (2007)."""
    values = np.linalg.svd(weights, compute_uv=False)
    shares = values / values.sum(-1, keepdims=True)
    return frozen(np.exp(-(shares * np.log(np.where(shares > 0, shares, 1))).sum(-1)))


def confidence(weights: Array) -> Array:
    """The mean of the largest weight of every row. Share, 1/k to 1. Source: Voita et al. (2019), 4, who leave out the end symbol;

    here every row and every key counts, special tokens too.
    """
    return frozen(weights.max(-1).mean(-1))


# All of them for one sublayer


@dataclass(frozen=True, eq=False)
class Ask:
    """What a measure may look at: the weights of every head [h q k], the tokens on both sides, and which keys may be seen [q k].

    visible: None when it is not known.
    """

    weights: Array
    queries: Tokens
    keys: Tokens
    visible: Cells | None = None


@dataclass(frozen=True)
class Measure:
    """One number per head. own: it compares a text with itself, so cross-attention has none."""

    name: str
    unit: Unit
    source: str
    of: Callable[[Ask], Array]
    own: bool = False


def _on(cells: Callable[[Ask], Cells]) -> Callable[[Ask], Array]:
    return lambda ask: on(ask.weights, cells(ask))


def _among(cells: Callable[[Ask], Cells]) -> Callable[[Ask], Array]:
    """Cells that no query may see ask nothing of a head: in a causal stack nobody has a next token."""
    return lambda ask: on(ask.weights, cells(ask) if ask.visible is None else cells(ask) & ask.visible)


ALL: tuple[Measure, ...] = (
    Measure("entropy", "nats", "Clark et al. (2019)", lambda a: entropy(a.weights)),
    Measure("evenness", "share", "Clark et al. (2019)", lambda a: evenness(a.weights, a.visible)),
    Measure("distance", "tokens", "Vig & Belinkov (2019)", lambda a: mean_distance(a.weights), own=True),
    Measure("previous", "share", "Clark et al. (2019)", _among(lambda a: beside(len(a.keys), -1)), own=True),
    Measure("next", "share", "Clark et al. (2019)", _among(lambda a: beside(len(a.keys), 1)), own=True),
    Measure("self", "share", "Clark et al. (2019)", _among(lambda a: beside(len(a.keys), 0)), own=True),
    Measure("first", "share", "Xiao et al. (2024)", _on(lambda a: first(len(a.queries), len(a.keys)))),
    Measure("special", "share", "Clark et al. (2019)", _on(lambda a: columns(len(a.queries), a.keys.special))),
    Measure("delimiter", "share", "Clark et al. (2019)", _on(lambda a: columns(len(a.queries), delimiters(a.keys)))),
    Measure("punctuation", "share", "Clark et al. (2019)", _on(lambda a: columns(len(a.queries), punctuation(a.keys)))),
    Measure("duplicate", "share", "Wang et al. (2023)", _among(lambda a: repeats(a.keys)), own=True),
    Measure("induction", "share", "Olsson et al. (2022)", _among(lambda a: after_repeats(a.keys)), own=True),
    Measure("symmetry", "share", "Saponati et al. (2025)", lambda a: symmetry(a.weights), own=True),
    Measure("rank", "rank", "Roy & Vetterli (2007)", lambda a: effective_rank(a.weights)),
    Measure("confidence", "share", "Voita et al. (2019)", lambda a: confidence(a.weights)),
)
MEASURES = {measure.name: measure for measure in ALL}


def measured(attention: Attention, heads: Sequence[int] | None = None) -> dict[str, Array]:
    """Every measure of every head of one sublayer, or of these heads, NaN where it has no answer. name -> [h]"""
    weights = attention.all_weights() if heads is None else frozen(np.stack([attention.weights(head) for head in heads]))
    return measured_ask(Ask(weights, attention.queries, attention.keys, attention.visible()), own=attention.stack != "cross")


def measured_ask(ask: Ask, *, own: bool) -> dict[str, Array]:
    """Every measure of these weights. own: queries and keys are the same text. name -> [h]"""
    nothing = frozen(np.full(len(ask.weights), np.nan))
    return {m.name: nothing if m.own and not own else m.of(ask) for m in ALL}


# Beyond one map


def rollout(weights: Sequence[Array], *, residual: float = 0.5) -> Array:
    """How much of each input token reaches each place after the last layer. Each [h n n] -> [n n], rows sum to 1.

    The mean over heads, mixed with the identity by `residual` for the stream that passes each layer by, multiplied layer upon layer.
    Source: Abnar & Zuidema (2020), attention rollout.
    """
    total = np.eye(weights[0].shape[-1])
    for layer in weights:
        mixed = (1 - residual) * layer.mean(0).astype(np.float64) + residual * np.eye(len(total))
        total = mixed / mixed.sum(-1, keepdims=True) @ total
    return frozen(total)


def flow(weights: Sequence[Array], row: int, *, residual: float = 0.5) -> Array:
    """The most that can flow from each input token to place `row` after the last layer, when weights are the widths of pipes. [n], 0 to 1.

    The same network as rollout; one maximum flow per input token, so for small inputs. Source: Abnar & Zuidema (2020), attention flow.
    """
    n, depth = weights[0].shape[-1], len(weights)
    pipes: list[dict[int, float]] = [{} for _ in range((depth + 1) * n)]  # node layer·n + place, from the top down to layer 0
    for layer, given in enumerate(weights):
        mixed = (1 - residual) * given.mean(0).astype(np.float64) + residual * np.eye(n)
        for i in range(n):
            for j in np.flatnonzero(mixed[i]):
                pipes[(layer + 1) * n + i][layer * n + int(j)] = float(mixed[i, j])
    return frozen([max_flow(pipes, depth * n + row, j) for j in range(n)])


def max_flow(pipes: Sequence[dict[int, float]], source: int, sink: int) -> float:
    """The largest flow from source to sink. pipes[a][b]: capacity from a to b. Source: Dinic (1970)."""
    room = [dict(out) for out in pipes]
    for a, out in enumerate(pipes):
        for b in out:
            room[b].setdefault(a, 0.0)
    total = 0.0
    while (levels := _levels(room, source, sink)) is not None:
        turns = [iter(list(out)) for out in room]
        while (pushed := _push(room, levels, turns, source, sink, np.inf)) > TINY:
            total += pushed
    return total


TINY = 1e-12


def _levels(room: list[dict[int, float]], source: int, sink: int) -> dict[int, int] | None:
    """How many pipes each node is away from the source, None when the sink cannot be reached any more."""
    levels, front = {source: 0}, [source]
    while front and sink not in levels:
        reached = dict.fromkeys(b for a in front for b, free in room[a].items() if free > TINY and b not in levels)
        levels |= dict.fromkeys(reached, levels[front[0]] + 1)
        front = list(reached)
    return levels if sink in levels else None


def _push(room: list[dict[int, float]], levels: dict[int, int], turns: list[Iterator[int]], at: int, sink: int, most: float) -> float:
    """Send as much as one path takes; a pipe that leads nowhere is not tried again."""
    if at == sink:
        return most
    for b in turns[at]:
        free = room[at].get(b, 0.0)
        if free > TINY and levels.get(b, -1) == levels[at] + 1:
            sent = _push(room, levels, turns, b, sink, min(most, free))
            if sent > TINY:
                room[at][b] -= sent
                room[b][at] += sent
                turns[at] = iter([b, *turns[at]])
                return sent
    return 0.0


def norm_weights(weights: Array, v: Array, w_o: Array) -> Array:
    """‖α·f(x)‖ with f(x) = v·W_O: how long the vector is that a key really sends to a query. [h q k], from 0 up, in units of the stream.

    weights [h q k], v [h k d], w_o [h d d_model]: each head's own part of the output map. Source: Kobayashi et al. (2020), 2.2.
    """
    lengths = np.linalg.norm(v @ w_o, axis=-1)  # [h k]
    return frozen(weights * lengths[:, None, :])
