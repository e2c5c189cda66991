"""All heads: every layer and head of a model at a glance. Hover enlarges one, click opens it."""

import streamlit as st

from attnlab.ui import canvas
from attnlab.ui.ask import ask_model, ask_stack, ask_switch, ask_target, ask_text, open_head, tell_unknown
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import md_escape, t
from attnlab.ui.layers.guide import say_heads, show_guide
from attnlab.ui.layers.page import save_all
from attnlab.ui.traces import get_thumbnails, get_trace

with mistake_box():
    controls = st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls")
    with controls:
        model = ask_model(width=190)
        text = ask_text()
    target = ask_target(model)
    trace = get_trace(model, text, target=target)
    tell_unknown(trace)
    with controls:
        stack = ask_stack(trace, width=150)
        own = ask_switch("own", t("layers.own"), help=t("layers.own_help"))

layers = trace.layers(stack)
small = get_thumbnails(trace, stack)
facts = {"model": md_escape(trace.model), "layers": len(layers), "heads": layers[0].n_heads, "tokens": len(layers[0].queries)}
st.markdown(t("layers.what", **facts))
note = t("layers.pooled", block=small.block) if small.block > 1 else ""
if small.sampled > 1:
    note = t("layers.sampled", block=small.block)
clicked = canvas.mosaic(small, key="mosaic", own=own, note=note)
if clicked is not None:
    open_head(stack, *clicked)
say_heads(trace, stack)
save_all(trace, stack, own=own)
show_guide(trace, stack)
