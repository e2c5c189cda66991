"""What attention costs: scores counted, and times measured on this machine with the sparse variants really computed sparsely."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from attnlab.core import sparse
from attnlab.core.variants import VARIANTS, Options

MEASURED = ("full", "window", "longformer", "strided", "bigbird", "linear")


@dataclass(frozen=True)
class Cost:
    """Of one head over n tokens. operations: multiplications, each with its addition; memory: numbers held between scores and output."""

    operations: float
    memory: float


def cells(name: str, n: int, options: Options) -> float:
    """How many scores a variant computes: n², or as many as its pattern has (for drawn keys: at most)."""
    count = VARIANTS[name].cells
    return float(n) * n if count is None else count(n, options)


def cost(name: str, n: int, d: int, options: Options) -> Cost:
    """Operations and memory of one head. Every score takes d multiplications, and d more on its way into the output."""
    if name in ("linear", "linear_causal"):
        return Cost(2.0 * n * d * (d + 1), float(d * (d + 1)))  # a state of d x d and its sum, written once, read once per token
    here = cells(name, n, options)
    before = {"additive": 2.0 * n * d * d, "general": float(n) * d * d}.get(name, 0.0)  # W q and W k
    return Cost(2 * d * here + before, here)


@dataclass(frozen=True)
class Timing:
    """How long one variant took over n tokens, in seconds: the fastest of a few runs. ratio: full attention's time divided by it."""

    name: str
    n: int
    seconds: float
    ratio: float


def runner(name: str, options: Options) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """The function that computes a variant without making scores it does not need."""
    w, g, r, seed = options.width, options.n_global, options.n_random, options.seed
    return {
        "full": sparse.full,
        "window": lambda q, k, v: sparse.window(q, k, v, w),
        "longformer": lambda q, k, v: sparse.longformer(q, k, v, w, g),
        "strided": lambda q, k, v: sparse.strided(q, k, v, options.stride),
        "bigbird": lambda q, k, v: sparse.bigbird(q, k, v, w, g, r, seed),
        "linear": sparse.linear,
    }[name]


def measure(
    names: Sequence[str], lengths: Sequence[int], *, heads: int = 12, d: int = 64, options: Options | None = None, runs: int = 3
) -> Iterator[Timing]:
    """Time every variant at every length on random q, k and v, full attention first at each length. One Timing at a time."""
    options = options or Options(width=128, stride=64, n_global=2, n_random=8)
    rest = [name for name in names if name != "full"]
    for n in lengths:
        generator = torch.Generator().manual_seed(n)
        q, k, v = (torch.randn(heads, n, d, generator=generator) for _ in range(3))
        whole = seconds(runner("full", options), q, k, v, runs)
        yield Timing("full", n, whole, 1.0)
        for name in rest:
            took = seconds(runner(name, options), q, k, v, runs)
            yield Timing(name, n, took, whole / took)


def seconds(run: Callable[[Tensor, Tensor, Tensor], Tensor], q: Tensor, k: Tensor, v: Tensor, runs: int) -> float:
    """The fastest of a few runs after one that warms up: whatever else this machine does can only slow a run down."""
    with torch.inference_mode():
        run(q, k, v)
        took = []
        for _ in range(runs):
            start = time.perf_counter()
            run(q, k, v)
            took.append(time.perf_counter() - start)
    return min(took)
