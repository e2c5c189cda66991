"""Colours, sizes, fonts and fixed words of every picture. Importing this file imports no drawing library."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal

from attnlab.words import ASSETS, InputError, say

# One hue per role everywhere: the Okabe-Ito set, which people with colour-blindness can tell apart.
QUERY, KEY, VALUE, OUTPUT = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ROLES = {"query": QUERY, "key": KEY, "value": VALUE, "output": OUTPUT}
SERIES = (QUERY, KEY, VALUE, OUTPUT, "#E69F00", "#56B4E9", "#7F7F7F")  # several heads or curves in one picture, in this order
WEIGHTS = "YlGnBu"  # 0 to 1: light to dark
SIGNED = "RdBu_r"  # below 0 blue, 0 white, above 0 red
COLOUR_MAPS = ("YlGnBu", "viridis", "cividis", "Blues", "Greys", "magma", "YlOrBr", "PuBu")  # all safe for colour-blind readers
SIGNED_MAPS = ("RdBu_r", "PuOr_r", "BrBG", "PRGn")
INK, MUTED, ABSENT = "#1A1A1A", "#5F6368", "#D9D9D9"  # text, captions, cells that have no value

FONTS = ASSETS / "fonts"
FAMILIES = (
    "DejaVu Sans",
    "attnlab CJK",
    "attnlab Emoji",
    *(f"attnlab {script}" for script in ["Thai", "Devanagari", "Bengali", "Tamil", "Telugu"]),
)
MM = 1 / 25.4  # inches


@dataclass(frozen=True)
class Look:
    """What a paper or a slide asks of a picture.

    width: in `unit`, None for the size that suits the content. font: of token labels, in points. colours: a name of COLOUR_MAPS
    (SIGNED_MAPS for signed values), None for the default. scale: "fixed" is 0 to 1 (-1 to 1), "auto" what the values need.
    numbers: None writes them where they can be read. rotate_keys: degrees, None for what fits. dpi: of PNG only;
    a picture that would have more than 64 million pixels gets fewer.
    Raises InputError for a value that cannot be drawn.
    """

    width: float | None = None
    unit: Literal["mm", "in"] = "mm"
    font: float = 9.0
    colours: str | None = None
    scale: Literal["fixed", "auto"] = "fixed"
    title: bool = True
    caption: bool = True
    numbers: bool | None = None
    bar: bool = True
    rotate_keys: float | None = None
    rotate_queries: float = 0.0
    dpi: int = 300

    def __post_init__(self) -> None:
        within("width", None if self.width is None else self.inches, 1.0, 60.0, unit="in")
        within("font", self.font, 4, 40, unit="pt")
        within("dpi", self.dpi, 30, 1200, unit="dpi")
        within("rotate_keys", self.rotate_keys, -90, 90, unit="°")
        within("rotate_queries", self.rotate_queries, -90, 90, unit="°")
        among("colours", self.colours, (None, *COLOUR_MAPS, *SIGNED_MAPS))
        among("scale", self.scale, ("fixed", "auto"))
        among("unit", self.unit, ("mm", "in"))

    @property
    def inches(self) -> float | None:
        """The width in inches, None where the content decides."""
        return None if self.width is None else self.width * (MM if self.unit == "mm" else 1.0)

    def changed(self) -> dict[str, str | float | bool | None]:
        """The options that differ from the default: what a record has to tell."""
        return {option.name: getattr(self, option.name) for option in fields(self) if getattr(self, option.name) != option.default}


def within(option: str, value: float | None, low: float, high: float, *, unit: str) -> None:
    """Raises InputError unless the value lies in [low, high] or is None."""
    if value is not None and not low <= value <= high:
        raise InputError("error.figure_range", option=option, given=f"{value:g}", low=f"{low:g}", high=f"{high:g}", unit=unit)


def among(option: str, value: object, known: tuple[object, ...]) -> None:
    """Raises InputError that lists what is possible."""
    if value not in known:
        raise InputError("error.figure_choice", option=option, given=value, known=", ".join(str(k) for k in known if k is not None))


@dataclass(frozen=True)
class Words:
    """The fixed words of a picture, English unless said otherwise (words_in)."""

    query: str = "query"
    key: str = "key"
    weight: str = "attention weight"
    difference: str = "difference of weights"
    own: str = "share of the head's largest weight"
    layer: str = "layer"
    head: str = "head"
    encoder: str = "encoder"
    decoder: str = "decoder"
    cross: str = "cross"
    pooled: str = "Each pixel shows the largest of {n} × {n} values."
    thinned: str = "Every {n}th token is labelled."
    absent: str = "grey: no value"
    hint: str = "Hover or use the arrow keys to read exact numbers."
    series: str = "series"


@cache
def words_in(language: str) -> Words:
    """The fixed words in a language of assets/locales."""
    braces = {"pooled": {"n": "{n}"}, "thinned": {"n": "{n}"}}
    return Words(**{word.name: say(f"figures.{word.name}", language, **braces.get(word.name, {})) for word in fields(Words)})


@cache
def lut(colours: str) -> bytes:
    """256 colours of a map as RGB bytes, for drawing outside matplotlib. 768 bytes."""
    import numpy as np
    from matplotlib import colormaps

    return bytes((colormaps[colours](np.linspace(0, 1, 256))[:, :3] * 255).round().astype(np.uint8).tobytes())


_LOCK = threading.RLock()
# What a picture must not inherit from the machine: the same input gives the same bytes.
_RC = {
    "font.family": list(FAMILIES),
    "font.size": 9.0,
    "text.parse_math": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "svg.hashsalt": "attnlab",
    "svg.fonttype": "path",
    "pdf.fonttype": 3,
    "figure.dpi": 100.0,
}


@contextmanager
def drawing() -> Iterator[None]:
    """Inside, matplotlib's settings are ours. They are global to the process, so one thread draws at a time."""
    import matplotlib

    with _LOCK, matplotlib.rc_context(_settings()):
        add_fonts()
        yield


@cache
def _settings() -> Any:
    import matplotlib

    kept = (
        "backend",
        "interactive",
        "toolbar",
        "timezone",
        "keymap",
        "date",
        "webagg",
        "tk.",
        "figure.hooks",
        "animation",
        "savefig.directory",
    )
    return {name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith(kept)} | _RC


@cache
def add_fonts() -> tuple[Path, ...]:
    """Makes the shipped fonts known to matplotlib, once, and names their files in the order they are tried."""
    from matplotlib import font_manager

    shipped = sorted(path for path in FONTS.glob("*-subset.*"))
    for path in shipped:
        font_manager.fontManager.addfont(path)
    return tuple(Path(font_manager.findfont(family, fallback_to_default=False)) for family in FAMILIES)
