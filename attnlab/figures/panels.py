"""Several heat maps in one figure, lettered (a), (b), (c): what is of one kind has one colour scale and one legend."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from string import ascii_lowercase

import numpy as np

from attnlab.core.trace import Array, frozen
from attnlab.figures.bar import bar_width, draw_bar
from attnlab.figures.heatmaps import LEAST, NARROW, Block, draw_block, measured_block, notes, one_row, panelled
from attnlab.figures.picture import MARGIN, Frame, Numbers, Panel, Picture, limits
from attnlab.figures.style import Look, Words, drawing
from attnlab.words import InputError

MOST = len(ascii_lowercase)
ROW = 3  # panels beside one another where nobody asks for a width
LINES = 8  # of the caption, which names every panel


@dataclass(frozen=True, eq=False)
class View:
    """One picture that is to be part of a figure: its panels, what it is called, and what is said under it."""

    title: str
    caption: str
    panels: tuple[Panel, ...]


def view_of(picture: Picture) -> View:
    """A picture of matrices as part of a figure. Raises InputError for curves, which have no colours to share."""
    numbers, words = picture.numbers, picture.numbers.words
    if not numbers.panels or numbers.kind in ("lines", "mosaic"):
        raise InputError("error.no_panel", title=numbers.title or numbers.kind)
    named = (replace(panel, axes=(panel.axes[0] or words.query, panel.axes[1] or words.key)) for panel in numbers.panels)
    return View(numbers.title, numbers.caption, tuple(named))


def figure(views: Sequence[View], *, look: Look | None = None, words: Words | None = None) -> Picture:
    """The views as one picture, each panel with its letter, all named under it. Raises InputError for none or too many."""
    letters = iter(ascii_lowercase)
    count = sum(len(view.panels) for view in views)
    if not 0 < count <= MOST:
        raise InputError("error.panels", n=count, most=MOST)
    every: list[Panel] = []
    said: dict[str, list[str]] = {}
    for view in views:
        for panel in view.panels:
            mark, name = next(letters), ": ".join(dict.fromkeys(filter(None, (view.title, panel.name))))
            every.append(replace(panel, name=f"({mark}) {name}"))
            said.setdefault(view.caption.rstrip("."), []).append(mark)
    told = [
        f"({marks[0]}) {caption}." if len(marks) == 1 else f"({', '.join(marks)}) {caption}." for caption, marks in said.items() if caption
    ]
    caption = next(iter(said)) if len(said) == 1 else " ".join(told)
    return panels(every, title="", caption=caption, look=look, words=words)


def panels(every: Sequence[Panel], *, title: str = "", caption: str = "", look: Look | None = None, words: Words | None = None) -> Picture:
    """Panels in rows, as many beside one another as the width has room for. What is of one kind is drawn on one scale."""
    look, words = look or Look(), words or Words()
    with drawing(look):
        made, legends = on_one_scale(every, look)
        wide, bars = None if look.inches is None else look.inches * 72 - 2 * MARGIN, sum(bar_width(one, look) for one in legends)
        across = beside(len(made), None if wide is None else wide - bars)
        gap, plain = 1.5 * look.font, replace(look, bar=False)
        each = None if wide is None else (wide - bars - gap * (across - 1)) / across
        blocks = [measured_block(panel, plain, words, each) for panel in made]
        while each is not None and plain.font > 4 and min(block.plot[0] for block in blocks) < LEAST * each:
            plain = replace(plain, font=max(4.0, 0.9 * plain.font))
            blocks = [measured_block(panel, plain, words, each) for panel in made]
        rows = [blocks[i : i + across] for i in range(0, len(blocks), across)]
        columns = [each or max(block.width for block in blocks[i::across]) for i in range(across)]
        room = sum(columns) + gap * (across - 1) + bars
        width = room + 2 * MARGIN if look.inches is None else look.inches * 72
        frame = Frame.around(width, title, " · ".join(filter(None, (caption, *notes(blocks, words)))), look, lines=LINES)
        height = sum(max(block.height for block in row) for row in rows) + gap * (len(rows) - 1)
        numbers = Numbers("panels", tuple(made), grid=across, title=title, caption=caption, words=words)
        picture = Picture(width, frame.above + height + frame.below, numbers=numbers, look=look)
        frame.draw(picture)
        draw_rows(picture, rows, columns, frame.above, gap, plain, words)
        draw_legends(picture, legends, MARGIN + sum(columns) + gap * (across - 1), frame.above, rows[0], look)
        return picture


def beside(count: int, room: float | None) -> int:
    """How many panels stand in a row: no more than there is room for, and no row much shorter than another."""
    most = min(count, ROW if room is None else max(1, int(room // NARROW)))
    return -(-count // -(-count // most))


def on_one_scale(every: Sequence[Panel], look: Look) -> tuple[list[Panel], list[Panel]]:
    """The panels, each on the scale of all of its kind, and one of each kind for the legends. A kind is what one number is."""
    kinds = [(panel.signed, panel.legend) for panel in every]
    ends = {}
    for kind in dict.fromkeys(kinds):
        own = [panel for panel, its in zip(every, kinds, strict=True) if its == kind]
        low, high = min(panel.low for panel in own), max(panel.high for panel in own)
        ends[kind] = (-max(-low, high), max(-low, high)) if kind[0] else (low, high)
    made = [
        replace(
            panelled(p.values, p.queries, p.keys, look, p.legend, limit=ends[kind], name=p.name, signed=p.signed),
            axes=p.axes,
        )
        for p, kind in zip(every, kinds, strict=True)
    ]
    firsts = [
        next(group)
        for _, group in groupby(sorted(made, key=lambda p: list(ends).index((p.signed, p.legend))), key=lambda p: (p.signed, p.legend))
    ]
    return made, firsts if look.bar else []


def draw_rows(
    picture: Picture, rows: Sequence[Sequence[Block]], columns: Sequence[float], top: float, gap: float, look: Look, words: Words
) -> None:
    for row in rows:
        x = MARGIN
        for block, column in zip(row, columns, strict=False):
            draw_block(picture, block, x, top, look, words)
            x += column + gap
        top += max(block.height for block in row) + gap


def draw_legends(picture: Picture, legends: Sequence[Panel], x: float, top: float, row: Sequence[Block], look: Look) -> None:
    """Beside the first row, one bar for each kind of number."""
    tall = max(block.plot[1] for block in row)
    for panel in legends:
        draw_bar(picture.place(x + look.font * 0.9, top + max(block.top for block in row), look.font * 0.9, tall), panel, look)
        x += bar_width(panel, look)


def triptych(
    maps: Sequence[tuple[str, Array, Sequence[str], Sequence[str]]],
    *,
    title: str = "",
    caption: str = "",
    signed: int | None = 2,
    legends: tuple[str, str] | None = None,
    look: Look | None = None,
    words: Words | None = None,
) -> Picture:
    """Two maps on one scale and their difference in one picture: (name, values [q k], queries, keys) each.

    signed: which one diverges around 0, None for none.
    """
    look, words = look or Look(), words or Words()
    plain = [frozen(values).ravel() for i, (_, values, _, _) in enumerate(maps) if i != signed]
    shared = limits(np.concatenate(plain), look, signed=False) if plain else None
    weight, change = legends or (words.weight, words.difference)
    made = tuple(
        panelled(v, q, k, look, change if i == signed else weight, limit=None if i == signed else shared, name=name, signed=i == signed)
        for i, (name, v, q, k) in enumerate(maps)
    )
    if look.inches is not None and look.inches * 72 < NARROW * len(made):  # beside one another nothing could be read
        return panels(made, title=title, caption=caption, look=look, words=words)
    return one_row(made, "triptych", title, caption, look, words)
