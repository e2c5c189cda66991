"""The static twin of the line view: tokens on two sides, a line for each weight."""

from collections.abc import Sequence

from attnlab.core.trace import Array
from attnlab.figures.labels import labels
from attnlab.figures.maps import panelled
from attnlab.figures.picture import MARGIN, Frame, Numbers, Picture, text_size
from attnlab.figures.style import INK, MUTED, QUERY, Look, Words, drawing


def lines(
    weights: Array,
    queries: Sequence[str],
    keys: Sequence[str],
    *,
    title: str = "",
    caption: str = "",
    threshold: float = 0.02,
    colour: str = QUERY,
    look: Look | None = None,
    words: Words | None = None,
) -> Picture:
    """Queries left, keys right, a line as opaque as its weight; weights under the threshold have none. weights is [q k]."""
    look, words = look or Look(), words or Words()
    panel = panelled(weights, queries, keys, look, words.weight, name=title)
    with drawing():
        font = look.font
        left, right = labels(list(queries)), labels(list(keys))
        sides = [max(text_size(name, font)[0] for name in [*names, head]) for names, head in ((left, words.query), (right, words.key))]
        step, gap = font * 1.7, 12 * font
        width = 72 * look.inches if look.inches else sum(sides) + gap + 2 * MARGIN + font
        frame = Frame.around(width, title, caption, look)
        top = frame.above + step
        height = top + step * max(len(left), len(right)) + frame.below
        picture = Picture(width, height, numbers=Numbers("lines", (panel,), title=title, caption=caption, words=words), look=look)
        axes = picture.place(0, 0, width, height)
        axes.set_axis_off()
        axes.set(xlim=(0, width), ylim=(height, 0))
        start, end = MARGIN + sides[0] + font / 2, width - MARGIN - sides[1] - font / 2
        for x, names, align, head in ((start, left, "right", words.query), (end, right, "left", words.key)):
            shift = -font / 3 if align == "right" else font / 3
            axes.text(x + shift, top - step / 2, head, ha=align, va="center", fontsize=font, color=MUTED, parse_math=False)
            for i, name in enumerate(names):
                axes.text(x + shift, top + (i + 0.5) * step, name, ha=align, va="center", fontsize=font, color=INK, parse_math=False)
        for i, row in enumerate(panel.values):
            for j, weight in enumerate(row):
                if weight >= threshold:
                    ends = [top + (i + 0.5) * step, top + (j + 0.5) * step]
                    axes.plot([start, end], ends, color=colour, alpha=float(min(1.0, weight)), linewidth=1.5, solid_capstyle="butt")
        frame.draw(picture)
    return picture
