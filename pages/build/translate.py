"""Translate: an encoder reads, a decoder writes, token by token; and a classifier judges, word by word."""

import streamlit as st

from attnlab.ui.ask import ask_row
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import t
from attnlab.ui.translate.alignment import show_scores, show_whole
from attnlab.ui.translate.search import show_sentence, show_steps
from attnlab.ui.translate.sentiment import show_sentiment
from attnlab.ui.translate.writing import ask_pick, ask_writing

VIEWS = {"steps": show_steps, "whole": show_whole, "scores": lambda written, _: show_scores(written)}

with mistake_box():
    view = ask_row("view", {name: t(f"translate.view_{name}") for name in (*VIEWS, "sentiment")}, label=t("translate.view"), hidden=True)
    if view == "sentiment":
        show_sentiment()
        st.stop()
    written = ask_writing()
    left, right = st.columns([5, 2], vertical_alignment="center")
    with left:
        show_sentence(written)
    with right:
        pick = ask_pick(written)
    VIEWS[view](written, pick)
