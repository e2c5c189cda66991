"""What a page shows of a trace: one head or several in one, words or pieces, part of the tokens, a long text in blocks. Pure functions."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attnlab.core.trace import Array, Attention, Tokens, Trace, frozen, softmax

Over = Literal["head", "mean", "max", "layers"]
Pool = Literal["max", "mean"]
Between = Literal["all", "aa", "ab", "ba", "bb"]
Groups = tuple[tuple[int, ...], ...]
RANGES = {"temperature": (0.1, 5.0), "threshold": (0.0, 1.0)}  # of a view
BLOCK = 1 << 22  # weights computed at once on the way to an overview: 16 MB
MOST_THREADS = 4  # each holds a few times as much


@dataclass(frozen=True)
class Part:
    """Some rows and columns of a map. hidden: what the rows shown give to columns not shown, on average, before renormalising."""

    weights: Array
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    hidden: float


def tempered_weights(attention: Attention, head: int, temperature: float = 1.0, rows: slice = slice(None)) -> Array:
    """softmax(scores / temperature): 1 is the model's own, below 1 sharper, above 1 flatter. [q k]

    Where only weights are known, log(weights) serves as scores; the softmax is the same.
    """
    if temperature == 1.0:
        return attention.weights(head, rows)
    if attention.stored is not None:
        with np.errstate(divide="ignore"):
            return softmax(frozen(np.log(attention.weights(head, rows)) / np.float32(temperature)))
    sink = None if attention.sinks is None else float(attention.sinks[head]) / temperature
    return softmax(frozen(attention.scores(head, rows) / np.float32(temperature)), sink=sink)


def sheet(
    trace: Trace, attention: Attention, head: int, *, over: Over = "head", temperature: float = 1.0, rows: slice = slice(None)
) -> Array:
    """One map: a head, the mean or the maximum over the heads of its layer, or the mean over all heads of all layers of its stack. [q k]

    Rows of a maximum do not sum to 1.
    """
    if over == "head":
        return tempered_weights(attention, head, temperature, rows)
    layers = trace.layers(attention.stack) if over == "layers" else (attention,)
    total: Array | None = None
    for layer in layers:
        for each in range(layer.n_heads):
            weights = tempered_weights(layer, each, temperature, rows)
            total = weights if total is None else (np.maximum(total, weights) if over == "max" else total + weights)
    assert total is not None
    count = 1 if over == "max" else sum(layer.n_heads for layer in layers)
    return frozen(total / np.float32(count))


def word_groups(tokens: Tokens) -> Groups:
    """Which pieces make up each word, in order; a special token is a word of its own."""
    groups: list[list[int]] = []
    last: tuple[int, int] | None = None
    for i, (word, segment) in enumerate(zip(tokens.words, tokens.segments, strict=True)):
        here = None if word is None else (segment, word)
        if here is not None and here == last:
            groups[-1].append(i)
        else:
            groups.append([i])
        last = here
    return tuple(tuple(group) for group in groups)


def word_names(tokens: Tokens, groups: Groups, texts: Sequence[str | None]) -> tuple[str, ...]:
    """Each word as it was typed. texts: what was typed, by segment; where offsets are missing, the pieces put together."""
    names = []
    for group in groups:
        first, last = tokens.offsets[group[0]], tokens.offsets[group[-1]]
        segment = tokens.segments[group[0]]
        text = texts[segment] if segment < len(texts) else None
        typed = text[first[0] : last[1]].strip() if text is not None and first is not None and last is not None and len(group) > 1 else ""
        names.append(typed or "".join(tokens.pieces[i].removeprefix("##") if i > group[0] else tokens.pieces[i] for i in group))
    return tuple(names)


def by_words(weights: Array, queries: Groups, keys: Groups) -> Array:
    """Pieces to words: the sum over a word's pieces as keys, the mean over its pieces as queries, so that rows still sum to 1."""
    columns = np.add.reduceat(weights, [group[0] for group in keys], axis=1)  # [q words]
    rows = np.add.reduceat(columns, [group[0] for group in queries], axis=0)
    return frozen(rows / np.array([[len(group)] for group in queries], np.float32))  # [words words]


def part(weights: Array, rows: Sequence[bool], columns: Sequence[bool], *, renormalise: bool = False) -> Part:
    """The rows and columns marked True. renormalise: divide each row by what it gives to the columns shown, so that it sums to 1 again."""
    row_ids, column_ids = np.flatnonzero(np.asarray(rows, bool)), np.flatnonzero(np.asarray(columns, bool))
    chosen = weights[row_ids]
    shown = chosen[:, column_ids]
    left = shown.sum(-1, keepdims=True)  # [q 1]
    hidden = float((chosen.sum(-1, keepdims=True) - left).mean()) if len(row_ids) else 0.0
    if renormalise:
        shown = np.divide(shown, left, out=np.zeros_like(shown), where=left > 0)
    return Part(frozen(shown), tuple(map(int, row_ids)), tuple(map(int, column_ids)), max(0.0, hidden))


def strongest(weights: Array, rows: Sequence[bool] | None = None, columns: Sequence[bool] | None = None) -> tuple[int, int] | None:
    """Where the largest weight is, among the rows and columns marked True; None when there is nothing."""
    seen = np.where(np.isfinite(weights), weights, -np.inf)
    if rows is not None:
        seen = np.where(np.asarray(rows, bool)[:, None], seen, -np.inf)
    if columns is not None:
        seen = np.where(np.asarray(columns, bool), seen, -np.inf)
    if not seen.size or not np.isfinite(seen).any():
        return None
    row, column = np.unravel_index(int(np.argmax(seen)), seen.shape)
    return int(row), int(column)


# A view as a visitor chose it


@dataclass(frozen=True)
class View:
    """How to look, as chosen behind "More"."""

    over: Over = "head"
    words: bool = False
    bare: bool = False  # special tokens left out
    renormalise: bool = False
    between: Between = "all"
    auto: bool = False
    temperature: float = 1.0
    threshold: float = 0.02


@dataclass(frozen=True)
class Seen:
    """A map ready to be drawn. hidden: the weight that goes to tokens not shown, on average."""

    weights: Array
    queries: tuple[str, ...]
    keys: tuple[str, ...]
    special_queries: tuple[bool, ...]
    special_keys: tuple[bool, ...]
    hidden: float


def keep_mask(tokens: Tokens, view: View, side: str) -> list[bool]:
    """Which tokens the view keeps. side: "a" or "b" for one text of a pair, "all" for both."""
    wanted = {"all": (0, 1), "a": (0,), "b": (1,)}[side]
    return [segment in wanted and not (view.bare and special) for special, segment in zip(tokens.special, tokens.segments, strict=True)]


def sides(view: View) -> tuple[str, str]:
    """Which text the queries come from, and which the keys."""
    return ("all", "all") if view.between == "all" else (view.between[0], view.between[1])


def see(trace: Trace, attention: Attention, head: int, view: View) -> Seen:
    """The map the visitor asked for, with the names of its rows and columns."""
    weights = sheet(trace, attention, head, over=view.over, temperature=view.temperature)
    queries, keys = attention.queries, attention.keys
    rows, columns = (keep_mask(tokens, view, side) for tokens, side in zip((queries, keys), sides(view), strict=True))
    names_q, names_k = queries.pieces, keys.pieces
    special_q, special_k = queries.special, keys.special
    if view.words:
        groups_q, groups_k = word_groups(queries), word_groups(keys)
        weights = by_words(weights, groups_q, groups_k)
        source, target = (trace.text, trace.pair), (trace.target_text,)
        names_q = word_names(queries, groups_q, source if attention.stack == "encoder" or trace.target is None else target)
        names_k = word_names(keys, groups_k, target if attention.stack == "decoder" and trace.target is not None else source)
        rows, columns = ([mask[group[0]] for group in groups] for mask, groups in ((rows, groups_q), (columns, groups_k)))
        special_q, special_k = (tuple(s[group[0]] for group in groups) for s, groups in ((special_q, groups_q), (special_k, groups_k)))
    chosen = part(weights, rows, columns, renormalise=view.renormalise)
    return Seen(
        chosen.weights,
        tuple(names_q[i] for i in chosen.rows),
        tuple(names_k[i] for i in chosen.columns),
        tuple(special_q[i] for i in chosen.rows),
        tuple(special_k[i] for i in chosen.columns),
        chosen.hidden,
    )


def special_mass(seen: Seen) -> float:
    """The share of all weight shown that special tokens take as keys; 0 where nothing is shown."""
    total = float(seen.weights.sum())
    return float(seen.weights[:, list(seen.special_keys)].sum()) / total if total > 0 else 0.0


# Long texts and many heads


def overview(weights: Callable[[slice], Array], n_q: int, n_k: int, *, side: int = 512, how: Pool = "max") -> Array:
    """A map too large to draw, pooled in square blocks to at most side x side. weights(rows) gives some rows; never all are in memory.

    Blocks at the lower and right edge may be smaller; their mean is over the cells they have. weights is called from several threads.
    """
    block = -(-max(n_q, n_k) // side)
    starts_q, starts_k = np.arange(0, n_q, block), np.arange(0, n_k, block)
    pooled = np.empty((len(starts_q), len(starts_k)), np.float32)
    step = max(1, BLOCK // (n_k * block)) * block

    def pool(start: int) -> None:
        rows = weights(slice(start, min(start + step, n_q)))
        here = blocks(blocks(rows, block, how).T, block, how).T  # rows first: they lie side by side
        pooled[start // block : start // block + len(here)] = here

    with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as threads:
        list(threads.map(pool, range(0, n_q, step)))
    if how == "mean":
        pooled /= np.diff(np.append(starts_q, n_q))[:, None] * np.diff(np.append(starts_k, n_k))
    return frozen(pooled)


def blocks(rows: Array, block: int, how: Pool) -> Array:
    """Every `block` rows as one, their largest values or their sums; the last ones may be fewer. [n k] -> [ceil(n / block) k]"""
    reduce = np.maximum if how == "max" else np.add
    pooled = rows[::block].copy()
    for i in range(1, block):
        others = rows[i::block]
        reduce(pooled[: len(others)], others, out=pooled[: len(others)])
    return pooled


@dataclass(frozen=True)
class Thumbnails:
    """Every head of one stack, small. pixels: [l h s s], 255 is the head's largest value; most: [l h], that value.

    block: each pixel is the largest of block x block weights. sampled: only every sampled-th query was looked at (1: all of them).
    """

    pixels: NDArray[np.uint8]
    most: Array
    block: int
    sampled: int


def thumbnails(layers: Sequence[Attention], *, side: int = 96, longest: int = 512) -> Thumbnails:
    """Every head of a stack, pooled by maximum to at most side x side. Past `longest` queries one query a block stands for its block.

    All weights of a long text would take minutes; one row a block keeps 12 x 12 heads at 4,096 tokens within a second or two.
    What is no finite number counts as 0.
    """
    n_q, n_k = len(layers[0].queries), len(layers[0].keys)
    block = -(-max(n_q, n_k) // side)
    sampled = block if n_q > longest else 1
    maps = np.stack([np.stack([_small(layer, head, block, sampled) for head in range(layer.n_heads)]) for layer in layers])  # [l h s s]
    maps = np.where(np.isfinite(maps), maps, np.float32(0))
    most = maps.max((-2, -1))
    safe = np.where(most > 0, most, 1)[..., None, None]
    return Thumbnails(np.rint(maps / safe * 255).astype(np.uint8), frozen(most), block, sampled)


def _small(attention: Attention, head: int, block: int, sampled: int) -> Array:
    rows = attention.weights(head, slice(None, None, sampled))
    pooled = rows if sampled > 1 else blocks(rows, block, "max")
    return blocks(pooled.T, block, "max").T
