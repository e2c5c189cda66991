"""All heads of a model as files: the mosaic on the screen, and every head in one zip."""

from collections.abc import Callable

import streamlit as st

from attnlab import figures
from attnlab.core.trace import Stack, Trace
from attnlab.ui.figure_options import ask_look
from attnlab.ui.language import language, t
from attnlab.ui.show import export_row

PICTURE = 40_000_000  # weights that one picture or one NPZ file may hold
WRITTEN = 2_000_000  # weights that are written as text, one by one, or drawn head by head


def export(trace: Trace, stack: Stack, *, own: bool) -> None:
    """The row that saves all heads, and how they are to look."""
    layers = trace.layers(stack)
    count = sum(each.n_heads * len(each.queries) * len(each.keys) for each in layers)
    if count > PICTURE:
        st.caption(t("layers.save_none"))
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="save"):
        with st.popover(t("ui.figure_options"), key="figure options"):
            look = ask_look()
        formats = (*figures.FORMATS, "zip") if count <= WRITTEN else ("png", "svg", "pdf", "npz")
        name = f"{trace.model}-{stack}-all-heads".replace("/", "-")
        export_row(maker(trace, stack, own, look), name=name, formats=formats, every=t("layers.save_zip"))
        if count > WRITTEN:
            st.caption(t("layers.save_numbers"))


def maker(trace: Trace, stack: Stack, own: bool, look: figures.Look) -> Callable[[str], bytes]:
    """What writes all heads to a file, with the record that leads back to this page."""
    layers, spoken = trace.layers(stack), language()
    facts = {"model": f"{trace.model} ({trace.revision})", "layers": len(layers), "heads": layers[0].n_heads, "stack": t(f"ui.{stack}")}
    title = t("layers.title", **facts) + (t("layers.title_own") if own else "")
    texts = {"text": trace.text, "pair": trace.pair, "target": trace.target_text}
    options = look.changed() | ({"own": True} if own else {})

    def make(format: str) -> bytes:
        words = figures.words_in(spoken)
        if format == "zip":
            return figures.archive(trace, stack=stack, look=look, words=words)
        every, pieces = [each.all_weights() for each in layers], (layers[0].queries.pieces, layers[0].keys.pieces)
        caption = " / ".join(text for text in texts.values() if text)
        figure = figures.mosaic(every, *pieces, title=title, caption=caption, own=own, look=look, words=words)
        record = figures.record(model=trace.model, revision=trace.revision, stack=stack, options=options or None, **texts)
        return figures.save(figure, format, record=record)

    return make
