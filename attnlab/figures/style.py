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
PAPER = {"light": ("#FFFFFF", "#F3F5F8"), "dark": ("#101418", "#1B222A")}  # what stands behind a picture on the screen, and beside it
INK, MUTED, ABSENT = "#1A1A1A", "#5F6368", "#D9D9D9"  # text, captions, cells that have no value

FONTS = ASSETS / "fonts"
FAMILIES = (
    "DejaVu Sans",
    "attnlab CJK",
    "attnlab Emoji",
    *(f"attnlab {script}" for script in ["Thai", "Devanagari", "Bengali", "Tamil", "Telugu"]),
)
SERIF = "STIXGeneral"  # Times with all of mathematics, under a free licence; matplotlib brings it
FAMILY = ("sans", "serif")
MM = 1 / 25.4  # inches
# What the guides of journals and conferences ask for: the width of a column or of the page in millimetres, letters in points.
PRESETS: dict[str, dict[str, Any]] = {
    "acl": {"width": 77.0, "font": 8.0, "family": "serif"},
    "acl-wide": {"width": 160.0, "font": 8.0, "family": "serif"},
    "neurips": {"width": 139.7, "font": 8.0, "family": "serif"},
    "ieee": {"width": 88.9, "font": 8.0, "family": "serif"},
    "ieee-wide": {"width": 181.9, "font": 8.0, "family": "serif"},
    "lncs": {"width": 122.0, "font": 8.0, "family": "serif"},
    "nature": {"width": 89.0, "font": 7.0},
    "nature-wide": {"width": 183.0, "font": 7.0},
    "slide": {"width": 190.5, "font": 14.0},
}


@dataclass(frozen=True)
class Look:
    """What a paper or a slide asks of a picture.

    width: in `unit`, None for the size that suits the content. font: of token labels, in points. colours: a name of COLOUR_MAPS
    (SIGNED_MAPS for signed values), None for the default. scale: "fixed" is 0 to 1 (-1 to 1), "auto" what the values need.
    numbers: None writes them where they can be read. rotate_keys: degrees, None for what fits. dpi: of PNG only;
    a picture that would have more than 64 million pixels gets fewer. family: "sans", "serif", or a TrueType file of one's own.
    text: an SVG holds letters that can be searched and edited, and that need their font where it is read; else their outlines.
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
    family: str = "sans"
    text: bool = False

    @classmethod
    def preset(cls, name: str | None, **options: Any) -> "Look":
        """What a journal asks for, where the options say nothing else. Raises InputError that lists the presets."""
        among("preset", name, (None, *PRESETS))
        return cls(**{**PRESETS.get(name or "", {}), **{option: value for option, value in options.items() if value is not None}})

    def __post_init__(self) -> None:
        within("width", None if self.width is None else self.inches, 1.0, 60.0, unit="in")
        within("font", self.font, 4, 40, unit="pt")
        within("dpi", self.dpi, 30, 1200, unit="dpi")
        within("rotate_keys", self.rotate_keys, -90, 90, unit="°")
        within("rotate_queries", self.rotate_queries, -90, 90, unit="°")
        among("colours", self.colours, (None, *COLOUR_MAPS, *SIGNED_MAPS))
        among("scale", self.scale, ("fixed", "auto"))
        among("unit", self.unit, ("mm", "in"))
        if not (self.family.endswith(".ttf") and Path(self.family).is_file()):
            among("family", self.family, (*FAMILY, "*.ttf"))

    @property
    def inches(self) -> float | None:
        """The width in inches, None where the content decides."""
        return None if self.width is None else self.width * (MM if self.unit == "mm" else 1.0)

    def changed(self) -> dict[str, str | float | bool | None]:
        """The options that differ from the default: what a record has to tell."""
        found = {option.name: getattr(self, option.name) for option in fields(self) if getattr(self, option.name) != option.default}
        return found | ({"family": Path(self.family).name} if "family" in found else {})  # a record tells nobody where a file lies


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

    language: str = "en"
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
    lowest: str = "low"
    highest: str = "high"
    summary: str = "{name}: from {first} ({start}) to {last} ({end}); lowest {low} ({at_low}), highest {high} ({at_high})."


@cache
def words_in(language: str) -> Words:
    """The fixed words in a language of assets/locales."""
    facts = ("name", "first", "start", "last", "end", "low", "at_low", "high", "at_high")
    braces = {"pooled": {"n": "{n}"}, "thinned": {"n": "{n}"}, "summary": {fact: f"{{{fact}}}" for fact in facts}}
    names = [word.name for word in fields(Words) if word.name != "language"]
    return Words(language, **{name: say(f"figures.{name}", language, **braces.get(name, {})) for name in names})


@cache
def lut(colours: str) -> bytes:
    """256 colours of a map as RGB bytes, for drawing outside matplotlib. 768 bytes."""
    import numpy as np
    from matplotlib import colormaps

    return bytes((colormaps[colours](np.linspace(0, 1, 256))[:, :3] * 255).round().astype(np.uint8).tobytes())


def contrast(one: str, other: str) -> float:
    """How far two colours are apart for the eye, 1 to 21. Source: WCAG 2.2, contrast ratio."""

    def light(colour: str) -> float:
        shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05

    return max(light(one), light(other)) / min(light(one), light(other))


@cache
def readable(colour: str, theme: Literal["light", "dark"], least: float) -> str:
    """The colour, darker on a light page and lighter on a dark one until it stands out by `least`: 3 for lines, 4.5 for letters."""
    end = 0 if theme == "light" else 255
    for step in range(21):
        parts = [round(int(colour[i : i + 2], 16) + (end - int(colour[i : i + 2], 16)) * step / 20) for i in (1, 3, 5)]
        found = "#" + "".join(f"{part:02X}" for part in parts)
        if all(contrast(found, paper) >= least for paper in PAPER[theme]):
            break
    return found


_LOCK = threading.RLock()
# What a picture must not inherit from the machine: the same input gives the same bytes.
_RC = {
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
    "pdf.fonttype": 42,  # TrueType: Type 3 is refused by the checkers of journals
    "figure.dpi": 100.0,
}


@contextmanager
def drawing(look: Look | None = None) -> Iterator[None]:
    """Inside, matplotlib's settings are ours. They are global to the process, so one thread draws at a time.

    look: whose letters are taken.
    """
    import matplotlib

    look = look or Look()
    letters = {"font.family": families(look.family), "svg.fonttype": "none" if look.text else "path"}
    with _LOCK, matplotlib.rc_context(_settings() | letters):
        add_fonts()
        yield


@cache
def families(family: str) -> list[str]:
    """The names of the fonts in the order they are tried: what one of them lacks, the next one has."""
    from matplotlib import font_manager

    if family in FAMILY:
        return [*([SERIF] if family == "serif" else []), *FAMILIES]
    font_manager.fontManager.addfont(family)
    return [font_manager.FontProperties(fname=family).get_name(), *FAMILIES]


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
