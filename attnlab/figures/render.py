"""A drawn figure as PNG, SVG or PDF, with its record inside. The same figure gives the same bytes."""

import io
import math
from html import escape
from typing import Any

from matplotlib.figure import Figure

from attnlab.figures.labels import clean
from attnlab.figures.style import Look, drawing
from attnlab.version import VERSION

PIXELS = 64_000_000  # of a PNG at most: four bytes each while it is drawn
VECTOR = 300  # dots an inch of what an SVG or a PDF holds as an image
TIMES = b"'STIXGeneral',", b"'STIXGeneral', 'STIX Two Text', 'Times New Roman', 'Times',"  # where STIX is not, its like is taken
SIDE = 65_000  # pixels a side that the drawing library can hold


def render(figure: Figure, format: str, *, title: str, about: str, facts: str, dpi: float, look: Look | None = None) -> bytes:
    """The bytes of a picture file. title and about: its name and what it shows, for those who do not see it; facts: the record as JSON.

    dpi: fewer where the picture would have more than PIXELS. PDF and SVG draw with it only what cannot be drawn as lines and areas.
    look: whose letters are taken.
    """
    maker, out = f"attnlab {VERSION}", io.BytesIO()
    every: dict[str, dict[str, Any]] = {
        "png": {"Software": maker, "attnlab": facts},
        "svg": {"Creator": maker, "Date": None, "Description": facts},
        "pdf": {"Creator": maker, "CreationDate": None, "Title": writable(title), "Keywords": facts},
    }
    with drawing(look):
        figure.savefig(out, format=format, dpi=min(dpi, finest(figure)), metadata=every[format], facecolor="white")
    return named(out.getvalue().replace(*TIMES), title, about) if format == "svg" else out.getvalue()


def finest(figure: Figure) -> float:
    """The most pixels an inch that stay within PIXELS in all."""
    width, height = figure.get_size_inches()
    return min(math.sqrt(PIXELS / (width * height)), SIDE / max(width, height))


def writable(text: str) -> str:
    """Text that UTF-8 can hold: half of a surrogate pair becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def named(svg: bytes, title: str, about: str) -> bytes:
    """An SVG that tells a screen reader what it is."""
    head = f"<title>{escape(clean(title))}</title>\n <desc>{escape(clean(about))}</desc>\n <metadata".encode()
    return svg.replace(b"<metadata", head, 1).replace(b"<svg ", b'<svg role="img" ', 1)
