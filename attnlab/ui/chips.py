"""Words in a row, each with a colour and numbers under it; a click takes one out where the page allows it."""

from collections.abc import Sequence
from typing import Literal

from attnlab.core.trace import Array
from attnlab.figures import canvases
from attnlab.ui import canvas

_chips = canvas.component("chips", "chips")


def chips(
    values: Array,
    texts: Sequence[str],
    lines: Sequence[Sequence[str]],
    labels: Sequence[str],
    *,
    key: str,
    name: str,
    high: float,
    hint: str,
    kind: Literal["weights", "signed"] = "weights",
    off: Sequence[int] | None = None,
) -> None:
    """Words with a colour from 0 to `high` (signed: from -high) and numbers under them. off: which are taken out; None: none can be."""
    meta = {
        "id": repr((tuple(texts), name)),
        "texts": list(texts),
        "lines": [list(line) for line in lines],
        "labels": list(labels),
        "name": name,
        "low": -high if kind == "signed" else 0.0,
        "high": float(high),
        "hint": hint,
        "clickable": off is not None,
        "off": list(off or ()),
    }
    data = {"values": canvases.narrow(values), "meta": canvases.colours(kind) | meta}
    canvas.show_component(_chips, data, key=key, on_off_change=lambda: None)
