"""The app's pictures live in a notebook, wherever anywidget runs. Needs it: pip install attnlab[notebook]."""

from importlib import import_module
from typing import Any

WHERE = {
    "heatmap": "heads",
    "lines": "heads",
    "mosaic": "heads",
    "overview": "heads",
    "steps": "walks",
    "decoder": "writing",
}
__all__ = ["decoder", "heatmap", "lines", "mosaic", "overview", "steps"]


def __getattr__(name: str) -> Any:
    if name in WHERE:
        return getattr(import_module(f"attnlab.widgets.{WHERE[name]}"), name)
    raise AttributeError(f"module 'attnlab.widgets' has no attribute {name!r}")
