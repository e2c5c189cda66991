"""Change: strike out heads, edit rows, cut links, carry numbers over, and see what it does to what the model says."""

import streamlit as st

from attnlab.ui.ask import ask_model, ask_row, ask_stack, ask_target, ask_text, tell_unknown
from attnlab.ui.change.edits import RESTING, ask_row_edit, ask_struck, edits_now, show_edits
from attnlab.ui.change.patching import show_patching
from attnlab.ui.change.pruning import show_pruning
from attnlab.ui.change.results import ask_stand_in, note_edits, run_edited, show_importance, show_outputs
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import t
from attnlab.ui.traces import get_model, get_trace

with mistake_box():
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls"):
        name = ask_model(lambda spec: spec.records, width=190)
        text = ask_text()
    target = ask_target(name)
    model, trace = get_model(name), get_trace(name, text, target=target)
    tell_unknown(trace)
    edits, resting = edits_now(), edits_now(RESTING)
    changed = run_edited(model, text, target, edits)

left, right = st.columns([1, 1], gap="large")
with left:
    st.header(t("change.heads"), anchor=False)
    stack = ask_stack(trace)
    by = ask_row("by", {name: t(f"change.by_{name}") for name in ("zero", "mean", "set", "sample")}, label=t("change.by"))
    to, texts = ask_stand_in(model, trace, by)
    ask_struck(trace, stack, edits, to, texts)
    with st.expander(t("change.row")):
        ask_row_edit(trace, stack)
    show_edits(edits, resting)
    note_edits(edits)
with right:
    show_outputs(model, trace, changed)
    show_importance(model, trace, stack)
    patching = st.container()
    st.header(t("change.pruning"), anchor=False)
    show_pruning(model)
    with patching:  # last, because its map comes in pieces
        st.header(t("change.patching"), anchor=False)
        show_patching(model, trace, stack)
