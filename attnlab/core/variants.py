"""The attention of the seed literature and after, on the same queries, keys and values, so that they compare cell by cell.

One head: q [q d], k [k d], v [k d]. Every variant gives its weights [q k] and what it hands on, z = weights·v [q d].
A pattern says which keys a query may see: a bool array [q k], True where it may.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from attnlab.core.trace import Array, frozen, softmax

Pattern = NDArray[np.bool_]
Normalise = Callable[[Array], Array]


@dataclass(frozen=True, eq=False)
class Attended:
    """What a variant made: weights [q k], whose rows sum to 1 except where the variant says otherwise, and z [q d]."""

    weights: Array
    z: Array


def attend(scores: Array, v: Array, seen: Pattern | None = None, normalise: Normalise = softmax) -> Attended:
    """Scores to weights to output. Keys that may not be seen get exactly 0. Raises MaskedRowError where a query sees nothing."""
    hidden = scores if seen is None else np.where(seen, scores, np.float32("-inf"))
    weights = normalise(frozen(hidden))
    return Attended(frozen(weights), frozen(weights @ v))


# Scores


def dot(q: Array, k: Array) -> Array:
    """q·k, unscaled. [q d], [k d] -> [q k]. Source: Luong et al. (2015), "dot"."""
    return frozen(q @ k.T)


def scaled_dot(q: Array, k: Array) -> Array:
    """q·k / sqrt(d), so that its spread does not grow with d. [q k]. Source: Vaswani et al. (2017), 3.2.1."""
    return frozen(q @ k.T / np.float32(math.sqrt(q.shape[-1])))


def additive(q: Array, k: Array, w_q: Array, w_k: Array, u: Array) -> Array:
    """u·tanh(W_q q + W_k k): a small net with one hidden layer. w_q, w_k [d m], u [m] -> [q k]. Source: Bahdanau et al. (2015)."""
    return frozen(np.tanh((q @ w_q)[:, None] + (k @ w_k)[None]) @ u)


def general(q: Array, k: Array, w: Array) -> Array:
    """q·W·k: a learned matrix between query and key. w [d d] -> [q k]. Source: Luong et al. (2015), "general"."""
    return frozen(q @ w @ k.T)


@dataclass(frozen=True, eq=False)
class Net:
    """Weights that additive and general attention need and that no dot-product model has: random ones, the same for the same seed."""

    w_q: Array
    w_k: Array
    u: Array
    w: Array

    @classmethod
    def random(cls, d: int, seed: int) -> "Net":
        """Every entry from a normal distribution, scaled so that scores keep a spread near 1."""
        rng = np.random.default_rng(seed)
        w_q, w_k, w = (rng.standard_normal((d, d)) / math.sqrt(d) for _ in range(3))
        return cls(frozen(w_q), frozen(w_k), frozen(rng.standard_normal(d) / math.sqrt(d)), frozen(w / math.sqrt(d)))


# Patterns: who may see whom


def everything(n: int) -> Pattern:
    """Every query sees every key. Source: Vaswani et al. (2017), encoder."""
    return np.ones((n, n), np.bool_)


def causal(n: int) -> Pattern:
    """The past and itself. Source: Vaswani et al. (2017), 3.1, decoder."""
    return np.tri(n, dtype=np.bool_)


def padding(n: int, hidden: int) -> Pattern:
    """The last `hidden` keys are padding and are seen by nobody; at least one key stays."""
    return np.broadcast_to(np.arange(n) < max(n - hidden, 1), (n, n)).copy()


def prefix(n: int, length: int) -> Pattern:
    """The first `length` tokens see each other both ways, the rest see the past. Source: Liu et al. (2018); Raffel et al. (2020), 3.2.1."""
    return causal(n) | (np.arange(n) < length)[None, :]


def window(n: int, width: int) -> Pattern:
    """Keys fewer than `width` tokens away, back and ahead. Source: Parmar et al. (2018); Beltagy et al. (2020), 3.1."""
    return np.abs(np.arange(n)[:, None] - np.arange(n)) < width


def longformer(n: int, width: int, n_global: int) -> Pattern:
    """A window, and the first `n_global` tokens see and are seen by all. Source: Beltagy et al. (2020), 3.1."""
    first = np.arange(n) < n_global
    return window(n, width) | first[None, :] | first[:, None]


def strided(n: int, stride: int) -> Pattern:
    """The last `stride` tokens, and every `stride`-th one before; causal. Source: Child et al. (2019), 4.2."""
    gap = np.arange(n)[:, None] - np.arange(n)
    return (gap >= 0) & ((gap < stride) | (gap % stride == 0))


def random_keys(n: int, n_random: int, seed: int) -> NDArray[np.int64]:
    """Which keys each query draws, all different in a row, the same for the same seed. [n n_random]"""
    rng = np.random.default_rng(seed)
    many = min(n_random, n)
    if n <= 512:
        return np.stack([rng.choice(n, many, replace=False) for _ in range(n)]).astype(np.int64)
    steps = np.sort(rng.integers(0, n - many + 1, (n, many)), axis=1) + np.arange(many)  # n x n shuffles would cost n² again
    return steps.astype(np.int64)


def bigbird(n: int, width: int, n_global: int, n_random: int, seed: int) -> Pattern:
    """A window, global tokens, and `n_random` keys drawn for each query. Source: Zaheer et al. (2020), 2."""
    seen = longformer(n, width, n_global)
    np.put_along_axis(seen, random_keys(n, n_random, seed), True, axis=1)
    return seen


# From scores to weights


def tempered(scores: Array, temperature: float) -> Array:
    """softmax(scores / T): T under 1 sharpens, over 1 flattens. [q k]. Source: Hinton et al. (2015), 2."""
    if temperature <= 0:
        raise ValueError(f"a temperature is above 0; got {temperature}")
    return softmax(frozen(scores / np.float32(temperature)))


def sparsemax(scores: Array) -> Array:
    """The nearest point of the simplex: max(score - τ, 0), τ such that the row sums to 1. [q k]. Source: Martins & Astudillo (2016)."""
    shifted = scores - scores.max(-1, keepdims=True)
    ranked = -np.sort(-shifted, -1)  # [q k], largest first
    running = np.cumsum(np.where(np.isfinite(ranked), ranked, 0), -1)
    count = np.arange(1, scores.shape[-1] + 1)
    support = (1 + count * ranked > running).sum(-1, keepdims=True)  # how many keys stay
    tau = (np.take_along_axis(running, support - 1, -1) - 1) / support
    return frozen(np.maximum(shifted - tau, 0))


def entmax15(scores: Array) -> Array:
    """Half way from softmax to sparsemax: max(score/2 - τ, 0)². [q k]. Source: Peters, Niculae & Martins (2019), algorithm 2."""
    shifted = (scores - scores.max(-1, keepdims=True)).astype(np.float64) / 2
    ranked = -np.sort(-shifted, -1)
    there = np.isfinite(ranked)
    known = np.where(there, ranked, 0)
    count = np.arange(1, scores.shape[-1] + 1)
    mean, square = np.cumsum(known, -1) / count, np.cumsum(known**2, -1) / count
    delta = (1 - count * (square - mean**2)) / count
    tau = np.where(there, mean - np.sqrt(np.maximum(delta, 0)), np.inf)  # [q k], one for every size of the support
    support = (tau <= ranked).sum(-1, keepdims=True)
    return frozen(np.maximum(shifted - np.take_along_axis(tau, support - 1, -1), 0) ** 2)


# Linear attention


def feature(x: Array) -> Array:
    """elu(x) + 1: positive everywhere. Source: Katharopoulos et al. (2020), 3.2.2."""
    return frozen(np.where(x > 0, x + 1, np.exp(np.minimum(x, 0))))


def linear(q: Array, k: Array, v: Array) -> Array:
    """φ(q)·Σ φ(k)v / φ(q)·Σ φ(k): no n x n matrix anywhere. -> z [q d]. Source: Katharopoulos et al. (2020), equation 6."""
    f_q, f_k = feature(q), feature(k)
    return frozen((f_q @ (f_k.T @ v)) / (f_q @ f_k.sum(0))[:, None])


def linear_causal(q: Array, k: Array, v: Array) -> Array:
    """The same with running sums: each token adds φ(k)v to a state and reads it, like a recurrent net. -> z [n d]. Equations 9 to 12."""
    f_q, f_k = feature(q), feature(k)
    state, total = np.zeros((k.shape[1], v.shape[1]), np.float32), np.zeros(k.shape[1], np.float32)
    z = np.empty((len(q), v.shape[1]), np.float32)
    for i in range(len(q)):
        state += np.outer(f_k[i], v[i])
        total += f_k[i]
        z[i] = f_q[i] @ state / (f_q[i] @ total)
    return frozen(z)


def linear_weights(q: Array, k: Array, seen: Pattern | None = None) -> Array:
    """The weights that linear attention never writes down: φ(q)·φ(k) divided by its row sum. [q k]"""
    products = feature(q) @ feature(k).T
    products = products if seen is None else np.where(seen, products, 0)
    return frozen(products / products.sum(-1, keepdims=True))


# Heads that share keys and values


def grouped(heads: Array, groups: int) -> Array:
    """Keys (or values) of a group of heads replaced by their mean. [h k d] -> [h k d], equal within a group.

    One group is multi-query attention (Shazeer 2019); as many groups as heads is multi-head attention. The mean is how Ainslie et al.
    (2023), 2.1, turn a multi-head model into a grouped-query one. Raises ValueError unless groups divides the heads.
    """
    h, n, d = heads.shape
    if groups < 1 or h % groups:
        raise ValueError(f"{h} heads cannot be split into {groups} groups of the same size")
    mean = heads.reshape(groups, h // groups, n, d).mean(1)
    return frozen(np.repeat(mean, h // groups, axis=0))


# All of them by name


@dataclass(frozen=True)
class Options:
    """What the variants need beyond q, k and v. width: of windows, 1 is the token itself; n_global, n_random: tokens."""

    width: int = 3
    stride: int = 3
    n_global: int = 1
    n_random: int = 1
    prefix: int = 3
    hidden: int = 2
    temperature: float = 0.5
    groups: int = 1
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Inputs:
    """One layer's q [h q d], k and v [h_kv k d], and which head is looked at. scale: the model's own, usually 1/sqrt(d)."""

    q: Array
    k: Array
    v: Array
    head: int = 0
    scale: float | None = None

    def one(self) -> tuple[Array, Array, Array]:
        """q, k and v of the head."""
        other = self.head // (len(self.q) // len(self.k))
        return self.q[self.head], self.k[other], self.v[other]

    def scores(self) -> Array:
        """q·k·scale of the head. [q k]"""
        q, k, _ = self.one()
        return scaled_dot(q, k) if self.scale is None else frozen(q @ k.T * np.float32(self.scale))

    def shared(self, groups: int) -> "Inputs":
        """The same with keys and values shared by groups of heads."""
        repeat = len(self.q) // len(self.k)
        k, v = (grouped(np.repeat(x, repeat, axis=0), groups) for x in (self.k, self.v))
        return Inputs(self.q, k, v, self.head, self.scale)


Kind = Literal["score", "mask", "sparse", "linear", "shared", "normaliser"]


@dataclass(frozen=True)
class Variant:
    """One way to attend, and all that is said of it. pattern: who may see whom, given n and the options; None for everybody.

    square: needs as many queries as keys. several: needs a layer with several heads. needs: the options it can be given.
    cells: how many scores its pattern has (for drawn keys: at most), without making it; None for n².
    """

    name: str
    kind: Kind
    source: str
    run: Callable[[Inputs, Options, Pattern | None], Attended]
    pattern: Callable[[int, Options], Pattern] | None = None
    several: bool = False
    needs: tuple[str, ...] = ()
    cells: Callable[[int, Options], float] | None = None

    @property
    def square(self) -> bool:
        return self.pattern is not None

    def __call__(self, given: Inputs, options: Options | None = None) -> Attended:
        """Raises ValueError where queries and keys differ in number and the pattern is one of self-attention."""
        options = options or Options()
        n_q, n_k = given.q.shape[1], given.k.shape[1]
        if self.square and n_q != n_k:
            raise ValueError(f"{self.name} is a pattern of self-attention; got {n_q} queries and {n_k} keys")
        return self.run(given, options, self.seen(n_k, options))

    def seen(self, n: int, options: Options) -> Pattern | None:
        return None if self.pattern is None else self.pattern(n, options)


def _softmax(given: Inputs, options: Options, seen: Pattern | None) -> Attended:
    return attend(given.scores(), given.one()[2], seen)


def _unscaled(given: Inputs, options: Options, seen: Pattern | None) -> Attended:
    q, k, v = given.one()
    return attend(dot(q, k), v)


def _additive(given: Inputs, options: Options, seen: Pattern | None) -> Attended:
    q, k, v = given.one()
    net = Net.random(q.shape[1], options.seed)
    return attend(additive(q, k, net.w_q, net.w_k, net.u), v)


def _general(given: Inputs, options: Options, seen: Pattern | None) -> Attended:
    q, k, v = given.one()
    return attend(general(q, k, Net.random(q.shape[1], options.seed).w), v)


def _linear(given: Inputs, options: Options, seen: Pattern | None) -> Attended:
    q, k, v = given.one()
    return Attended(linear_weights(q, k, seen), linear(q, k, v) if seen is None else linear_causal(q, k, v))


def _shared(groups: Callable[[Options], int]) -> Callable[[Inputs, Options, Pattern | None], Attended]:
    return lambda given, options, seen: _softmax(given.shared(groups(options)), options, seen)


def _normalised(normalise: Callable[[Array, Options], Array]) -> Callable[[Inputs, Options, Pattern | None], Attended]:
    return lambda given, options, seen: attend(given.scores(), given.one()[2], seen, lambda scores: normalise(scores, options))


# How many scores a pattern has, counted without making it


def _half(n: int, options: Options) -> float:
    return n * (n + 1) / 2


def _prefix_cells(n: int, options: Options) -> float:
    length = min(options.prefix, n)
    return n * (n + 1) / 2 + length * (length - 1) / 2


def _window_cells(n: int, options: Options) -> float:
    w = min(options.width, n)
    return float(n * (2 * w - 1) - w * (w - 1))


def _longformer_cells(n: int, options: Options) -> float:
    w, g = min(options.width, n), min(options.n_global, n)
    ends = sum(min(n, i + w) - max(0, i - w + 1) for i in range(g))  # of the window: in rows that are global anyway
    strip = sum(min(n, i + w) - max(g, i - w + 1) for i in range(g) if i + w > g)  # and in columns that are
    return _window_cells(n, options) + g * n - ends + g * (n - g) - strip


def _strided_cells(n: int, options: Options) -> float:
    s = min(options.stride, n)
    return float(sum(min(i + 1, s) + i // s for i in range(n)))


ALL: tuple[Variant, ...] = (
    Variant("full", "score", "Vaswani et al. (2017)", _softmax),
    Variant("unscaled", "score", "Luong et al. (2015)", _unscaled),
    Variant("additive", "score", "Bahdanau et al. (2015)", _additive, needs=("seed",)),
    Variant("general", "score", "Luong et al. (2015)", _general, needs=("seed",)),
    Variant("causal", "mask", "Vaswani et al. (2017)", _softmax, lambda n, o: causal(n), cells=_half),
    Variant(
        "padding",
        "mask",
        "Vaswani et al. (2017)",
        _softmax,
        lambda n, o: padding(n, o.hidden),
        needs=("hidden",),
        cells=lambda n, o: float(n * max(n - o.hidden, 1)),
    ),
    Variant("prefix", "mask", "Liu et al. (2018)", _softmax, lambda n, o: prefix(n, o.prefix), needs=("prefix",), cells=_prefix_cells),
    Variant("window", "sparse", "Parmar et al. (2018)", _softmax, lambda n, o: window(n, o.width), needs=("width",), cells=_window_cells),
    Variant(
        "longformer",
        "sparse",
        "Beltagy et al. (2020)",
        _softmax,
        lambda n, o: longformer(n, o.width, o.n_global),
        needs=("width", "n_global"),
        cells=_longformer_cells,
    ),
    Variant(
        "strided", "sparse", "Child et al. (2019)", _softmax, lambda n, o: strided(n, o.stride), needs=("stride",), cells=_strided_cells
    ),
    Variant(
        "bigbird",
        "sparse",
        "Zaheer et al. (2020)",
        _softmax,
        lambda n, o: bigbird(n, o.width, o.n_global, o.n_random, o.seed),
        needs=("width", "n_global", "n_random", "seed"),
        cells=lambda n, o: _longformer_cells(n, o) + n * min(o.n_random, n),
    ),
    Variant("linear", "linear", "Katharopoulos et al. (2020)", _linear),
    Variant("linear_causal", "linear", "Katharopoulos et al. (2020)", _linear, lambda n, o: causal(n), cells=_half),
    Variant("grouped", "shared", "Ainslie et al. (2023)", _shared(lambda o: o.groups), several=True, needs=("groups",)),
    Variant("multi_query", "shared", "Shazeer (2019)", _shared(lambda o: 1), several=True),
    Variant(
        "temperature", "normaliser", "Hinton et al. (2015)", _normalised(lambda s, o: tempered(s, o.temperature)), needs=("temperature",)
    ),
    Variant("sparsemax", "normaliser", "Martins & Astudillo (2016)", _normalised(lambda s, o: sparsemax(s))),
    Variant("entmax15", "normaliser", "Peters et al. (2019)", _normalised(lambda s, o: entmax15(s))),
)
VARIANTS = {variant.name: variant for variant in ALL}
