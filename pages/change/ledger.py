"""Ledger: an output of a model as a sum that balances, with what really happens without each head beside it."""

import streamlit as st

from attnlab.ui.ask import ask_model, ask_target, ask_text, tell_unknown
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import md_escape, t
from attnlab.ui.ledger.page import ask_output, followed, show_lens, show_sources, show_waterfall
from attnlab.ui.ledger.paths import show_paths
from attnlab.ui.ledger.truth import show_truth
from attnlab.ui.traces import get_model, get_trace

with mistake_box():
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls"):
        model = ask_model(followed, width=190)
        text = ask_text()
    trace = get_trace(model, text, target=ask_target(model))
    tell_unknown(trace)
    asked = ask_output(get_model(model), trace)

st.markdown(t("ledger.what", output=md_escape(asked.book.says), model=md_escape(model)))
left, right = st.columns([3, 2], gap="large")
with left:
    show_waterfall(asked)
with right:
    show_sources(asked)
    show_lens(asked)
show_paths(asked)
show_truth(asked)
with st.expander(t("ledger.read")):
    st.markdown(t("ledger.read_text"))
