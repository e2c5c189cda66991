"""Curves with confidence bands: plotly on the screen. Their static twins are in plots.py."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from attnlab.core.trace import frozen
from attnlab.figures.labels import clean
from attnlab.figures.ramp import HEADS
from attnlab.figures.style import MUTED, SERIES, Words

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as Chart

    from attnlab.figures.picture import Series

ROW = 21  # pixels of a line of the legend
ABREAST = 560  # pixels that names of the legend share, as on half a page
AROUND = {"l": 64, "r": 8, "t": 44, "b": 52}  # pixels; margins that plotly finds by itself take it half of its time
LEGEND = {
    "orientation": "h",
    "x": 0,
    "xanchor": "left",
    "yref": "container",
    "y": 0.01,
    "yanchor": "bottom",
}  # under the plot: a phone is narrow
SHADE = "rgba(127, 127, 127, 0.16)"
DOTS = "#8A8F98"  # points that no line joins: grey that can be seen on white and on black
DASHES = (("solid", "-"), ("dash", "--"), ("dot", ":"))  # after the last colour the next kind of line begins
MARKS = (("circle", "o"), ("square", "s"), ("diamond", "D"))  # and the next kind of point


def curves(
    series: "Sequence[Series]",
    *,
    axes: tuple[str, str],
    title: str = "",
    caption: str = "",
    shaded: tuple[float, float, str] | None = None,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    ticks: Sequence[str] | None = None,
    markers: bool = True,
    joined: bool = True,
    log: bool = False,
    dots: "Sequence[Series]" = (),
    height: int = 360,
    words: Words | None = None,
) -> "Chart":
    """One line per series, its band behind it. axes: words for x and y. dots: points that no line joins, drawn below the lines.

    shaded: from, to and the name of a stretch of x. ticks: names of x = 0, 1, 2, ... caption: for the static twin only.
    joined: a series is a line, else a cloud of points that bear their names where there is room. log: both axes in powers of ten.
    """
    data = [_dots(one, axes) for one in dots]
    names = _named(series) if not joined else [()] * len(series)
    for number, (one, texts) in enumerate(zip(series, names, strict=True)):
        data += _line(one, number, axes, markers) if joined else [_cloud(one, number, axes, texts)]
    rows = legend_rows([one.name for one in (*dots, *series)])
    meta = {"title": title, "caption": caption, "axes": list(axes), "shaded": shaded, "ticks": ticks and list(ticks), "y": y_range}
    layout: dict[str, Any] = {
        "meta": meta | {"markers": markers, "joined": joined, "log": log, "series": (words or Words()).series},
        "title": {"text": escape(clean(title)), "font": {"size": 14}, "y": 0.98, "yanchor": "top"},
        "height": height + ROW * rows,
        "margin": AROUND | {"b": AROUND["b"] + ROW * rows},
        "hovermode": "closest",
        "legend": LEGEND | {"itemclick": "toggle", "itemdoubleclick": "toggleothers"},
        "showlegend": True,
        "xaxis": _axis(axes[0], x_range, automargin=ticks is not None),
        "yaxis": _axis(axes[1], y_range, automargin=False),
    }
    if ticks is not None:
        shown = [escape(clean(tick)) for tick in ticks]
        layout["xaxis"] |= {"tickvals": list(range(len(shown))), "ticktext": shown, "tickangle": -40}
    if log:
        layout["xaxis"] |= {"type": "log", "dtick": 1}
        layout["yaxis"] |= {"type": "log", "dtick": 1, "exponentformat": "power"}
    if shaded is not None:
        layout["shapes"] = [_shade(*shaded)]
    return unchecked(data, layout)


def legend_rows(names: Sequence[str]) -> int:
    """How many lines the legend under a plot has."""
    wide = [44 + sum(13 if ord(letter) > 0x2E80 else 7 for letter in name) for name in names]
    return max(1, -(-sum(wide) // ABREAST))


def unchecked(data: Sequence[Mapping[str, Any]], layout: Mapping[str, Any]) -> "Chart":
    """A plotly figure that takes our word for it that every name and value is one of plotly's: looking each up takes ten times as long."""
    from plotly.graph_objects import Figure

    return Figure(data=list(data), layout=layout, _validate=False)


def _axis(name: str, span: tuple[float, float] | None, *, automargin: bool) -> dict[str, Any]:
    return {"title": {"text": escape(clean(name))}, "automargin": automargin} | ({} if span is None else {"range": list(span)})


def _shade(low: float, high: float, name: str) -> dict[str, Any]:
    label = {"text": escape(clean(name)), "textposition": "bottom left", "font": {"size": 11, "color": MUTED}}
    place = {"type": "rect", "xref": "x", "yref": "paper", "x0": low, "x1": high, "y0": 0, "y1": 1}
    return place | {"line": {"width": 0}, "fillcolor": SHADE, "layer": "below", "label": label}


def _line(one: "Series", number: int, axes: tuple[str, str], markers: bool) -> list[dict[str, Any]]:
    """The two edges of a band, where there is one, and the line itself."""
    colour, dash = SERIES[number % len(SERIES)], DASHES[number // len(SERIES) % len(DASHES)][0]
    name = escape(clean(one.name))
    common: dict[str, Any] = {"type": "scatter", "x": one.x, "legendgroup": str(number)}
    place = f"{escape(clean(axes[0]))} %{{x}}" if one.texts is None else "%{text}"
    banded = one.low is not None and one.high is not None
    band = " (%{customdata[0]:.4f} – %{customdata[1]:.4f})" if banded else ""
    line = common | {
        "y": one.y,
        "name": name,
        "meta": "mean",
        "mode": "lines+markers" if markers else "lines",
        "line": {"color": colour, "width": 2, "dash": dash},
        "marker": {"size": 5},
        "hovertemplate": f"<b>{name}</b><br>{place}<br>{escape(clean(axes[1]))} %{{y:.4f}}{band}<extra></extra>",
    }
    if one.texts is not None:
        line["text"] = [escape(clean(text)) for text in one.texts]
    if not banded:
        return [line]
    edge = common | {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    low = edge | {"y": one.low, "meta": "low"}
    high = edge | {"y": one.high, "meta": "high", "fill": "tonexty", "fillcolor": _pale(colour)}
    return [low, high, line | {"customdata": np.stack((one.low, one.high), -1)}]  # type: ignore[arg-type]


def _dots(one: "Series", axes: tuple[str, str]) -> dict[str, Any]:
    name = escape(clean(one.name))
    place = f"{escape(clean(axes[0]))} %{{x}}" if one.texts is None else "%{text}"
    dots = {
        "type": "scatter",
        "x": one.x,
        "y": one.y,
        "name": name,
        "meta": "dots",
        "mode": "markers",
        "marker": {"size": 9, "color": DOTS, "opacity": 0.75},
        "hovertemplate": f"<b>{place}</b><br>{escape(clean(axes[1]))} %{{y:.4f}}<extra></extra>",
    }
    return dots if one.texts is None else dots | {"text": [escape(clean(text)) for text in one.texts]}


def _cloud(one: "Series", number: int, axes: tuple[str, str], texts: Sequence[str]) -> dict[str, Any]:
    """Points that no line joins, each with its name under the pointer, and beside it where there is room. texts: those that are written."""
    across, up = (escape(clean(axis)) for axis in axes)
    return {
        "type": "scatter",
        "x": one.x,
        "y": one.y,
        "name": escape(clean(one.name)),
        "meta": "cloud",
        "mode": "markers+text",
        "marker": {"size": 11, "color": HEADS[number % len(HEADS)], "symbol": MARKS[number // len(HEADS) % len(MARKS)][0]},
        "text": [escape(clean(text)) for text in texts],
        "hovertext": [escape(clean(text)) for text in one.texts or ()],
        "textposition": "top center",
        "textfont": {"size": 11},
        "hovertemplate": f"<b>%{{hovertext}}</b><br>{across} %{{x:.4f}}<br>{up} %{{y:.4f}}<extra></extra>",
    }


def _named(series: "Sequence[Series]") -> list[list[str]]:
    """The names of points that have room for them: no other lies within the size of one; the rest stay without."""
    free = iter(apart([(float(x), float(y)) for one in series for x, y in zip(one.x, one.y, strict=True)]))
    return [[text if next(free) else "" for text in one.texts or ("",) * len(one.x)] for one in series]


def apart(points: Sequence[tuple[float, float]]) -> list[bool]:
    """Which points of a scatter have room for their name: no other lies within the size of one, in parts of both axes."""
    at = np.array(points, np.float64).reshape(-1, 2)
    if not len(at):
        return []
    reach = np.ptp(at, axis=0)
    gap = np.abs(at[:, None] - at) / np.where(reach > 0, reach, 1) / (0.035, 0.04)  # [n n 2], in names
    return [bool(count == 1) for count in (gap < 1).all(-1).sum(-1)]  # itself alone


def _pale(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.15)"


def read(figure: "Chart") -> "tuple[Series, ...]":
    """The series that a chart of `curves` was made from, dots first."""
    from html import unescape

    from attnlab.figures.picture import Series

    made, ends = [], {}
    for trace in figure.data:
        if trace.meta in ("low", "high"):
            ends[trace.meta] = frozen(trace.y)
            continue
        said = trace.hovertext if trace.meta == "cloud" else trace.text
        texts = None if said is None else tuple(unescape(text) for text in said)
        made.append(Series(unescape(trace.name), frozen(trace.x), frozen(trace.y), ends.get("low"), ends.get("high"), texts))
        ends = {}
    return tuple(made)
