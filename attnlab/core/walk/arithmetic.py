"""The arithmetic of one layer, one small function per operation.

Every function is numpy in, numpy out. Sums are made in float64 and their result is kept as float32, as the model keeps it:
so a number and the sum of its terms agree to the last digit that is shown. q query tokens, k key tokens, d dimensions.
"""

import math
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from attnlab.core.trace import Array, MaskedRowError, frozen

Activation = Literal["relu", "gelu", "gelu_new", "silu"]
Exact = NDArray[np.float64]


def exact(x: Any) -> Exact:
    """The same numbers in float64, where products of float32 lose nothing."""
    return np.asarray(x, dtype=np.float64)


# The operations, in the order of the walk


def look_up(table: Array, ids: NDArray[np.int64], scale: float = 1.0) -> Array:
    """The row of each id, times the scale. table: [vocabulary d] -> [n d]"""
    return frozen(exact(table[ids]) * scale)


def add(*parts: Array) -> Array:
    """The sum, cell by cell."""
    return frozen(sum(exact(part) for part in parts))


def layer_norm(x: Array, gain: Array, shift: Array, eps: float) -> Array:
    """Each row moved to mean 0, stretched to variance 1, then times gain plus shift. [n d] -> [n d]. Source: Ba et al. (2016)."""
    wide = exact(x)
    mean = wide.mean(-1, keepdims=True)  # [n 1]
    variance = ((wide - mean) ** 2).mean(-1, keepdims=True)  # [n 1]
    return frozen((wide - mean) / np.sqrt(variance + eps) * exact(gain) + exact(shift))


def project(x: Array, weight: Array, bias: Array) -> Array:
    """xW + b: every number of the result is one row of x times one column of W. [n a] x [a d] -> [n d]"""
    return frozen(exact(x) @ exact(weight) + exact(bias))


def turn(x: Array, angle: Exact) -> Array:
    """Each pair of dimensions (2i, 2i + 1) turned by its angle. x: [n d], angle: [n d/2] -> [n d]. Source: Su et al. (2021)."""
    even, odd = exact(x)[:, 0::2], exact(x)[:, 1::2]
    cos, sin = np.cos(angle), np.sin(angle)
    return frozen(np.stack((even * cos - odd * sin, even * sin + odd * cos), -1).reshape(x.shape))


def products(q: Array, k: Array) -> Array:
    """QKᵀ: every query row times every key row, summed over the d dimensions. [q d] x [k d] -> [q k]"""
    return frozen(exact(q) @ exact(k).T)


def multiply(x: Array, factor: float) -> Array:
    """Every number times the same factor."""
    return frozen(exact(x) * factor)


def cap(scores: Array, limit: float) -> Array:
    """limit · tanh(score / limit): no score can pass the limit."""
    return frozen(limit * np.tanh(exact(scores) / limit))


def exponentials(scores: Array, temperature: float = 1.0) -> Array:
    """exp(score - the row's largest score), so that the largest is exp(0) = 1 and hidden keys are 0. [q k]

    Raises MaskedRowError where every key of a row is hidden.
    """
    cooled = exact(scores) / temperature
    top = cooled.max(-1, keepdims=True)  # [q 1]
    if not np.isfinite(top).all():
        raise MaskedRowError(int(np.argmin(np.isfinite(top[:, 0]))))
    return frozen(np.exp(cooled - top))


def quotients(exponentials: Array, beside: Array | None = None) -> Array:
    """Each exponential divided by the sum of its row. beside: one more exponential a row, in the sum only. [q k] -> [q k]"""
    total = exact(exponentials).sum(-1, keepdims=True)  # [q 1]
    if beside is not None:
        total = total + exact(beside)
    return frozen(exact(exponentials) / total)


def sinks(scores: Array, sink: float) -> Array:
    """exp(sink - the row's largest score): what a learned sink adds to the sum of a row. [q k] -> [q 1]"""
    return frozen(np.exp(sink - exact(scores).max(-1, keepdims=True)))


def mix(weights: Array, v: Array) -> Array:
    """AV: the rows of V, each as much as its weight says, added up. [q k] x [k d] -> [q d]"""
    return frozen(exact(weights) @ exact(v))


def join(*heads: Array) -> Array:
    """Every head's rows side by side. h of [q d] -> [q h·d]"""
    return frozen(np.concatenate(heads, -1))


def activate(x: Array, kind: Activation) -> Array:
    """x times its gate: the share of x that is let through. [n d] -> [n d]"""
    return frozen(exact(x) * gate(x, kind))


def gate(x: Any, kind: Activation) -> Exact:
    """How much of x an activation lets through, 0 to 1: relu a step, gelu the normal distribution, silu the logistic curve."""
    x = exact(x)
    if kind == "relu":
        return exact(x > 0)
    if kind == "gelu":
        return 0.5 * (1 + torch.erf(torch.from_numpy(np.array(x / math.sqrt(2)))).numpy())
    if kind == "gelu_new":
        return 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 1 / (1 + np.exp(-x))


def same(x: Array) -> Array:
    """Nothing happens here: the numbers go on as they are."""
    return x


def alibi_bias(slope: float, distance: NDArray[np.int64]) -> Array:
    """What ALiBi adds: minus slope, times how many tokens lie between. [q k]"""
    return frozen(-slope * exact(distance))


def relative_bias(table: Array, bucket: NDArray[np.int64]) -> Array:
    """What a learned relative bias adds: the table's number for the bucket that the distance falls in. table: [buckets] -> [q k]"""
    return table[bucket]


def mask(hidden: NDArray[np.bool_]) -> Array:
    """0 where a key may be seen, minus infinity where it is hidden: exp(-∞) = 0. [q k]"""
    return frozen(np.where(hidden, -np.inf, 0.0))
