"""A trace or an attention as the last line of a cell: the widget where there is anywidget, and its still picture in the same output."""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from attnlab import figures
from attnlab.core.trace import Attention, Trace
from attnlab.figures.picture import Picture


def bundle(shown: Attention | Trace) -> Any:
    """What a notebook may show, by MIME type."""
    hide_table(type(shown))
    found = live(shown)
    if isinstance(found, Picture):
        from attnlab.widgets.picture import still

        return still(found, repr(shown)), {}
    bundled, more = found._repr_mimebundle_()
    return bundled | {"text/plain": repr(shown)}, more


def live(shown: Attention | Trace) -> Any:
    """The widget, or the still picture where there is no anywidget."""
    if find_spec("anywidget") is None:
        return drawn(shown)
    heads = import_module("attnlab.widgets.heads")
    return heads.mosaic(shown) if isinstance(shown, Trace) else heads.heatmap(shown)


def drawn(shown: Attention | Trace) -> Picture:
    """The picture of all heads of a trace's first stack, or of an attention's head 0."""
    if isinstance(shown, Attention):
        title = f"{shown.stack} L{shown.layer}H0"
        return figures.heatmap(shown.weights(0), shown.queries.pieces, shown.keys.pieces, title=title)
    layers = shown.layers(shown.stacks[0])
    weights = [layer.all_weights() for layer in layers]
    title = f"{shown.model} · {shown.stacks[0]}"
    return figures.mosaic(weights, layers[0].queries.pieces, layers[0].keys.pieces, title=title)


def hide_table(kind: type) -> None:
    """IPython would add a trace's table of numbers to its picture, and pages that show one output only would take the table."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    if shell:
        shell.display_formatter.formatters["text/html"].for_type(kind, lambda _: None)
