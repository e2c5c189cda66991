"""Arrays and finished strings in, pictures and files out. Nothing is drawn and no drawing library is imported until a figure is asked for.

figure = figures.heatmap(weights, queries, keys, title="bert L0H2")
figures.save(figure, "pdf", record=figures.record(model="bert", layer=0, head=2))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from attnlab.files import write as write

if TYPE_CHECKING:
    from attnlab.figures import captions as captions
    from attnlab.figures import curves as curves
    from attnlab.figures.export import FORMATS as FORMATS
    from attnlab.figures.export import format_of as format_of
    from attnlab.figures.export import save as save
    from attnlab.figures.heatmaps import heatmap as heatmap
    from attnlab.figures.mosaics import mosaic as mosaic
    from attnlab.figures.panels import triptych as triptych
    from attnlab.figures.provenance import read_record as read_record
    from attnlab.figures.provenance import record as record
    from attnlab.figures.style import Look as Look
    from attnlab.figures.style import Words as Words
    from attnlab.figures.style import words_in as words_in
    from attnlab.figures.token_lines import lines as lines
    from attnlab.figures.waterfalls import waterfall as waterfall
    from attnlab.figures.zipped import archive as archive

_HOME = {
    "FORMATS": "export",
    "Look": "style",
    "Words": "style",
    "archive": "zipped",
    "format_of": "export",
    "heatmap": "heatmaps",
    "lines": "token_lines",
    "mosaic": "mosaics",
    "read_record": "provenance",
    "record": "provenance",
    "save": "export",
    "triptych": "panels",
    "waterfall": "waterfalls",
    "words_in": "style",
}
_MODULES = (
    *("captions", "curves", "export", "heatmaps", "html", "labels", "mosaics", "panels", "picture", "plots"),
    *("provenance", "render", "style", "tables", "token_lines", "waterfalls", "zipped"),
)
__all__ = [*_HOME, "curves", "write"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"attnlab.figures.{_HOME[name]}"), name)
    if name in _MODULES:
        return import_module(f"attnlab.figures.{name}")
    raise AttributeError(f"module 'attnlab.figures' has no attribute {name!r}")
