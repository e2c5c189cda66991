"""python -m tests.benchmarks.long: one head of 32,768 and of 131,072 tokens, from q and k that are there: overview, window, row, memory.

q and k are random, in the shape of one head of BERT-base and of a decoder; the overview is what the page draws.
"""

import sys
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from attnlab.core.trace import Attention, Tokens
from attnlab.core.views import overview
from tests.benchmarks.sides import measured

D_HEAD, SIDE, WINDOW, LONG = 64, 512, 64, 32_768


def head(n: int, *, causal: bool) -> Attention:
    random = np.random.default_rng(0)
    q, k, v = (random.standard_normal((1, n, D_HEAD), dtype=np.float32) for _ in range(3))
    tokens = Tokens(("a",) * n, (0,) * n, (False,) * n, tuple(range(n)), (None,) * n, (0,) * n)
    return Attention("decoder" if causal else "encoder", 0, tokens, tokens, q, k, v, scale=D_HEAD**-0.5, causal=causal)


def milliseconds(attention: Attention, rows: int) -> float:
    """The slowest of five places, for what is asked on demand."""
    starts = np.linspace(0, len(attention.queries) - rows, 5).astype(int)
    found = []
    for start in starts:
        began = perf_counter()
        attention.weights(0, slice(int(start), int(start) + rows))
        found.append(perf_counter() - began)
    return 1000 * max(found)


def checked(attention: Attention, pooled: Any) -> None:
    """Some rows of blocks of the overview against a plain softmax in float64."""
    n = len(attention.queries)
    block = -(-n // SIDE)
    q, k = attention.need("q")[0].astype(np.float64), attention.need("k")[0].astype(np.float64)
    for at in (0, n // block // 2, n // block - 1):
        rows = np.arange(at * block, (at + 1) * block)
        scores = q[rows] @ k.T * attention.scale
        scores = np.where(attention.causal & (np.arange(n) > rows[:, None]), -np.inf, scores)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        wanted = weights.reshape(block, -1, block).max((0, 2))
        np.testing.assert_allclose(pooled[at], wanted, rtol=1e-3, atol=1e-7)


def picture(attention: Attention) -> Any:
    """What the page draws of the whole head."""
    n = len(attention.queries)
    return overview(lambda rows: attention.weights(0, rows), n, n, side=SIDE)


def main() -> None:
    sizes = [int(n) for n in sys.argv[1:]] or [LONG]
    print("| one head | overview | extra memory | window | row |\n|---|---|---|---|---|", flush=True)
    for n in sizes:
        for causal in (False, True):
            attention = head(n, causal=causal)
            run = measured(lambda attention=attention: picture(attention), 3 if n <= LONG else 1)
            if n <= LONG:
                checked(attention, picture(attention))
            cells = [f"{median(run['seconds']):.1f} s", f"{run['extra_mib']:,.0f} MiB"]
            cells += [f"{milliseconds(attention, rows):.0f} ms" for rows in (WINDOW, 1)]
            print(f"| {n:,} tokens, {'causal' if causal else 'all keys'} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
