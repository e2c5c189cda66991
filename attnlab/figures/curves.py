"""Curves with confidence bands: plotly on the screen, a static twin with the same numbers for every file."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from attnlab.core.trace import frozen
from attnlab.figures.labels import clean
from attnlab.figures.style import INK, MUTED, SERIES, Look, Words, drawing

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as Chart

    from attnlab.figures.picture import Picture, Series

WIDTH, HEIGHT = 470.0, 290.0  # points of the static twin
AROUND = {"l": 64, "r": 8, "t": 44, "b": 52}  # pixels; margins that plotly finds by itself take it half of its time
SHADE = "rgba(127, 127, 127, 0.16)"
DOTS = "#8A8F98"  # points that no line joins: grey that can be seen on white and on black
DASHES = (("solid", "-"), ("dash", "--"), ("dot", ":"))  # after the last colour the next kind of line begins


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
    dots: "Sequence[Series]" = (),
    height: int = 360,
    words: Words | None = None,
) -> "Chart":
    """One line per series, its band behind it. axes: words for x and y. dots: points that no line joins, drawn below the lines.

    shaded: from, to and the name of a stretch of x. ticks: names of x = 0, 1, 2, ... caption: for the static twin only.
    """
    data = [_dots(one, axes) for one in dots]
    for number, one in enumerate(series):
        data += _line(one, number, axes, markers)
    meta = {"title": title, "caption": caption, "axes": list(axes), "shaded": shaded, "ticks": ticks and list(ticks), "y": y_range}
    layout: dict[str, Any] = {
        "meta": meta | {"markers": markers, "series": (words or Words()).series},
        "title": {"text": escape(clean(title)), "font": {"size": 14}, "y": 0.98, "yanchor": "top"},
        "height": height,
        "margin": AROUND,
        "hovermode": "closest",
        "legend": {"orientation": "v", "itemclick": "toggle", "itemdoubleclick": "toggleothers"},
        "showlegend": True,
        "xaxis": _axis(axes[0], x_range, automargin=ticks is not None),
        "yaxis": _axis(axes[1], y_range, automargin=False),
    }
    if ticks is not None:
        shown = [escape(clean(tick)) for tick in ticks]
        layout["xaxis"] |= {"tickvals": list(range(len(shown))), "ticktext": shown, "tickangle": -40}
    if shaded is not None:
        layout["shapes"] = [_shade(*shaded)]
    return unchecked(data, layout)


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


def _pale(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, 0.15)"


def static(figure: "Chart") -> "Picture":
    """A chart of `curves` for print, from the numbers it holds."""
    from attnlab.figures.picture import Numbers, Picture, wrap

    about = figure.layout.meta
    series, look = read(figure), Look()
    numbers = Numbers(
        "curves",
        series=series,
        axes=tuple(about["axes"]),
        title=about["title"],
        caption=about["caption"],
        words=Words(series=about["series"]),
    )
    with drawing():
        picture = Picture(WIDTH, HEIGHT, numbers=numbers, look=look)
        picture.write(10, 7, wrap(about["title"], 10, WIDTH - 20, most=1), fontsize=10, color=INK)
        lines = 1 + (len(series) - 1) // 3
        ax = picture.place(48, 28, WIDTH - 60, HEIGHT - 92 - 12 * lines - (18 if about["ticks"] else 0))
        points = sum(trace.meta == "dots" for trace in figure.data)
        for one in series[:points]:
            ax.plot(one.x, one.y, "o", color=DOTS, markersize=3, alpha=0.75, label=clean(one.name))
        for number, one in enumerate(series[points:]):
            colour, dash = SERIES[number % len(SERIES)], DASHES[number // len(SERIES) % len(DASHES)][1]
            mark = "o" if about["markers"] else None
            ax.plot(one.x, one.y, color=colour, linestyle=dash, linewidth=1.3, marker=mark, markersize=2.2, label=clean(one.name))
            if one.low is not None and one.high is not None:
                ax.fill_between(one.x, one.low, one.high, color=colour, alpha=0.15, linewidth=0)
        _dress(ax, about)
        picture.legend(loc="lower center", ncols=min(3, len(series)), frameon=False, fontsize=8, bbox_to_anchor=(0.5, 22 / HEIGHT))
        picture.write(10, HEIGHT - 18, wrap(about["caption"], 7, WIDTH - 20, most=1), fontsize=7, color=MUTED)
    return picture


def _dress(ax: Any, about: dict[str, Any]) -> None:
    ax.set_xlabel(clean(about["axes"][0]), parse_math=False)
    ax.set_ylabel(clean(about["axes"][1]), parse_math=False)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="#E3E5E8", linewidth=0.5)
    ax.set_axisbelow(True)
    if about["y"]:
        ax.set_ylim(*about["y"])
    if about["shaded"]:
        low, high, name = about["shaded"]
        ax.axvspan(low, high, color="#7F7F7F", alpha=0.14, linewidth=0)
        ax.text(low, 1.01, clean(name), transform=ax.get_xaxis_transform(), fontsize=7, color=MUTED, parse_math=False)
    if about["ticks"]:
        ax.set_xticks(range(len(about["ticks"])), [clean(tick) for tick in about["ticks"]], rotation=40, ha="right", fontsize=7)


def read(figure: "Chart") -> "tuple[Series, ...]":
    """The series that a chart of `curves` was made from, dots first."""
    from html import unescape

    from attnlab.figures.picture import Series

    made, ends = [], {}
    for trace in figure.data:
        if trace.meta in ("low", "high"):
            ends[trace.meta] = frozen(trace.y)
            continue
        texts = None if trace.text is None else tuple(unescape(text) for text in trace.text)
        made.append(Series(unescape(trace.name), frozen(trace.x), frozen(trace.y), ends.get("low"), ends.get("high"), texts))
        ends = {}
    return tuple(made)
