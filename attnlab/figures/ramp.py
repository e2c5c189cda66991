"""The colours of the screen: a map for a light page and one for a dark page, where nothing is near the background in both."""

from functools import cache
from typing import Any, Literal

import numpy as np

from attnlab.figures import style

Kind = Literal["weights", "signed"]
Theme = Literal["light", "dark"]
# Colours from low to high at equal distances, where they are not one of matplotlib's maps. On a dark page 0 is the page itself, and
# every step away from it is lighter; a negative number is blue, a positive one red. Strong: black and white, and the darkest of both.
STOPS: dict[str, tuple[str, ...]] = {
    "signed dark": ("#CFEFFF", "#5BB8EE", "#1F6BB5", "#173252", "#10161C", "#4D2216", "#B5472A", "#F28C4B", "#FFE6B0"),
    "weights light strong": ("#FFFFFF", "#000000"),
    "weights dark strong": ("#000000", "#FFFFFF"),
    "signed light strong": ("#000A5C", "#2F6FE0", "#FFFFFF", "#E0502F", "#5C0A00"),
    "signed dark strong": ("#FFFFFF", "#4FA8FF", "#000000", "#FF7A45", "#FFF3B0"),
}
MAPS = {"weights light": style.WEIGHTS, "signed light": style.SIGNED, "weights dark": f"{style.WEIGHTS}_r"}
# One colour for each head of a layer: the series colours first, then others that stay apart from them.
HEADS = (*style.SERIES, "#882255", "#44AA99", "#999933", "#AA4499", "#6699CC", "#117733", "#DDCC77", "#661100", "#332288")


@cache
def ramp(kind: Kind, theme: Theme, *, strong: bool = False) -> str:
    """256 colours from low to high as hexadecimal digits, six a colour. strong: with the most contrast there is."""
    name = f"{kind} {theme}{' strong' if strong else ''}"
    if name in MAPS:
        return style.lut(MAPS[name]).hex()
    stops = np.array([list(bytes.fromhex(colour[1:])) for colour in STOPS[name]], float)
    at = np.linspace(0, len(stops) - 1, 256)
    return np.stack([np.interp(at, np.arange(len(stops)), channel) for channel in stops.T], -1).round().astype(np.uint8).tobytes().hex()


def inks(theme: Theme) -> dict[str, Any]:
    """The hues of the roles and of the heads as they can be read on such a page: letters of a role, lines of a head."""
    letters = {role: style.readable(colour, theme, 4.5) for role, colour in style.ROLES.items()}
    return {**letters, "heads": [style.readable(colour, theme, 3.0) for colour in HEADS]}
