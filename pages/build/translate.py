"""Translate: an encoder reads, a decoder writes, token by token."""

import streamlit as st

from attnlab.ui import choices, link
from attnlab.ui.ask import ask_row, tell_unknown
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import t
from attnlab.ui.translate.alignment import show_scores, show_whole
from attnlab.ui.translate.search import show_sentence, show_steps
from attnlab.ui.translate.writing import ask_pick, ask_writing

VIEWS = {"steps": show_steps, "whole": show_whole, "scores": lambda written, _: show_scores(written)}

if choices.read("view") == "sentiment":  # an address from when both were one page
    link.go("build/sentiment.py", view=None)
with mistake_box():
    view = ask_row("view", {name: t(f"translate.view_{name}") for name in VIEWS}, label=t("translate.view"), hidden=True)
    written = ask_writing()
    tell_unknown(written.trace)
    left, right = st.columns([5, 2], vertical_alignment="center")
    with left:
        show_sentence(written)
    with right:
        pick = ask_pick(written)
    VIEWS[view](written, pick)
