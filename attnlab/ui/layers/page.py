"""All heads of a model as files: the mosaic on the screen, and every head in one zip."""

import streamlit as st

from attnlab import figures
from attnlab.core.trace import Stack, Trace
from attnlab.figures.captions import trace_caption
from attnlab.ui.language import t
from attnlab.ui.save import facts_of, save_bar
from attnlab.ui.turns import Breathe

PICTURE = 40_000_000  # weights that one picture or one NPZ file may hold
WRITTEN = 2_000_000  # weights that are written as text, one by one, or drawn head by head


def save_all(trace: Trace, stack: Stack, *, own: bool) -> None:
    """All heads as files. own: each on its own scale, as on the screen."""
    layers = trace.layers(stack)
    count = sum(each.n_heads * len(each.queries) * len(each.keys) for each in layers)
    if count > PICTURE:
        st.caption(t("layers.save_none"))
        return
    facts = {"model": trace.model, "layers": len(layers), "heads": layers[0].n_heads, "stack": t(f"ui.{stack}")}
    title = t("layers.picture_title", **facts) + (t("layers.picture_own") if own else "")

    def draw(look: figures.Look, words: figures.Words) -> figures.picture.Picture:
        every, pieces = [each.all_weights() for each in layers], (layers[0].queries.pieces, layers[0].keys.pieces)
        return figures.mosaic(every, *pieces, title=title, caption=trace_caption(trace), own=own, look=look, words=words)

    def pack(look: figures.Look, words: figures.Words, breathe: Breathe) -> bytes:
        return figures.archive(trace, stack=stack, look=look, words=words, between=breathe)

    record = facts_of(trace, None, None, **({"own": True} if own else {})) | {"stack": stack}
    name = f"{trace.model}-{stack}-all-heads"
    if count <= WRITTEN:
        save_bar(draw, key="mosaic", name=name, facts=record, pack=pack, packed=t("layers.save_zip"))
    else:
        save_bar(draw, key="mosaic", name=name, facts=record, formats=("png", "svg", "pdf", "npz"))
        st.caption(t("layers.save_numbers"))
