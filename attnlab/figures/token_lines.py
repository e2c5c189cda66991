"""The static twin of the line view: tokens on two sides, a line for each weight, a colour for each head."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from attnlab.core.trace import Array
from attnlab.figures.heatmaps import panelled
from attnlab.figures.labels import label, labels
from attnlab.figures.picture import MARGIN, Frame, Numbers, Panel, Picture, in_rows, text_size
from attnlab.figures.style import INK, MUTED, SERIES, Look, Words, drawing

GAP = 12.0  # ems between the two sides where the content decides the width
FAINTEST = 1 / 255  # of the scale: a paler line cannot be told from paper
SMALLEST = 4.0  # points


def lines(
    weights: Array,
    queries: Sequence[str],
    keys: Sequence[str],
    *,
    title: str = "",
    caption: str = "",
    threshold: float = 0.02,
    names: Sequence[str] = (),
    colours: Sequence[str] = SERIES,
    high: float = 1.0,
    look: Look | None = None,
    words: Words | None = None,
) -> Picture:
    """Queries left, keys right, a line as strong as its weight; weights under the threshold have none.

    weights: [q k], or [h q k] for several heads, each with its name and its colour (colours repeat when there are more heads).
    high: the weight whose line is opaque. Raises ValueError when names, labels and weights disagree.
    """
    look, words = look or Look(), words or Words()
    every = weights if weights.ndim == 3 else weights[None]  # [h q k]
    if names and len(names) != len(every):
        raise ValueError(f"there are {len(every)} heads but {len(names)} names")
    called = list(names) or ([title] if len(every) == 1 else [str(i) for i in range(len(every))])
    panels = tuple(panelled(each, queries, keys, look, words.weight, name=name) for name, each in zip(called, every, strict=True))
    with drawing(look):
        left, right, font, width = _measured(queries, keys, look, words)
        look = replace(look, font=font)
        wide = [text_size(label(name), font)[0] + 2.2 * font for name in names]
        rows = in_rows(wide, width - 2 * MARGIN) if len(names) > 1 else []
        step = font * 1.7
        frame = Frame.around(width, title, caption, look)
        top = frame.above + step * (len(rows) + 1)
        height = top + step * max(len(left), len(right)) + frame.below
        picture = Picture(width, height, numbers=Numbers("lines", panels, title=title, caption=caption, words=words), look=look)
        axes = picture.place(0, 0, width, height)
        axes.set_axis_off()
        axes.set(xlim=(0, width), ylim=(height, 0))
        for line, row in enumerate(rows):
            for x, number in row:
                colour = colours[number % len(colours)]
                _say(axes, x, frame.above + step * (line + 0.5), "■", font, colour, "left")
                _say(axes, x + 1.2 * font, frame.above + step * (line + 0.5), label(names[number]), font, INK, "left")
        start, end = MARGIN + _widest(left, words.query, font) + font / 2, width - MARGIN - _widest(right, words.key, font) - font / 2
        for x, told, side, head in ((start - font / 3, left, "right", words.query), (end + font / 3, right, "left", words.key)):
            _say(axes, x, top - step / 2, head, font, MUTED, side)
            for i, name in enumerate(told):
                _say(axes, x, top + (i + 0.5) * step, name, font, INK, side)
        for number, panel in enumerate(panels):
            _strokes(axes, panel, colours[number % len(colours)], start, end, top, step, threshold, high)
        frame.draw(picture)
    return picture


def _measured(queries: Sequence[str], keys: Sequence[str], look: Look, words: Words) -> tuple[list[str], list[str], float, float]:
    """Both columns of labels, the size of their letters and the width of the picture, so that there is room between them."""
    font, limit = look.font, 24
    given = None if look.inches is None else 72 * look.inches
    while True:
        left, right = labels(list(queries), limit), labels(list(keys), limit)
        taken = _widest(left, words.query, font) + _widest(right, words.key, font) + 2 * MARGIN + font
        if given is None:
            return left, right, font, taken + GAP * font
        if taken <= 0.7 * given or (limit <= 8 and font <= SMALLEST):
            return left, right, font, given
        limit, font = (limit - 4, font) if limit > 8 else (limit, max(SMALLEST, 0.9 * font))


def _widest(names: Sequence[str], head: str, font: float) -> float:
    return max(text_size(name, font)[0] for name in [*names, head])


def _say(axes: Any, x: float, y: float, text: str, font: float, colour: str, side: str) -> None:
    axes.text(x, y, text, ha=side, va="center", fontsize=font, color=colour, parse_math=False)


def _strokes(
    axes: Any, panel: Panel, colour: str, start: float, end: float, top: float, step: float, threshold: float, high: float
) -> None:
    """One head's lines as one collection, the weakest below. Where there is no number there is no line."""
    from matplotlib.collections import PathCollection
    from matplotlib.colors import to_rgb
    from matplotlib.path import Path

    seen = np.nan_to_num(panel.values, nan=-1.0, posinf=-1.0, neginf=-1.0)
    rows, columns = np.nonzero((seen >= threshold) & (seen >= FAINTEST * high))
    order = np.argsort(seen[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    strength = np.minimum(1.0, seen[rows, columns] / high)
    middle, curve = (start + end) / 2, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
    heights = top + (np.arange(max(seen.shape)) + 0.5) * step
    paths = [
        Path([(start, heights[q]), (middle, heights[q]), (middle, heights[k]), (end, heights[k])], curve)
        for q, k in zip(rows, columns, strict=True)
    ]
    ink = np.column_stack((np.tile(to_rgb(colour), (len(paths), 1)), strength))  # [n 4]
    axes.add_collection(PathCollection(paths, facecolors="none", edgecolors=ink, linewidths=0.7 + 1.6 * strength), autolim=False)
