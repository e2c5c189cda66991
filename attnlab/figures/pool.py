"""A map of too many cells for an image, made smaller: nothing that stands out is lost."""

import math

import numpy as np

from attnlab.core.trace import Array, frozen

PIXELS = 1024  # an image of more cells a side is pooled, or what stands out is too small to be seen in print


def pooling(shape: tuple[int, ...]) -> int:
    """How many values share one pixel, a side."""
    return math.ceil(max(shape) / PIXELS)


def pooled(values: Array, n: int) -> Array:
    """The value furthest from 0 of each n x n block. [q k] -> [ceil(q/n) ceil(k/n)]"""
    if n == 1:
        return values
    rows, columns = (math.ceil(size / n) for size in values.shape)
    padded = np.full((rows * n, columns * n), np.nan, np.float32)
    padded[: values.shape[0], : values.shape[1]] = values
    blocks = padded.reshape(rows, n, columns, n).swapaxes(1, 2).reshape(rows, columns, n * n)  # [q' k' n·n]
    furthest = np.where(np.isnan(blocks), -1, np.abs(blocks)).argmax(-1)  # [q' k']
    return frozen(np.take_along_axis(blocks, furthest[..., None], -1)[..., 0])
