"""A ledger as a picture: bars that begin where the one above ended, down to the model's own number."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attnlab.core.ledger import Ledger, Part, folded
from attnlab.core.trace import frozen
from attnlab.figures.style import INK, MUTED, Look, Words, drawing

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as Chart

    from attnlab.figures.picture import Picture

NAMES = {
    "embedding": "embedding",
    "feed_forward": "feed-forward",
    "bias": "bias",
    "rest": "{n} others",
    "output": "output",
    "part": "part of the sum",
    "without": "what is lost without it",
}
Place = tuple[str, int | None, int | None]  # stack, layer, head
UP, DOWN = "#0072B2", "#D55E00"
WIDTH = 440.0  # points


def waterfall(
    book: Ledger,
    *,
    most: int = 30,
    title: str = "",
    caption: str = "",
    without: Mapping[Place, float] | None = None,
    names: Mapping[str, str] | None = None,
    look: Look | None = None,
    words: Words | None = None,
) -> "Picture":
    """The largest whole parts, the rest as one bar, and the model's own number last.

    without: how the output changes without a head; drawn as a hollow bar of what it then loses. names: what the kinds are called.
    """
    from attnlab.figures.picture import MARGIN, Frame, Numbers, Picture, Series, text_size

    look, words = Look() if look is None else look, Words() if words is None else words
    said = NAMES | dict(names or {})
    kept, rest, n = folded(book.whole(), most)
    labels = [label(part, said) for part in kept] + ([said["rest"].format(n=n)] if n else []) + [said["output"]]
    values = [part.value for part in kept] + ([rest] if n else [])
    ends = np.cumsum(values)
    width = WIDTH if look.inches is None else 72 * look.inches
    with drawing(look):
        font = min(look.font, max(4.0, width / 30))
        frame = Frame.around(width, title, caption, replace(look, font=font))
        every = frozen([*values, book.output])
        series = Series(book.says, frozen(np.arange(len(every))), every, texts=tuple(labels))
        numbers = Numbers(
            "curves", series=(series,), axes=(said["part"], said["output"]), title=title or book.says, caption=caption, words=words
        )
        left, row, below = max(text_size(name, 0.85 * font)[0] for name in labels) + 0.8 * font, 1.45 * font, 3.2 * font
        picture = Picture(width, frame.above + row * len(every) + below + frame.below, numbers=numbers, look=look)
        axes = picture.place(MARGIN + left, frame.above, width - left - 2.5 * MARGIN, row * len(every))
        axes.barh(range(len(values)), values, left=ends - values, color=[UP if v > 0 else DOWN for v in values], height=0.72)
        axes.barh([len(values)], [book.output], color=INK, height=0.72)
        for place, part in enumerate(kept):
            if without is not None and (part.stack, part.layer, part.head) in without:
                lost = -without[part.stack, part.layer, part.head]
                axes.barh([place], [lost], left=ends[place] - part.value, height=0.72, fill=False, edgecolor=INK, linewidth=0.9)
        axes.set_ylim(len(values) + 0.5, -0.5)
        axes.set_yticks(range(len(every)), labels, fontsize=0.85 * font)
        axes.tick_params(axis="x", labelsize=0.85 * font)
        axes.spines[["top", "right"]].set_visible(False)
        axes.axvline(0, color=MUTED, linewidth=0.8)
        axes.set_xlabel(f"Σ = {book.total:.6g}".replace("-", "−"), fontsize=0.9 * font, parse_math=False)
        frame.draw(picture)
    return picture


def label(part: Part, said: Mapping[str, str]) -> str:
    """A part in words: L2H3, L2 feed-forward; cross-attention is marked with ×."""
    if part.kind == "head":
        return part.name
    return said[part.kind] if part.layer is None else f"L{part.layer} {said[part.kind]}"


def chart(book: Ledger, *, most: int = 30, without: Mapping[Place, float] | None = None, names: Mapping[str, str] | None = None) -> "Chart":
    """The same bars for a screen, with their numbers under the pointer."""
    from plotly.graph_objects import Bar, Figure

    said = NAMES | dict(names or {})
    kept, rest, n = folded(book.whole(), most)
    rows = [(label(part, said), part.value) for part in kept] + ([(said["rest"].format(n=n), rest)] if n else [])
    values = np.array([value for _, value in rows])
    starts = np.cumsum(values) - values
    every = [name for name, _ in rows] + [said["output"]]
    bars = Bar(
        x=[*values, book.output],
        y=list(range(len(every))),
        base=[*starts, 0.0],
        orientation="h",
        marker_color=[UP if value > 0 else DOWN for value in values] + [MUTED],
        hovertext=[f"{name}: {value:+.4f}" for name, value in [*rows, (said["output"], book.output)]],
        hoverinfo="text",
        name=said["part"],
    )
    drawn = [bars]
    places = {i: (part.stack, part.layer, part.head) for i, part in enumerate(kept)}
    hollow = {i: -without[place] for i, place in places.items() if without is not None and place in without}
    if hollow:
        edge = {"color": "rgba(0,0,0,0)", "line": {"color": MUTED, "width": 2}}
        told = [f"{every[i]} · {said['without']}: {value:+.4f}" for i, value in hollow.items()]
        where = {"y": list(hollow), "base": [float(starts[i]) for i in hollow]}
        drawn.append(
            Bar(x=list(hollow.values()), **where, orientation="h", marker=edge, hovertext=told, hoverinfo="text", name=said["without"])
        )
    figure = Figure(drawn)
    figure.update_layout(barmode="overlay", height=90 + 21 * len(every), bargap=0.25, showlegend=bool(hollow), dragmode=False)
    figure.update_layout(margin={"l": 0, "r": 10, "t": 10, "b": 30}, legend={"orientation": "h", "y": 1.04})
    figure.update_yaxes(tickvals=list(range(len(every))), ticktext=every, range=[len(every) - 0.4, -0.6], automargin=True)
    return figure
