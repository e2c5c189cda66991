"""Maps too large to send or to see: blocks of cells become one, without ever holding the whole n x n matrix."""

from typing import Literal

import numpy as np

from attnlab.core.trace import Array, Attention, Trace, frozen

Pool = Literal["max", "mean"]
ROWS = 256  # rows of weights in memory at a time: 8 MiB at 8,192 tokens


def block_of(n: int, size: int) -> int:
    """How many tokens share a cell when n of them must fit into `size` cells."""
    return -(-n // size)


def overview(attention: Attention, head: int, *, size: int = 512, pool: Pool = "max") -> Array:
    """The weights of one head in at most size x size cells. [q k] -> [q/b k/b], b as of block_of.

    pool: the largest weight of a block, or their mean (at the edges over the cells there are). Exact when everything fits.
    """
    n_q, n_k = len(attention.queries), len(attention.keys)
    block = block_of(max(n_q, n_k), size)
    if block == 1:
        return attention.weights(head)
    step = max(block, ROWS // block * block)
    bands = [pooled(attention.weights(head, slice(start, min(start + step, n_q))), block, pool) for start in range(0, n_q, step)]
    return frozen(np.concatenate(bands))


def pooled(weights: Array, block: int, pool: Pool = "max") -> Array:
    """Square blocks of a matrix as one cell each. [q k] -> [ceil(q/block) ceil(k/block)]"""
    if block == 1:
        return frozen(weights)
    join = np.maximum if pool == "max" else np.add
    whole = len(weights) // block * block
    parts = [join.reduce(weights[:whole].reshape(-1, block, weights.shape[1]), axis=1)]  # rows first: they lie side by side
    if whole < len(weights):
        parts.append(join.reduce(weights[whole:], axis=0, keepdims=True))
    cells = join.reduceat(np.concatenate(parts), range(0, weights.shape[1], block), axis=1)
    if pool == "mean":
        cells = cells / np.outer(sizes(len(weights), block), sizes(weights.shape[1], block))
    return frozen(cells)


def sizes(n: int, block: int) -> Array:
    """How many tokens each block holds: all of them `block`, except perhaps the last."""
    return np.minimum(block, n - np.arange(0, n, block)).astype(np.float32)


def tiles(trace: Trace, stack: str, *, size: int = 64, pool: Pool = "max") -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Every head of a stack as a small picture: 0 to 255 for weights 0 to 1. [layers heads rows columns]"""
    layers = [attention for attention in trace.attentions if attention.stack == stack]
    return np.stack(
        [[as_bytes(overview(attention, head, size=size, pool=pool)) for head in range(attention.n_heads)] for attention in layers]
    )


def as_bytes(weights: Array) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Weights in steps of 1/255."""
    return np.rint(weights * np.float32(255)).astype(np.uint8)
