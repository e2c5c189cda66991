"""The colours of a lesson's pictures, for pages that know no drawing library."""

from typing import Any

from attnlab.figures.ramp import inks, ramp


def palette() -> dict[str, Any]:
    """What the canvas components have to know: both maps, light and dark, and one hue per role."""
    maps = {kind: {"light": ramp(kind, "light"), "dark": ramp(kind, "dark")} for kind in ("weights", "signed")}
    return {**maps, "inks": {"light": inks("light"), "dark": inks("dark")}}
