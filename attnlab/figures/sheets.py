"""Sheets of paper: text, formulas, heat maps and empty boxes set one below the other on A4 pages, all as vectors."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from xml.sax.saxutils import quoteattr

import numpy as np
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.mathtext import MathTextParser
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox

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
TABLE = 9.5  # size of its letters
PAGE = HIGH - 2 * MARGIN - 10  # points from the first line of a page to the last
KEPT: tuple["Kind", ...] = ("box", "map")  # what a heading stands with, where a page holds it
FIRST_LINES = 150.0  # points that stand with a heading at least
CELL = 16.5  # points of a cell at most, so that two maps fit on a page
CLOSING = "。，、；：！？）》”’」』"  # never begins a line

Line = list[tuple[str, bool]]  # pieces of text: (text, whether it is a formula)
Kind = Literal["title", "heading", "text", "small", "formula", "table", "map", "box", "page", "keep"]


@dataclass(frozen=True, eq=False)
class Part:
    """One thing on a sheet. text: with formulas between dollars; values, queries and keys: of a map, whose values may be absent (NaN).

    rows: of a table, the first one names the columns; height: of an empty box, in points.
    """

    kind: Kind
    text: str = ""
    values: Array | None = None
    queries: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    height: float = 0.0


class Sheet:
    """Pages that fill from the top; a new one begins where a part does not fit."""

    def __init__(self, out: PdfPages | None, footer: str) -> None:
        self.out, self.footer, self.number = out, footer, 0
        self.begin()

    def begin(self) -> None:
        self.figure = Figure(figsize=(WIDE / 72, HIGH / 72), dpi=72, facecolor="white")
        self.top, self.number = MARGIN, self.number + 1

    def finish(self) -> None:
        self.write(MARGIN, HIGH - 30, self.footer, 7.5, color=style.MUTED)
        self.write(WIDE - MARGIN - 10, HIGH - 30, str(self.number), 7.5, color=style.MUTED)
        if self.out is not None:
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

    def write_line(self, x: float, base: float, line: Line, size: float, **look: Any) -> None:
        """A line of words and formulas."""
        for text, math in line:
            self.write(x, base, f"${text}$" if math else text, size, math=math, **look)
            x += line_width([(text, math)], size)

    def rule(self, wide: float) -> None:
        """A thin line from the left, where the page is filled to."""
        at = 1 - self.top / HIGH
        self.figure.add_artist(Line2D([MARGIN / WIDE, (MARGIN + wide) / WIDE], [at, at], linewidth=0.5, color="#777777"))


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
        if part.kind == "keep":
            sheet.need(height_until("box", parts[i:]))
        DRAW[part.kind](sheet, part)
    sheet.finish()


def opening_height(parts: Sequence[Part]) -> float:
    """What is to stand on one page with a heading, in points: all up to the frame for an answer; where no page holds that, all up to its
    picture; else its first lines.

    parts: from the heading on, to the end of the sheet.
    """
    end = next((i for i, part in enumerate(parts) if i and part.kind in ("heading", "title", "page")), len(parts))
    together = [height_until(last, parts[:end]) for last in KEPT]
    return next((height for height in together if 0 < height <= PAGE), min(FIRST_LINES, sum(map(height_of, parts[:end]))))


def height_until(last: Kind, parts: Sequence[Part]) -> float:
    """How far down the parts reach, to the first one of a kind and with it; 0 where there is none."""
    end = next((i + 1 for i, part in enumerate(parts) if part.kind == last), 0)
    return sum(map(height_of, parts[:end]))


def height_of(part: Part) -> float:
    """How far down a part reaches, in points."""
    if part.kind == "box":
        return part.height + 10
    if part.kind == "formula":
        return box(part.text, FORMULA)[1] + 14
    if part.kind == "table":
        return TABLE + sum(row_height([list(pieces(cell)) for cell in row]) for row in part.rows)
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
        sheet.write_line(MARGIN, sheet.top + high * 0.74, line, size, **look)
        sheet.top += high
    sheet.top += size * 0.5


def draw_table(sheet: Sheet, part: Part) -> None:
    """Rows of cells in columns; a rule under the first row, which names them."""
    cells = [[list(pieces(cell)) for cell in row] for row in part.rows]
    wide = [max(line_width(cell, TABLE) for cell in column) + 18 for column in zip(*cells, strict=True)]
    sheet.need(height_of(part))
    for number, row in enumerate(cells):
        high = row_height(row)
        for cell, x in zip(row, np.cumsum([0, *wide]), strict=False):
            sheet.write_line(MARGIN + float(x), sheet.top + high * 0.7, cell, TABLE)
        sheet.top += high
        if number == 0:
            sheet.rule(sum(wide) - 18)
    sheet.top += TABLE


def text_lines(part: Part) -> list[Line]:
    return [line for paragraph in part.text.split("\n") for line in lines(paragraph, SIZES[part.kind])]


def line_width(line: Line, size: float) -> float:
    return sum(box(text, size)[0] if math else text_size(text, size)[0] for text, math in line)


def row_height(row: Sequence[Line]) -> float:
    return 4 + max(line_height(cell, TABLE) for cell in row)


def line_height(line: Line, size: float) -> float:
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


def map_svg(part: Part) -> str:
    """A map as it stands on a sheet, as an element of a page of HTML."""
    out = io.BytesIO()
    with drawing():
        left, _, cell = map_layout(part)
        sheet = Sheet(None, "")
        draw_map(sheet, part)
        right = MARGIN + max(left + len(part.keys) * cell + 2, text_size(part.text, 8.5)[0])
        cut = Bbox([[MARGIN / 72, (HIGH - sheet.top) / 72], [right / 72, (HIGH - MARGIN) / 72]])
        sheet.figure.savefig(out, format="svg", bbox_inches=cut, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    return f'<svg role="img" aria-label={quoteattr(part.text)}' + out.getvalue().decode().partition("<svg")[2]


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


DRAW: dict[Kind, Any] = {
    "title": draw_text,
    "heading": draw_text,
    "text": draw_text,
    "small": draw_text,
    "formula": draw_formula,
    "table": draw_table,
    "map": draw_map,
    "box": draw_box,
    "page": draw_page,
    "keep": lambda sheet, part: None,  # what comes next, to the next frame, stands on one page: see `fill`
}


def lines(text: str, size: float) -> Iterator[Line]:
    """A paragraph broken into lines, each of pieces: (text, whether it is a formula)."""
    line: Line = []
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
