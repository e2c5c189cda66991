"""The colours of the screen: a map for a light page and one for a dark page, where nothing is near the background in both."""

from typing import Literal

from attnlab.figures import style

Kind = Literal["weights", "signed"]
LIGHT = {"weights": style.WEIGHTS, "signed": style.SIGNED}
DARK = {"weights": f"{style.WEIGHTS}_r", "signed": "berlin"}  # light on dark; a negative number stays blue, a positive one red
# One colour for each head of a layer: the series colours first, then others that stay apart from them.
HEADS = (*style.SERIES, "#882255", "#44AA99", "#999933", "#AA4499", "#6699CC", "#117733", "#DDCC77", "#661100", "#332288")


def ramp(kind: Kind, *, dark: bool = False) -> str:
    """256 colours from low to high as hexadecimal digits, six a colour."""
    return style.lut((DARK if dark else LIGHT)[kind]).hex()
