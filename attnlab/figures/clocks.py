"""Angles drawn as hands: one dial per pair of dimensions, turning as the position moves."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attnlab.core.trace import Array, frozen
from attnlab.figures.style import INK, KEY, MUTED, QUERY, Look, Words, drawing

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as Chart

    from attnlab.figures.picture import Picture

ACROSS = 4  # dials in a row
STEP = 2.6  # from dial to dial, in radii
DIAL = 92.0  # points from dial to dial in print


def clocks(angles: Array, names: Sequence[str], *, axes: tuple[str, str]) -> "Chart":
    """The hand of each dial at the last position, and dots where it stood before. angles: [positions dials], in radians.

    names: what each dial is; axes: words for a position and an angle.
    """
    from plotly.graph_objects import Figure, Scatter

    centres = np.array([centre(dial) for dial in range(len(names))])  # [dials 2]
    x, y = (centres[:, i] + turn(angles) for i, turn in enumerate((np.cos, np.sin)))  # each [positions dials]
    said = [
        f"{name}<br>{axes[0]} {p}<br>{axes[1]} {degrees(a):.1f}°"
        for p, row in enumerate(angles)
        for name, a in zip(names, row, strict=True)
    ]
    faded = {"color": QUERY, "size": 5, "opacity": np.repeat(fading(len(x)), len(names))}
    dots = Scatter(x=x.ravel(), y=y.ravel(), mode="markers", marker=faded, hovertext=said, hoverinfo="text", showlegend=False)
    gap = np.full(len(names), np.nan)  # between one hand and the next
    tips = (np.stack(ends, 1).ravel() for ends in ((centres[:, 0], x[-1], gap), (centres[:, 1], y[-1], gap)))
    hands = Scatter(x=next(tips), y=next(tips), mode="lines", line={"color": KEY, "width": 3}, hoverinfo="skip", showlegend=False)
    chart = Figure([dots, hands])
    rim = {"type": "circle", "line": {"color": MUTED, "width": 1}}
    shapes = [rim | {"x0": x0 - 1, "x1": x0 + 1, "y0": y0 - 1, "y1": y0 + 1} for x0, y0 in centres]
    below = [
        {"x": x0, "y": y0 - 1.28, "text": name, "showarrow": False, "font": {"size": 11}}
        for name, (x0, y0) in zip(names, centres, strict=True)
    ]
    chart.update_layout(shapes=shapes, annotations=below)
    rows = -(-len(names) // ACROSS)
    columns = min(ACROSS, len(names))
    chart.update_xaxes(visible=False, range=[-1.3, (columns - 1) * STEP + 1.3])
    chart.update_yaxes(visible=False, range=[-(rows - 1) * STEP - 1.5, 1.2], scaleanchor="x", constrain="domain", constraintoward="top")
    chart.update_layout(height=20 + rows * 122, margin={"l": 0, "r": 0, "t": 6, "b": 0}, dragmode=False)
    return chart


def still(
    angles: Array,
    names: Sequence[str],
    *,
    axes: tuple[str, str],
    title: str = "",
    caption: str = "",
    look: Look | None = None,
    words: Words | None = None,
) -> "Picture":
    """The same dials for print, with the angles of every position as its numbers."""
    from matplotlib.patches import Circle

    from attnlab.figures.picture import MARGIN, Frame, Numbers, Picture, Series

    look, places = look or Look(), frozen(np.arange(len(angles)))
    series = tuple(Series(name, places, frozen(angles[:, dial])) for dial, name in enumerate(names))
    rows = -(-len(names) // ACROSS)
    width = ACROSS * DIAL + 2 * MARGIN if look.inches is None else 72 * look.inches
    dial = (width - 2 * MARGIN) / ACROSS
    numbers = Numbers("curves", series=series, axes=axes, title=title, caption=caption, words=words or Words())
    with drawing(look):
        look = replace(look, font=min(look.font, max(4.0, dial / 10)))
        frame = Frame.around(width, title, caption, look)
        picture = Picture(width, frame.above + rows * dial + frame.below, numbers=numbers, look=look)
        ax = picture.place(MARGIN, frame.above, ACROSS * dial, rows * dial)
        ax.set(xlim=(-1.3, (ACROSS - 1) * STEP + 1.3), ylim=(-(rows - 1) * STEP - 1.6, 1.2), aspect="equal")
        ax.axis("off")
        for dial, name in enumerate(names):
            x0, y0 = centre(dial)
            x, y = x0 + np.cos(angles[:, dial]), y0 + np.sin(angles[:, dial])
            ax.add_patch(Circle((x0, y0), 1, fill=False, color=MUTED, linewidth=0.6))
            ax.scatter(x, y, s=6, color=QUERY, alpha=fading(len(x)), linewidths=0)
            ax.plot([x0, x[-1]], [y0, y[-1]], color=KEY, linewidth=1.6)
            ax.text(x0, y0 - 1.38, name, ha="center", fontsize=0.8 * look.font, color=INK, parse_math=False)
        frame.draw(picture)
    return picture


def centre(dial: int) -> tuple[float, float]:
    return dial % ACROSS * STEP, -(dial // ACROSS) * STEP


def fading(n: int) -> list[float]:
    """Where the hand stood long ago is pale."""
    return [0.15 + 0.75 * (i + 1) / n for i in range(n)]


def degrees(angle: float) -> float:
    return math.degrees(angle) % 360
