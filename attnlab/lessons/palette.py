"""The colours of a lesson's pictures, for pages that know no drawing library."""

from typing import Any

from attnlab.figures import style
from attnlab.figures.ramp import HEADS, ramp


def palette() -> dict[str, Any]:
    """What the canvas components have to know: both maps, light and dark, and one hue per role."""
    maps = {kind: {"light": ramp(kind), "dark": ramp(kind, dark=True)} for kind in ("weights", "signed")}
    return {**maps, "roles": dict(style.ROLES), "heads": list(HEADS)}
