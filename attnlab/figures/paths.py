"""What flowed into an output, drawn: words on the left, parts by layer, the output on the right; blue adds, orange takes away."""

from typing import TYPE_CHECKING

import numpy as np

from attnlab.core.paths import OUTPUT, Paths
from attnlab.core.trace import frozen
from attnlab.figures.labels import clean
from attnlab.figures.style import INK, MUTED, Look, Words, drawing
from attnlab.figures.waterfalls import DOWN, UP

if TYPE_CHECKING:
    from attnlab.figures.picture import Picture

WIDTH, ROW = 470.0, 15.0  # points


def path_graph(found: Paths, *, title: str = "", caption: str = "", look: Look | None = None, words: Words | None = None) -> "Picture":
    """Nodes in three columns, the parts ordered by layer from the top; a line is as wide as what it brought."""
    from attnlab.figures.picture import Numbers, Picture, Series

    look, words = Look() if look is None else look, Words() if words is None else words
    columns = [
        [n for n in found.labels if n.startswith("w ")],
        [n for n in found.labels if n != OUTPUT and not n.startswith("w ")],
        [OUTPUT],
    ]
    columns[0].sort()
    columns[1].sort(key=lambda node: (-1 if found.layers[node] is None else found.layers[node], node))
    tall = max(map(len, columns))
    place = {n: (x, (tall - len(c)) / 2 + i) for x, c in zip((0.0, 0.52, 1.0), columns, strict=True) for i, n in enumerate(c)}
    values = frozen(np.array([edge.value for edge in found.edges]))
    names = tuple(f"{found.labels[e.source]} → {found.labels[e.target]}" for e in found.edges)
    with drawing():
        series = Series(found.labels[OUTPUT], frozen(np.arange(len(values))), values, texts=names)
        numbers = Numbers("curves", series=(series,), axes=("#", found.labels[OUTPUT]), title=title, caption=caption, words=words)
        picture = Picture(WIDTH, 70 + ROW * tall, numbers=numbers, look=look)
        axes = picture.add_axes((0.16, 0.07, 0.62, 0.82))
        widest = float(np.abs(values).max()) if len(values) else 1.0
        for edge in found.edges:
            (x, y), (end, to) = place[edge.source], place[edge.target]
            width = 0.4 + 4 * abs(edge.value) / widest
            axes.plot([x, end], [y, to], color=UP if edge.value > 0 else DOWN, linewidth=width, alpha=0.6, solid_capstyle="round")
        for node, (x, y) in place.items():
            side = {0.0: ("right", -0.02), 0.52: ("center", 0.0), 1.0: ("left", 0.02)}[x]
            box = {"facecolor": "white", "edgecolor": MUTED, "linewidth": 0.5, "pad": 1.5} if x == 0.52 else None
            said = clean(found.labels[node])
            axes.text(x + side[1], y, said, ha=side[0], va="center", fontsize=look.font * 0.85, color=INK, bbox=box, parse_math=False)
        axes.set(xlim=(-0.03, 1.03), ylim=(tall - 0.5, -0.5))
        axes.set_axis_off()
        axes.set_title(clean(f"{title}  {caption}".strip()), fontsize=look.font, loc="left", parse_math=False)
    return picture
