"""Sheets of paper: text, formulas, heat maps and empty boxes set one below the other on A4 pages, all as vectors."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser
from matplotlib.patches import Rectangle

from attnlab.core.trace import Array
from attnlab.figures import style
from attnlab.figures.labels import clean, columns
from attnlab.figures.picture import text_size
from attnlab.figures.style import drawing

WIDE, HIGH, MARGIN = 595.0, 842.0, 48.0  # points: A4
ROOM = WIDE - 2 * MARGIN
SIZES = {"title": 20.0, "heading": 14.0, "text": 10.5, "small": 8.5}
LEADING = 1.45
FORMULA = 13.0  # size of one that stands alone
PAGE = HIGH - 2 * MARGIN - 10  # points from the first line of a page to the last
FIRST_LINES = 150.0  # points that stand with a heading at least
CELL = 16.5  # points of a cell at most, so that two maps fit on a page
CLOSING = "。，、；：！？）》”’」』"  # never begins a line

Kind = Literal["title", "heading", "text", "small", "formula", "map", "box", "page", "keep"]


@dataclass(frozen=True, eq=False)
class Part:
    """One thing on a sheet. text: with formulas between dollars; values, queries and keys: of a map, whose values may be absent (NaN).

    height: of an empty box, or of what is to stand on one page, in points.
    """

    kind: Kind
    text: str = ""
    values: Array | None = None
    queries: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    height: float = 0.0


class Sheet:
    """Pages that fill from the top; a new one begins where a part does not fit."""

    def __init__(self, out: PdfPages, footer: str) -> None:
        self.out, self.footer, self.number = out, footer, 0
        self.begin()

    def begin(self) -> None:
        self.figure = Figure(figsize=(WIDE / 72, HIGH / 72), dpi=72, facecolor="white")
        self.top, self.number = MARGIN, self.number + 1

    def finish(self) -> None:
        self.write(MARGIN, HIGH - 30, self.footer, 7.5, color=style.MUTED)
        self.write(WIDE - MARGIN - 10, HIGH - 30, str(self.number), 7.5, color=style.MUTED)
        self.out.savefig(self.figure)

    def need(self, height: float) -> None:
        """Begin a new page unless so many points are left."""
        if self.top + height > MARGIN + PAGE and self.top > MARGIN:
            self.finish()
            self.begin()

    def write(self, x: float, base: float, text: str, size: float, *, math: bool = False, **look: Any) -> None:
        """A line of text. base: where it stands, in points from the top. look: its colour."""
        look = {"color": style.INK, **look}
        self.figure.text(x / WIDE, 1 - base / HIGH, text, fontsize=size, va="baseline", parse_math=math, **look)


def sheets(parts: Sequence[Part], *, title: str, footer: str) -> bytes:
    """The pages as a PDF that is the same for the same parts. Raises ValueError for a formula that cannot be drawn."""
    out = io.BytesIO()
    facts = {"Title": title, "Creator": None, "Producer": None, "CreationDate": None}
    with drawing(), PdfPages(out, metadata=facts) as pages:
        fill(Sheet(pages, footer), parts)
    return out.getvalue()


def fill(sheet: Sheet, parts: Sequence[Part]) -> None:
    """Every part below the one before; a heading goes on to a new page rather than leave what it opens behind."""
    for i, part in enumerate(parts):
        if part.kind == "heading":
            sheet.need(opening_height(parts[i:]))
        DRAW[part.kind](sheet, part)
    sheet.finish()


def opening_height(parts: Sequence[Part]) -> float:
    """What is to stand on one page with a heading, in points: all up to the frame for an answer; where no page holds that, all up to its
    picture; else its first lines.

    parts: from the heading on, to the end of the sheet.
    """
    end = next((i for i, part in enumerate(parts) if i and part.kind in ("heading", "title", "page")), len(parts))
    kinds, heights = [part.kind for part in parts[:end]], [height_of(part) for part in parts[:end]]
    together = [sum(heights[: kinds.index(last) + 1]) for last in ("box", "map") if last in kinds]
    return next((height for height in together if height <= PAGE), min(FIRST_LINES, sum(heights)))


def height_of(part: Part) -> float:
    """How far down a part reaches, in points."""
    if part.kind == "box":
        return part.height + 10
    if part.kind == "formula":
        return box(part.text, FORMULA)[1] + 14
    if part.kind == "map":
        _, above, cell = map_layout(part)
        return above + len(part.queries) * cell + 28
    if part.kind in SIZES:
        size = SIZES[part.kind]
        return sum(line_height(line, size) for line in text_lines(part)) + size * 0.5 + (10 if part.kind == "heading" else 0)
    return 0.0


def draw_text(sheet: Sheet, part: Part) -> None:
    """A paragraph: lines of words and formulas."""
    size = SIZES[part.kind]
    look = {"color": style.QUERY} if part.kind == "heading" else {}
    sheet.top += 10 if part.kind == "heading" else 0
    for line in text_lines(part):
        high = line_height(line, size)
        sheet.need(high)
        x, baseline = MARGIN, sheet.top + high * 0.74
        for text, math in line:
            sheet.write(x, baseline, f"${text}$" if math else text, size, math=math, **look)
            x += box(text, size)[0] if math else text_size(text, size)[0]
        sheet.top += high
    sheet.top += size * 0.5


def text_lines(part: Part) -> list[list[tuple[str, bool]]]:
    return [line for paragraph in part.text.split("\n") for line in lines(paragraph, SIZES[part.kind])]


def line_height(line: list[tuple[str, bool]], size: float) -> float:
    """In points: a formula may be taller than letters."""
    return max([size * LEADING, *(box(text, size)[1] + 4 for text, math in line if math)])


def draw_formula(sheet: Sheet, part: Part) -> None:
    wide, high = box(part.text, FORMULA)
    sheet.need(high + 14)
    sheet.write((WIDE - wide) / 2, sheet.top + high * 0.8 + 4, f"${part.text}$", FORMULA, math=True)
    sheet.top += high + 14


def draw_map(sheet: Sheet, part: Part) -> None:
    """A heat map with its labels, as rectangles; without values, an empty grid to write into."""
    assert part.values is not None
    n_q, n_k = part.values.shape
    left, above, cell = map_layout(part)
    sheet.need(height_of(part))
    sheet.write(MARGIN, sheet.top + 9, part.text, 8.5)
    top = sheet.top + 16 + above
    axes = sheet.figure.add_axes(((MARGIN + left) / WIDE, 1 - (top + n_q * cell) / HIGH, n_k * cell / WIDE, n_q * cell / HIGH))
    shown = np.ma.masked_invalid(part.values)
    axes.pcolormesh(shown, vmin=0, vmax=1, cmap=style.WEIGHTS, edgecolors="#999999", linewidth=0.3)
    axes.set(xlim=(0, n_k), ylim=(n_q, 0), xticks=[], yticks=[])
    for i, name in enumerate(part.queries):
        sheet.write(MARGIN + left - 4 - text_size(name, 8.0)[0], top + (i + 0.5) * cell + 3, name, 8.0)
    for i, name in enumerate(part.keys):
        x = (MARGIN + left + (i + 0.5) * cell + 3) / WIDE
        sheet.figure.text(x, 1 - (top - 4) / HIGH, name, fontsize=8.0, rotation=90, va="bottom", ha="center", parse_math=False)
    if cell >= 14:
        for (row, column), value in np.ndenumerate(part.values):
            if np.isfinite(value):
                colour = "white" if value > 0.55 else "#1a1a1a"
                text = f"{value:.2f}".lstrip("0") if value < 1 else f"{value:.1f}"
                axes.text(column + 0.5, row + 0.5, text, fontsize=cell * 0.32, ha="center", va="center", color=colour)
    sheet.top = top + n_q * cell + 12


def map_layout(part: Part) -> tuple[float, float, float]:
    """Room for the names on the left and above, and the side of a cell, in points."""
    left, above = (max(text_size(name, 8.0)[0] for name in names) + 6 for names in (part.queries, part.keys))
    return left, above, min(CELL, (ROOM - left) / len(part.keys), (PAGE - above - 28) / len(part.queries))


def draw_box(sheet: Sheet, part: Part) -> None:
    """An empty frame to write into, with what belongs there in small letters."""
    sheet.need(part.height + 8)
    corner = (MARGIN / WIDE, 1 - (sheet.top + part.height) / HIGH)
    frame = Rectangle(corner, ROOM / WIDE, part.height / HIGH, fill=False, linewidth=0.7, edgecolor="#777777")
    sheet.figure.add_artist(frame)
    sheet.write(MARGIN + 5, sheet.top + 11, part.text, 7.5, color=style.MUTED)
    sheet.top += part.height + 10


def draw_page(sheet: Sheet, part: Part) -> None:
    """The rest stands on a new page."""
    sheet.finish()
    sheet.begin()


def keep(sheet: Sheet, part: Part) -> None:
    """What comes next stands on one page: a question and the frame for its answer."""
    sheet.need(part.height)


DRAW: dict[Kind, Any] = {
    "title": draw_text,
    "heading": draw_text,
    "text": draw_text,
    "small": draw_text,
    "formula": draw_formula,
    "map": draw_map,
    "box": draw_box,
    "page": draw_page,
    "keep": keep,
}


def lines(text: str, size: float) -> Iterator[list[tuple[str, bool]]]:
    """A paragraph broken into lines, each of pieces: (text, whether it is a formula)."""
    line: list[tuple[str, bool]] = []
    used = 0.0
    for piece, math in pieces(text):
        wide = box(piece, size)[0] if math else text_size(piece, size)[0]
        if line and used + wide > ROOM and (math or (piece.strip() and piece not in CLOSING)):
            yield line
            line, used = [], 0.0
        if line or math or piece.strip():
            line.append((piece, math))
            used += wide
    if line:
        yield line


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Words, spaces and single wide characters, and formulas between dollars as one piece each."""
    for i, part in enumerate(text.split("$")):
        if i % 2:
            yield part, True
            continue
        word = ""
        for character in clean(part):
            if character == " " or columns(character) == 2:
                if word:
                    yield word, False
                yield character, False
                word = ""
            else:
                word += character
        if word:
            yield word, False


def box(tex: str, size: float) -> tuple[float, float]:
    """Width and height of a formula in points."""
    from matplotlib.font_manager import FontProperties

    found = MathTextParser("path").parse(f"${tex}$", dpi=72, prop=FontProperties(size=size))
    return float(found.width), float(found.height)
