"""Arrays and finished strings in, pictures and files out. Nothing is drawn and no drawing library is imported until a figure is asked for.

figure = figures.heatmap(weights, queries, keys, title="bert L0H2")
figures.save(figure, "pdf", record=figures.record(model="bert", layer=0, head=2))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attnlab.figures import curves as curves
    from attnlab.figures.archives import archive as archive
    from attnlab.figures.export import FORMATS as FORMATS
    from attnlab.figures.export import format_of as format_of
    from attnlab.figures.export import save as save
    from attnlab.figures.export import write as write
    from attnlab.figures.links import lines as lines
    from attnlab.figures.maps import heatmap as heatmap
    from attnlab.figures.maps import triptych as triptych
    from attnlab.figures.provenance import read_record as read_record
    from attnlab.figures.provenance import record as record
    from attnlab.figures.style import Look as Look
    from attnlab.figures.style import Words as Words
    from attnlab.figures.style import words_in as words_in
    from attnlab.figures.tiles import mosaic as mosaic

_HOME = {
    "FORMATS": "export",
    "Look": "style",
    "Words": "style",
    "archive": "archives",
    "format_of": "export",
    "heatmap": "maps",
    "lines": "links",
    "mosaic": "tiles",
    "read_record": "provenance",
    "record": "provenance",
    "save": "export",
    "triptych": "maps",
    "words_in": "style",
    "write": "export",
}
_MODULES = ("archives", "curves", "export", "html", "labels", "links", "maps", "picture", "provenance", "style", "tiles")
__all__ = [*_HOME, "curves"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"attnlab.figures.{_HOME[name]}"), name)
    if name in _MODULES:
        return import_module(f"attnlab.figures.{name}")
    raise AttributeError(f"module 'attnlab.figures' has no attribute {name!r}")
