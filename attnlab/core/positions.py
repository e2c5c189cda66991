"""How a model can know where a word stands, and what that knowledge does: six encodings and their laws.

p, i, j: positions; gap: key position minus query position; h heads; d width. Everything is numpy and touches no model.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from attnlab.core.trace import Array, frozen

Slopes = Literal["paper", "code"]
Positions = Literal["none", "sinusoidal", "learned", "rotary", "alibi", "relative"]
ENCODINGS: tuple[Positions, ...] = ("none", "sinusoidal", "learned", "rotary", "alibi", "relative")
ABSOLUTE: tuple[Positions, ...] = ("sinusoidal", "learned")
BASE = 10000.0
BUCKETS = 32
FURTHEST = 128
SAME = 1e-5  # below this two maps are the same map up to rounding


# The encodings


def frequencies(d: int, base: float = BASE) -> NDArray[np.float64]:
    """How far pair i turns from one position to the next, base^(-2i/d), in radians. [d/2]. Raises ValueError for an odd d."""
    if d < 2 or d % 2:
        raise ValueError(f"sine and cosine come in pairs, so the width must be even; got {d}")
    return base ** (-np.arange(0, d, 2) / d)


def angles(n: int, d: int, base: float = BASE) -> NDArray[np.float64]:
    """The angle of every pair of dimensions at positions 0 to n - 1, in radians, not wrapped. [n d/2]"""
    return np.arange(n)[:, None] * frequencies(d, base)


def wavelength(column: int, d: int, base: float = BASE) -> float:
    """After how many positions a column of the sinusoid repeats: 2π·base^(2i/d), columns 2i and 2i + 1."""
    return float(2 * math.pi / frequencies(d, base)[column // 2])


def sinusoid(n: int, d: int, base: float = BASE) -> Array:
    """PE(p, 2i) = sin(p·base^(-2i/d)), PE(p, 2i + 1) = cos of the same. [n d]. Source: Vaswani et al. (2017), 3.5."""
    turned = angles(n, d, base)
    return frozen(np.stack((np.sin(turned), np.cos(turned)), -1).reshape(n, d))


def rotate(x: NDArray[Any], positions: NDArray[Any], base: float = BASE) -> Array:
    """Each pair of dimensions (2i, 2i + 1) turned by position · base^(-2i/d). [.. n d] -> [.. n d]. Source: Su et al. (2021).

    positions: one per row; negative ones turn back.
    """
    turned = np.asarray(positions)[:, None] * frequencies(x.shape[-1], base)  # [n d/2]
    cos, sin = np.cos(turned), np.sin(turned)
    even, odd = x[..., 0::2], x[..., 1::2]
    return frozen(np.stack((even * cos - odd * sin, even * sin + odd * cos), -1).reshape(x.shape))


def gaps(n_q: int, n_k: int | None = None) -> NDArray[np.int64]:
    """Key position minus query position, for the last n_q of n_k positions. [q k]"""
    n_k = n_q if n_k is None else n_k
    return np.arange(n_k) - np.arange(n_k - n_q, n_k)[:, None]


def alibi_slopes(n_heads: int, slopes: Slopes = "paper") -> Array:
    """How much of a score each head loses per token of distance. [h]. Source: Press et al. (2022), 3, and its released code.

    paper: 2^(-8/h), 2^(-16/h), ... for any number of heads. code: the same for a power of two; for other numbers the slopes of the next
    smaller power of two, then every other slope of the next larger one. Models were trained with these (BLOOM, MPT).
    """
    if slopes == "paper":
        return frozen(2.0 ** (-8.0 * np.arange(1, n_heads + 1) / n_heads))
    whole = 1 << (n_heads.bit_length() - 1)
    return frozen(np.concatenate((alibi_slopes(whole), alibi_slopes(2 * whole)[0::2][: n_heads - whole])))


def alibi(n: int, n_heads: int, slopes: Slopes = "paper") -> Array:
    """What ALiBi adds to the scores: minus slope times distance. [h n n]"""
    return frozen(-alibi_slopes(n_heads, slopes)[:, None, None] * np.abs(gaps(n)))


def relative_bucket(gap: NDArray[np.int64], *, bidirectional: bool, buckets: int = BUCKETS, furthest: int = FURTHEST) -> NDArray[np.int64]:
    """Which bucket a gap falls in: near ones exactly, far ones by logarithm, the rest together. Source: Raffel et al. (2020)."""
    start = np.zeros_like(gap)
    if bidirectional:
        buckets //= 2
        start, gap = np.where(gap > 0, buckets, 0), np.abs(gap)
    else:
        gap = np.maximum(-gap, 0)
    exact = buckets // 2
    ratio = np.log(np.maximum(gap, 1).astype(np.float32) / np.float32(exact)) / np.float32(math.log(furthest / exact))
    far = np.minimum(exact + (ratio * (buckets - exact)).astype(np.int64), buckets - 1)
    return start + np.where(gap < exact, gap, far)


def shares_last_bucket(*, bidirectional: bool, buckets: int = BUCKETS, furthest: int = FURTHEST) -> int:
    """The distance from which on every key behind the query falls in one bucket: 91 for T5's 32 buckets and 128 tokens, both ways."""
    bucket = relative_bucket(-np.arange(furthest + 1), bidirectional=bidirectional, buckets=buckets, furthest=furthest)
    return int(np.argmax(bucket == bucket[-1]))


def relative(table: Array, gap: NDArray[np.int64], *, bidirectional: bool, furthest: int = FURTHEST) -> Array:
    """What T5's learned bias adds to the scores: table[bucket(gap)]. table: [buckets h] -> [h, *gap.shape]"""
    bucket = relative_bucket(gap, bidirectional=bidirectional, buckets=len(table), furthest=furthest)
    return frozen(np.moveaxis(table[bucket], -1, 0))


# How alike two positions are


def cosine(table: Array) -> Array:
    """The cosine between the vectors of every two positions. [n d] -> [n n]. A vector of zeros is like nothing, itself included."""
    length = np.linalg.norm(table, axis=1, keepdims=True)
    unit = table / np.where(length > 0, length, 1)
    return frozen(unit @ unit.T)


def rotary_similarity(gap: NDArray[Any], d: int, base: float = BASE) -> Array:
    """How much of q·k is left when q = k, spread evenly over the pairs, stand `gap` apart: the mean cosine of the angles between them."""
    turned = np.abs(np.asarray(gap, dtype=np.float64))[..., None] * frequencies(d, base)
    return frozen(np.cos(turned).mean(-1))


def factor(bias: Array, own: Array) -> Array:
    """What a bias multiplies a weight with, compared with a place whose bias is own: exp(bias - own)."""
    return frozen(np.exp(np.asarray(bias, np.float64) - own))


@dataclass(frozen=True, eq=False)
class ByDistance:
    """A matrix summed up by |gap|: mean, lowest and highest of all cells that far apart. Each [n]"""

    mean: Array
    low: Array
    high: Array


def by_distance(matrix: Array) -> ByDistance:
    """Every cell of [n n] sorted by how far apart its two positions are."""
    n = len(matrix)
    both = [np.concatenate((np.diagonal(matrix, j), np.diagonal(matrix, -j))) for j in range(n)]
    return ByDistance(*(frozen([f(cells) for cells in both]) for f in (np.mean, np.min, np.max)))


# Without positions: what is moved, what is lost


def shuffled(n: int, seed: int) -> NDArray[np.int64]:
    """A random order of n things that is not the order they were in. Place i takes what stood at order[i]."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(n)
    while n > 1 and (order == np.arange(n)).all():
        order = rng.permutation(n)
    return order


def moved(weights: Array, order: NDArray[np.int64]) -> Array:
    """The same map with its tokens in another order: cell (i, j) is what stood at (order[i], order[j]). [.. n n]"""
    return frozen(weights[..., order, :][..., :, order])


def shuffle_difference(before: Array, after: Array, order: NDArray[np.int64]) -> Array:
    """How far the shuffled sentence's map is from the old map shuffled; near 0 where order plays no part. [h n n] -> [h]"""
    return frozen(np.abs(after - moved(before, order)).max((-1, -2)))


def total_variation(p: Array, q: Array) -> Array:
    """Half the summed difference of two distributions: the share of weight that moved. [.. k] -> [..], 0 to 1."""
    return frozen(np.abs(p - q).sum(-1) / 2)


def output_distance(z: Array, full: Array) -> Array:
    """How far each output moved, as a share of the full one's length. [q d] -> [q]"""
    return frozen(np.linalg.norm(z - full, axis=-1) / np.maximum(np.linalg.norm(full, axis=-1), 1e-12))


def drift(before: Array, after: Array) -> Array:
    """How far each vector moved, as a share of its own length. [n d] -> [n]"""
    return frozen(np.linalg.norm(after - before, axis=-1) / np.linalg.norm(before, axis=-1))


def same_direction(before: Array, after: Array) -> Array:
    """The cosine between each vector before and after. [n d] -> [n]"""
    return frozen((before * after).sum(-1) / (np.linalg.norm(before, axis=-1) * np.linalg.norm(after, axis=-1)))


def antidiagonal(weights: Array) -> float:
    """The share of weight that lies where reversing needs it: query i on key n - 1 - i. [n n]"""
    return float(np.diagonal(weights[:, ::-1]).mean())


# Counting


def wilson(right: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's interval for a share of n independent draws; 95 % by default. Honest at 0 and 1 too. Source: Wilson (1927)."""
    if n < 1:
        raise ValueError(f"a share needs at least one draw; got {n}")
    p, z2 = right / n, z * z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(middle - half, 0.0), min(middle + half, 1.0)
