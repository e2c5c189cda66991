"""Curves for print: the static twin of a chart, with the same numbers."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from attnlab.figures.curves import DASHES, DOTS, MARKS, apart, read
from attnlab.figures.labels import clean, label
from attnlab.figures.picture import MARGIN, Frame, Numbers, Picture, Series, in_rows, text_size
from attnlab.figures.ramp import HEADS
from attnlab.figures.style import INK, MUTED, SERIES, Look, Words, drawing

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as Chart

WIDTH = 470.0  # points where nobody asks for another width
SHAPE = 0.42  # height of the plot, in widths of the picture


def static(figure: "Chart", look: Look | None = None, words: Words | None = None) -> Picture:
    """A chart of `curves` for print, from the numbers it holds."""
    about, series, look = figure.layout.meta, read(figure), look or Look()
    words = words or Words(series=about["series"])
    title, caption, axes = about["title"], about["caption"], tuple(about["axes"])
    numbers = Numbers("curves", series=series, axes=axes, title=title, caption=caption, words=words)
    width = WIDTH if look.inches is None else 72 * look.inches
    with drawing(look):
        font = min(look.font, max(4.0, width / 24))
        frame = Frame.around(width, title, caption, replace(look, font=font))
        above = frame.above + (1.2 * font if about["shaded"] else 0)  # the name of the stretch stands over the plot
        rows = in_rows([text_size(clean(one.name), 0.9 * font)[0] + 4.0 * font for one in series], width - 2 * MARGIN)
        below = font * (3.4 + 1.6 * len(rows)) + (4.0 * font if about["ticks"] else 0)
        tall = max(SHAPE * width, 8 * font)
        picture = Picture(width, above + tall + below + frame.below, numbers=numbers, look=look)
        ax = picture.place(MARGIN + 4.6 * font, above, width - 2 * MARGIN - 5.2 * font, tall)
        points = sum(trace.meta == "dots" for trace in figure.data)
        for one in series[:points]:
            ax.plot(one.x, one.y, "o", color=DOTS, markersize=font / 3, alpha=0.75)
        if about["joined"]:
            for number, one in enumerate(series[points:]):
                _line(ax, one, number, font, "o" if about["markers"] else None)
        else:
            _clouds(ax, series[points:], font)
        _dress(ax, about, font)
        strokes = [_stroke(number - points, joined=about["joined"]) for number in range(len(series))]
        _write_legend(picture, rows, series, strokes, above + tall + below - 1.6 * font * len(rows), font)
        frame.draw(picture)
    return picture


def _line(ax: Any, one: Series, number: int, font: float, mark: str | None) -> None:
    colour, dash, _ = _stroke(number, joined=True)
    ax.plot(one.x, one.y, color=colour, linestyle=dash, linewidth=font / 7, marker=mark, markersize=font / 4)
    if one.low is not None and one.high is not None:
        ax.fill_between(one.x, one.low, one.high, color=colour, alpha=0.15, linewidth=0)


def _clouds(ax: Any, series: Sequence[Series], font: float) -> None:
    """Points by colour and shape, named where there is room."""
    free = iter(apart([(float(x), float(y)) for one in series for x, y in zip(one.x, one.y, strict=True)]))
    for number, one in enumerate(series):
        colour, _, mark = _stroke(number, joined=False)
        ax.plot(one.x, one.y, mark, color=colour, markersize=font / 2.2, alpha=0.85)
        for x, y, text in zip(one.x, one.y, one.texts or (), strict=False):
            if next(free):
                where: dict[str, Any] = {"xytext": (0, font / 2.5), "textcoords": "offset points", "ha": "center", "va": "bottom"}
                ax.annotate(clean(text), (x, y), fontsize=0.7 * font, color=INK, parse_math=False, **where)


def _stroke(number: int, *, joined: bool) -> tuple[str, str, str | None]:
    """Colour, line and mark of a series; one before the first is a cloud of dots."""
    if number < 0:
        return DOTS, "", "o"
    if not joined:
        return HEADS[number % len(HEADS)], "", MARKS[number // len(HEADS) % len(MARKS)][1]
    return SERIES[number % len(SERIES)], DASHES[number // len(SERIES) % len(DASHES)][1], None


def _write_legend(
    picture: Picture,
    rows: list[list[tuple[float, int]]],
    series: Sequence[Series],
    strokes: Sequence[tuple[str, str, str | None]],
    top: float,
    font: float,
) -> None:
    """A stroke or a dot as it is drawn, and what it is called."""
    width, height = picture.get_size_inches() * 72
    box = picture.place(0, 0, width, height)
    box.set_axis_off()
    box.set(xlim=(0, width), ylim=(height, 0))
    for line, row in enumerate(rows):
        for x, number in row:
            y, (colour, dash, mark) = top + 1.6 * font * (line + 0.5), strokes[number]
            ends = [x, x + 2.2 * font] if mark is None else [x + 1.1 * font]
            box.plot(ends, [y] * len(ends), dash, marker=mark, color=colour, markersize=font / 3, linewidth=font / 7)
            picture.write(x + 2.7 * font, y - 0.5 * font, clean(series[number].name), fontsize=0.9 * font, color=INK)


def power(value: float, _: object = None) -> str:
    """A power of ten as a tick says it: 1,000 in full, 10⁷ by its exponent."""
    exponent = round(math.log10(value))
    return f"{value:,.0f}" if 0 <= exponent < 5 else "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _dress(ax: Any, about: dict[str, Any], font: float) -> None:
    ax.set_xlabel(clean(about["axes"][0]), parse_math=False, fontsize=font)
    ax.set_ylabel(clean(about["axes"][1]), parse_math=False, fontsize=font)
    ax.tick_params(labelsize=0.85 * font)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="#E3E5E8", linewidth=0.5)
    ax.set_axisbelow(True)
    if about["log"]:
        ax.set(xscale="log", yscale="log")
        ax.minorticks_off()
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(power)
    if about["y"]:
        ax.set_ylim(*about["y"])
    if about["shaded"]:
        low, high, name = about["shaded"]
        ax.axvspan(low, high, color="#7F7F7F", alpha=0.14, linewidth=0)
        ax.text(low, 1.01, clean(name), transform=ax.get_xaxis_transform(), fontsize=0.8 * font, color=MUTED, parse_math=False)
    if about["ticks"]:
        names = [label(tick, 12) for tick in about["ticks"]]
        ax.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor", fontsize=0.8 * font)
