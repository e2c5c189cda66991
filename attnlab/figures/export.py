"""Any picture as a file: PNG, SVG, PDF, HTML, CSV, NPZ. The same picture gives the same bytes."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnlab.figures import provenance
from attnlab.words import InputError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as Chart

    from attnlab.figures.picture import Picture

FORMATS = ("png", "svg", "pdf", "html", "csv", "npz")
MIME = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "html": "text/html",
    "csv": "text/csv",
    "npz": "application/zip",
    "zip": "application/zip",
}


def save(figure: "Picture | Chart", format: str, *, record: Mapping[str, Any] | None = None, dpi: int | None = None) -> bytes:
    """The bytes of a file. A plotly figure from `curves` is drawn as its static twin.

    record: what provenance.record made; every format but CSV carries it. dpi: of PNG, otherwise what the look says.
    Raises InputError for a format that does not exist.
    """
    from attnlab.figures import tables
    from attnlab.figures.html import page

    picture = still(figure)
    facts = provenance.dump({"figure": picture.numbers.kind} | dict(record or {}))
    if format in ("png", "svg", "pdf"):
        return picture.render(format, facts, dpi)
    if format == "html":
        return page(picture, facts)
    if format == "csv":
        return tables.table(picture.numbers)
    if format == "npz":
        return tables.arrays(picture.numbers, facts)
    raise InputError("error.figure_format", given=format, known=", ".join(FORMATS))


def few_colours(png: bytes) -> bytes:
    """The same picture with 256 colours of its own: a third of the bytes, and no eye sees the difference (at most some 10 of 255)."""
    from PIL import Image

    small = io.BytesIO()
    with Image.open(io.BytesIO(png)) as whole:
        whole.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def still(figure: "Picture | Chart") -> "Picture":
    """The picture itself, or the static twin of a chart."""
    if hasattr(figure, "numbers"):
        return figure
    from attnlab.figures.plots import static

    return static(figure)


def format_of(path: str | Path) -> str:
    """The format that a file name asks for. Raises InputError that lists what is possible."""
    ending = Path(path).suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise InputError("error.extension", file=str(path), kinds=", ".join(FORMATS))
    return ending
