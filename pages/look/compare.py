"""Compare: two texts, models, heads, or positions on and off, on common axes; what changed, and which heads changed most."""

import streamlit as st

from attnlab.ui.compare import ask_sides, export, sentence, show_heads, show_maps, together
from attnlab.ui.errors import told
from attnlab.ui.words import t

st.title(t("compare.title"))
with told():
    a, b, kind, by = ask_sides()
both = together(a, b, by)
st.markdown(sentence(both))
show_maps(both)
export(both)
show_heads(both, kind, by)
