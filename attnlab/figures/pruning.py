"""What is left of a score as heads go: one line by importance, the range of random orders as a band."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from attnlab.core.trace import Array, frozen
from attnlab.figures.curves import curves
from attnlab.figures.style import Words

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as Chart

NAMES = {"importance": "least important first", "random": "random order (mean, lowest to highest)", "removed": "heads removed"}


def pruning_chart(
    removed: Sequence[int],
    by_importance: Array,
    at_random: Array,
    *,
    measure: str,
    title: str = "",
    caption: str = "",
    names: Mapping[str, str] | None = None,
    words: Words | None = None,
) -> "Chart":
    """The score by how many heads are out. by_importance: [points]; at_random: [orders points]. names: what lines and axis are called.

    Raises ValueError where the lines have not one number for each entry of `removed`.
    """
    from attnlab.figures.picture import Series

    if by_importance.shape != (len(removed),) or at_random.shape[1:] != (len(removed),):
        raise ValueError(f"{len(removed)} points but lines are {by_importance.shape} and {at_random.shape}")
    said, x = NAMES | dict(names or {}), frozen(np.array(removed))
    series = [Series(said["importance"], x, by_importance)]
    if len(at_random):
        mean, low, high = (frozen(find(at_random, 0)) for find in (np.mean, np.min, np.max))
        series.append(Series(said["random"], x, mean, low, high))
    return curves(series, axes=(said["removed"], measure), title=title, caption=caption, words=words)
