"""Fill: an encoder puts words into holes; which words it looks at for them, and how likely it finds whole sentences."""

import streamlit as st

from attnlab.ui.ask import ask_row
from attnlab.ui.errors import mistake_box
from attnlab.ui.fill.changes import show_changes
from attnlab.ui.fill.holes import ask_holes
from attnlab.ui.fill.page import show_fillers, show_likely, show_looks
from attnlab.ui.language import t

VIEWS = {"fillers": show_fillers, "looks": show_looks, "changes": show_changes, "likely": show_likely}

with mistake_box("gap"):
    here = ask_holes()
    view = ask_row("view", {name: t(f"fill.view_{name}") for name in VIEWS}, label=t("fill.view"), hidden=True)
    VIEWS[view](here)
    with st.expander(t("fill.next_sentence")):
        st.markdown(t("fill.next_sentence_text"))
