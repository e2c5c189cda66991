"""Heat maps: who attends to whom, in one matrix or in three side by side."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes

from attnlab.core.trace import Array, frozen
from attnlab.figures import style
from attnlab.figures.bar import bar_width, draw_bar
from attnlab.figures.labels import clean, label
from attnlab.figures.picture import MARGIN, Frame, Numbers, Panel, Picture, limits, text_size, wrap
from attnlab.figures.pool import pooled, pooling
from attnlab.figures.style import Look, Words, drawing

WRITABLE = 16  # at most this many rows and columns get their numbers written by default
MESH = 48  # up to here cells are vector rectangles; beyond, one image
LEAST = 0.4  # of a given width that the cells keep: letters too large for it become smaller
NARROW = 120.0  # points: a map with labels that has less is put below the one before it
SMALLEST = 5.0  # points: the smallest label that print can hold


def heatmap(
    weights: Array,
    queries: Sequence[str],
    keys: Sequence[str],
    *,
    title: str = "",
    caption: str = "",
    legend: str | None = None,
    limit: tuple[float, float] | None = None,
    signed: bool = False,
    look: Look | None = None,
    words: Words | None = None,
) -> Picture:
    """Who attends to whom: queries down, keys across, colour 0 to 1. weights is [q k]; NaN and infinities are drawn grey.

    limit: ends of the colour scale, when several pictures have to share one. signed: differences of weights, or scores, diverging
    around 0. Raises ValueError when labels and weights disagree.
    """
    look, words = look or Look(), words or Words()
    legend = legend or (words.difference if signed else words.weight)
    panel = panelled(weights, queries, keys, look, legend, limit=limit, name=title, signed=signed)
    return one_row((panel,), "difference" if signed else "heatmap", title, caption, look, words)


def panelled(
    values: Array,
    queries: Sequence[str],
    keys: Sequence[str],
    look: Look,
    legend: str,
    *,
    limit: tuple[float, float] | None = None,
    name: str = "",
    signed: bool = False,
) -> Panel:
    """A matrix with its scale and colours decided. A colour map of the other kind than the values is replaced by the default."""
    low, high = limit or limits(np.asarray(values), look, signed=signed)
    known, usual = (style.SIGNED_MAPS, style.SIGNED) if signed else (style.COLOUR_MAPS, style.WEIGHTS)
    colours = look.colours if look.colours is not None and look.colours in known else usual
    return Panel(name, frozen(values), tuple(queries), tuple(keys), low, high, colours, legend)


@dataclass(frozen=True)
class Block:
    """Where the parts of one heat map lie, in points from its own top left corner; sizes of cells, labels and steps."""

    panel: Panel
    heading: str
    left: float
    top: float
    cell: tuple[float, float]
    row_font: float
    column_font: float
    row_step: int
    column_step: int
    rotation: float
    below: float
    bar: float
    bar_height: float
    limit: int  # columns of a label

    @property
    def plot(self) -> tuple[float, float]:
        rows, columns = self.panel.values.shape
        return columns * self.cell[0], rows * self.cell[1]

    @property
    def width(self) -> float:
        return self.left + self.plot[0] + self.bar

    @property
    def height(self) -> float:
        return self.top + max(self.plot[1] + self.below, self.bar_height)


def one_row(panels: tuple[Panel, ...], kind: str, title: str, caption: str, look: Look, words: Words) -> Picture:
    with drawing(look):
        gap, one = 2.0 * look.font, len(panels) == 1
        each = None if look.inches is None else (look.inches * 72 - 2 * MARGIN - gap * (len(panels) - 1)) / len(panels)
        if one:
            panels = (replace(panels[0], name=""),)
        blocks = [measured_block(panel, look, words, each) for panel in panels]
        while each is not None and look.font > 4 and min(block.plot[0] for block in blocks) < LEAST * each:
            look = replace(look, font=max(4.0, 0.9 * look.font))
            blocks = [measured_block(panel, look, words, each) for panel in panels]
        width = 2 * MARGIN + sum(b.width for b in blocks) + gap * (len(blocks) - 1) if look.inches is None else look.inches * 72
        width = max(width, min(340.0, 2 * MARGIN + text_size(clean(title), look.font * 1.15)[0])) if look.inches is None else width
        frame = Frame.around(width, title, " · ".join(filter(None, (caption, *notes(blocks, words)))), look)
        numbers = Numbers(kind, panels, title=title, caption=caption, grid=len(panels), words=words)  # type: ignore[arg-type]
        picture = Picture(width, frame.above + max(b.height for b in blocks) + frame.below, numbers=numbers, look=look)
        frame.draw(picture)
        x = MARGIN
        for block in blocks:
            draw_block(picture, block, x, frame.above, look, words)
            x += block.width + gap
        return picture


def notes(blocks: list[Block], words: Words) -> list[str]:
    """What the picture leaves out, said on it."""
    pool = max(pooling(block.panel.values.shape) for block in blocks)
    step = max(max(block.row_step, block.column_step) for block in blocks)
    absent = any(not np.isfinite(block.panel.values).all() for block in blocks)
    said = [words.pooled.format(n=pool)] if pool > 1 else []
    said += [words.thinned.format(n=step)] if step > 1 else []
    return [*said, words.absent] if absent else said


def measured_block(panel: Panel, look: Look, words: Words, width: float | None) -> Block:
    """Measure the labels, then give the cells what is left."""
    rows, columns = panel.values.shape
    font = look.font
    bar = bar_width(panel, look) if look.bar else 0.0
    limit, row_font = 24, font if width is None or rows < 30 else font * 0.8

    def margin(cell: float) -> float:
        names = _written(panel.queries, max(cell, 12.0 / columns), font, limit)
        return max(_extent(t, row_font, look.rotate_queries)[0] for t in names) + font * 2.1

    while True:
        cell = _natural(max(rows, columns), look) if width is None else width / columns
        left = margin(cell)
        if width is not None:
            left = max(left, margin((width - left - bar) / columns))  # narrower cells may have fewer and longer labels
            cell = (width - left - bar) / columns
        if limit <= 8 or width is None or left <= 0.4 * width:
            break
        limit -= 4
    if width is None:
        cell = max(cell, min(26.0, 120.0 / columns))
    cell = max(cell, 12.0 / columns)  # a picture too narrow for its labels still has a plot
    tall = min(cell, max(3.2 * font, 26.0)) if width is not None else cell
    row_font, row_step = fit(tall, font)
    names = _written(panel.keys, cell, font, limit)
    rotation, column_font, column_step = _turn(names, cell, look)
    below = max(_extent(t, column_font, rotation)[1] for t in names) + font * 2.2
    legend = text_size(panel.legend, font * 0.9)[0] if look.bar else 0.0
    heading = wrap(panel.name, font, left + columns * cell + bar, most=2) if panel.name else ""
    top = font * 1.35 * (heading.count("\n") + 1) + font * 0.5 if heading else font * 0.3
    return Block(panel, heading, left, top, (cell, tall), row_font, column_font, row_step, column_step, rotation, below, bar, legend, limit)


def _written(names: tuple[str, ...], space: float, font: float, limit: int) -> list[str]:
    """The longest labels as they are written, this many points apart: what the margins have to hold."""
    step = fit(space, font)[1]
    return sorted({_name(names, i, step, limit) for i in range(0, len(names), step)}, key=len, reverse=True)[:24]


def _natural(n: int, look: Look) -> float:
    """Cell size in points when the content decides the width."""
    if n <= WRITABLE and look.numbers is not False:
        return 2.9 * look.font
    if n <= 48:
        return 1.55 * look.font
    return max(1.2 * SMALLEST * min(1.0, 160 / n), 0.25) if n <= 320 else max(540.0 / n, 0.05)


def fit(space: float, font: float) -> tuple[float, int]:
    """Size of labels that stand this many points apart, and every how manyth is written."""
    if space >= 1.15 * font:
        return font, 1
    if space >= 1.15 * SMALLEST:
        return space / 1.15, 1
    small = min(font, SMALLEST + 1.0)
    return small, next(step for step in _steps() if step * space >= 1.6 * small)


def _steps() -> list[int]:
    return [base * 10**power for power in range(7) for base in (1, 2, 5)]


def _turn(names: list[str], cell: float, look: Look) -> tuple[float, float, int]:
    """Rotation, size and step of the column labels: level if they fit, slanted if there is room, else upright."""
    font, step = fit(cell, look.font)
    if look.rotate_keys is not None:
        return look.rotate_keys, font, step
    if step == 1 and max(text_size(name, look.font)[0] for name in names) <= 0.92 * cell:
        return 0.0, look.font, 1
    return (45.0, look.font, 1) if cell >= 1.75 * look.font else (90.0, font, step)


def _extent(text: str, font: float, rotation: float) -> tuple[float, float]:
    """Width and height of turned text, in points."""
    width, height = text_size(text, font)
    angle = math.radians(rotation)
    sine, cosine = abs(math.sin(angle)), abs(math.cos(angle))
    return width * cosine + height * sine, width * sine + height * cosine


def draw_block(picture: Picture, block: Block, x: float, y: float, look: Look, words: Words) -> None:
    panel, font = block.panel, look.font
    if block.heading:
        picture.write(x, y, block.heading, fontsize=font, color=style.INK, linespacing=1.2)
    axes = picture.place(x + block.left, y + block.top, *block.plot)
    axes.set_facecolor(style.ABSENT)
    _cells(axes, panel, block.cell, look)
    _axis_labels(axes, block, look, words)
    if look.bar:
        tall = max(block.plot[1], block.bar_height)
        draw_bar(picture.place(x + block.left + block.plot[0] + font * 0.9, y + block.top, font * 0.9, tall), panel, look)


def _cells(axes: Axes, panel: Panel, cell: tuple[float, float], look: Look) -> None:
    rows, columns = panel.values.shape
    shown = np.where(np.isfinite(panel.values), panel.values, np.nan)
    if max(rows, columns) <= MESH:
        _mesh(axes, shown, panel, cell, look)
    else:
        image = pooled(shown, pooling(shown.shape))
        axes.imshow(
            image,
            cmap=panel.colours,
            vmin=panel.low,
            vmax=panel.high,
            aspect="auto",
            interpolation="nearest",
            extent=(0, columns, rows, 0),
        )
    axes.set(xlim=(0, columns), ylim=(rows, 0))


def _mesh(axes: Axes, shown: Array, panel: Panel, cell: tuple[float, float], look: Look) -> None:
    import seaborn

    size = min(cell[1] * 0.6, cell[0] / (3.4 if panel.signed else 2.5), look.font * 0.9)
    readable = size >= SMALLEST and max(shown.shape) <= WRITABLE
    written = readable if look.numbers is None else look.numbers
    seaborn.heatmap(
        shown,
        vmin=panel.low,
        vmax=panel.high,
        cmap=panel.colours,
        mask=np.isnan(shown),
        cbar=False,
        xticklabels=False,
        yticklabels=False,
        linewidths=0.5,
        linecolor="white",
        annot=np.array([[_number(value, panel.signed) for value in row] for row in shown]) if written else None,
        fmt="",
        annot_kws={"size": size},
        ax=axes,
    )
    for side in axes.spines.values():
        side.set_visible(False)


def _number(value: float, signed: bool) -> str:
    """A number as a cell holds it; a difference that rounds to nothing has no sign."""
    if not signed:
        return f"{value:.2f}"
    return f"{value:+.2f}".replace("-", "−") if abs(value) >= 0.005 else "0"


def _axis_labels(axes: Axes, block: Block, look: Look, words: Words) -> None:
    rows, columns = block.panel.values.shape
    down, across = range(0, rows, block.row_step), range(0, columns, block.column_step)
    limit = block.limit
    turn, upright = block.rotation, abs(block.rotation) in (0.0, 90.0)
    slant = {"ha": "center"} if upright else {"ha": "right" if turn > 0 else "left", "rotation_mode": "anchor"}
    axes.set_xticks([i + 0.5 for i in across], [_name(block.panel.keys, i, block.column_step, limit) for i in across])
    axes.set_yticks([i + 0.5 for i in down], [_name(block.panel.queries, i, block.row_step, limit) for i in down])
    axes.tick_params(axis="x", length=2 if block.column_step > 1 else 0, labelsize=block.column_font, pad=2)
    axes.tick_params(axis="y", length=2 if block.row_step > 1 else 0, labelsize=block.row_font, pad=2)
    for text in axes.get_xticklabels():
        text.set(rotation=turn, va="top" if upright else "center_baseline", **slant)
    for text in axes.get_yticklabels():
        text.set(rotation=look.rotate_queries, va="center", ha="right")
    font = look.font
    axes.annotate(
        block.panel.axes[1] or words.key,
        (0.5, 0),
        xytext=(0, -(block.below - 0.2 * font)),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        va="bottom",
        color=style.KEY,
        fontsize=font,
        annotation_clip=False,
    )
    axes.annotate(
        block.panel.axes[0] or words.query,
        (0, 0.5),
        xytext=(-(block.left - 0.6 * font), 0),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        va="center",
        rotation=90,
        color=style.QUERY,
        fontsize=font,
        annotation_clip=False,
    )


def _name(names: tuple[str, ...], i: int, step: int, limit: int) -> str:
    return label(names[i], limit) if step == 1 or names[i] == str(i) else f"{i} {label(names[i], 10)}"
