"""A figure that remembers the numbers it shows, so that every file made from it holds the same ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from attnlab.core.trace import Array, frozen
from attnlab.figures.labels import clean, columns
from attnlab.figures.provenance import dump
from attnlab.figures.render import VECTOR, render
from attnlab.figures.style import INK, MUTED, Look, Words

MARGIN = 5.0  # points around everything
NOTEBOOK = 110  # dots an inch where a notebook shows a picture by itself
Kind = Literal["heatmap", "difference", "triptych", "panels", "mosaic", "lines", "curves"]


@dataclass(frozen=True, eq=False)
class Panel:
    """One matrix of a picture: values [q k] with the labels of both axes and the colours they are drawn in."""

    name: str
    values: Array
    queries: tuple[str, ...]
    keys: tuple[str, ...]
    low: float
    high: float
    colours: str
    legend: str
    axes: tuple[str, str] = ("", "")  # what a row and a column are, where that is not what the picture's words say

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", frozen(self.values))
        if self.values.shape != (len(self.queries), len(self.keys)) or not self.values.size:
            given = " x ".join(map(str, self.values.shape))
            raise ValueError(f"weights are {given} but labels are {len(self.queries)} x {len(self.keys)}")

    @property
    def signed(self) -> bool:
        return self.low < 0


@dataclass(frozen=True, eq=False)
class Series:
    """One curve or cloud of points. low and high: the confidence band, where there is one; texts: a name per point."""

    name: str
    x: Array
    y: Array
    low: Array | None = None
    high: Array | None = None
    texts: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class Numbers:
    """What a picture shows. grid: how many panels stand in a row."""

    kind: Kind
    panels: tuple[Panel, ...] = ()
    series: tuple[Series, ...] = ()
    axes: tuple[str, str] = ("x", "y")
    grid: int = 1
    title: str = ""
    caption: str = ""
    words: Words = field(default_factory=Words)


class Picture(Figure):
    """A matplotlib Figure (never pyplot's) with its numbers, its look, and where its points lie."""

    numbers: Numbers
    look: Look
    spots: Sequence[tuple[float, float, str]]  # x and y in points from the top left, and what to say there

    def __init__(self, width: float, height: float, *, numbers: Numbers, look: Look) -> None:
        """width and height in points."""
        super().__init__(figsize=(width / 72, height / 72), dpi=72, facecolor="white")
        self.numbers, self.look, self.spots = numbers, look, ()

    def place(self, x: float, top: float, width: float, height: float, **options: Any) -> Any:
        """Axes at an exact place, in points from the top left."""
        w, h = self.get_size_inches() * 72
        return self.add_axes((x / w, 1 - (top + height) / h, width / w, height / h), **options)

    def write(self, x: float, top: float, text: str, **options: Any) -> Any:
        """Text whose upper edge stands at an exact place, in points from the top left."""
        w, h = self.get_size_inches() * 72
        return self.text(x / w, 1 - top / h, text, va="top", parse_math=False, **options)

    def render(self, format: str, facts: str, dpi: float | None = None) -> bytes:
        """The bytes of a PNG, SVG or PDF. facts: the record as JSON. dpi: of a PNG what the look says, if not given."""
        name, dpi = self.numbers.title or self.numbers.kind, dpi or (self.look.dpi if format == "png" else VECTOR)
        return render(self, format, title=name, about=self.numbers.caption, facts=facts, dpi=dpi, look=self.look)

    def _repr_png_(self) -> bytes:
        return self.render("png", dump({"figure": self.numbers.kind}), NOTEBOOK)


_FINE = 10  # letters are measured this much larger: at 72 dots an inch their widths are rounded to whole points
_RULER = RendererAgg(1, 1, 72 * _FINE)


def text_size(text: str, size: float, weight: str = "normal") -> tuple[float, float]:
    """Width and height of a line of text, in points. Only inside drawing()."""
    width, height, _ = _RULER.get_text_width_height_descent(text, FontProperties(size=size, weight=weight), False)
    return float(width) / _FINE, float(height) / _FINE


def wrap(text: str, size: float, width: float, *, most: int = 3, weight: str = "normal") -> str:
    """The text in at most `most` lines of this many points; the last one ends in an ellipsis if there was more."""
    lines, line = [], ""
    for word in _words(clean(text)):
        if line and text_size((line + word).rstrip(), size, weight)[0] > width:
            lines.append(line.rstrip())
            line = ""
        line += word if line else word.lstrip()
    lines.append(line.rstrip())
    return "\n".join(lines if len(lines) <= most else [*lines[: most - 1], lines[most - 1][:-1] + "…"])


def _words(text: str) -> list[str]:
    """Where a line may break: after spaces, around Chinese characters, and every 24 characters of anything else."""
    words = [""]
    for character in text:
        wide = columns(character) == 2
        if words[-1] and (wide or words[-1][-1] == " " or columns(words[-1][-1]) == 2 or len(words[-1]) >= 24) and columns(character) != 0:
            words.append("")
        words[-1] += character
    return words


def in_rows(widths: Sequence[float], room: float) -> list[list[tuple[float, int]]]:
    """Things beside one another, in as many rows as it takes: (x from MARGIN on, number) each. All in points."""
    rows: list[list[tuple[float, int]]] = [[]]
    x = MARGIN
    for number, width in enumerate(widths):
        if rows[-1] and x + width > MARGIN + room:
            rows.append([])
            x = MARGIN
        rows[-1].append((x, number))
        x += width
    return rows


@dataclass(frozen=True)
class Frame:
    """Title above and caption below a picture, wrapped to its width. Heights in points, margins included."""

    title: str
    caption: str
    font: float
    above: float
    below: float

    @classmethod
    def around(cls, width: float, title: str, caption: str, look: Look, *, lines: int = 3) -> "Frame":
        """lines: of the caption at most."""
        font, room = look.font, width - 2 * MARGIN
        title = wrap(title, font * 1.15, room, most=2) if title and look.title else ""
        caption = wrap(caption, font * 0.8, room, most=lines) if caption and look.caption else ""
        above = MARGIN + (font * 1.15 * 1.3 * (title.count("\n") + 1) + font * 0.6 if title else 0)
        below = MARGIN + (font * 0.8 * 1.35 * (caption.count("\n") + 1) + font * 0.6 if caption else 0)
        return cls(title, caption, font, above, below)

    def draw(self, picture: Picture) -> None:
        height = picture.get_size_inches()[1] * 72
        if self.title:
            picture.write(MARGIN, MARGIN, self.title, fontsize=self.font * 1.15, color=INK, linespacing=1.2)
        if self.caption:
            picture.write(
                MARGIN, height - self.below + self.font * 0.6, self.caption, fontsize=self.font * 0.8, color=MUTED, linespacing=1.25
            )


def limits(values: Array, look: Look, *, signed: bool) -> tuple[float, float]:
    """The ends of the colour scale. Signed values always diverge around 0."""
    seen = values[np.isfinite(values)]
    if look.scale == "fixed":
        return (-1.0, 1.0) if signed else (0.0, 1.0)
    if not seen.size or not np.abs(seen).max() > 0:
        return (-1.0, 1.0) if signed else (0.0, 1.0)
    if signed:
        return -float(np.abs(seen).max()), float(np.abs(seen).max())
    low, high = min(0.0, float(seen.min())), float(seen.max())
    return low, high
