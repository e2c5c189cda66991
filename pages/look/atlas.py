"""Atlas: what every head of a model does over a whole corpus, and the sentences in which it does it most."""

import streamlit as st

from attnlab.ui.ask import ask_row
from attnlab.ui.atlas.comparison import show_comparison
from attnlab.ui.atlas.head import show_head
from attnlab.ui.atlas.heads import chosen_head, show_scatter, show_tiles
from attnlab.ui.atlas.indexes import ask_index, ask_own, ask_part, tell_corpus
from attnlab.ui.atlas.making import ask_making
from attnlab.ui.atlas.pattern import show_pattern
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import t

with mistake_box(), st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls"):
    index = ask_index()
    stack = ask_part(index)
    with st.popover(t("atlas.own")):
        ask_own()
        ask_making(index.model)
tell_corpus(index)
place = chosen_head(index)
if place is not None:
    show_head(index, place)
else:
    parts = {"tiles": show_tiles, "scatter": show_scatter, "pattern": show_pattern, "differences": show_comparison}
    part = ask_row("atlas_part", {name: t(f"atlas.part_{name}") for name in parts}, label=t("atlas.parts"), hidden=True)
    with mistake_box():
        parts[part](index, stack)
