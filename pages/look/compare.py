"""Compare: two texts, models, heads, with and without positions or training, on common axes; what changed, and where most."""

import streamlit as st

from attnlab.ui.compare import ask_sides, note, save_maps, sentence, show_heads, show_maps, together
from attnlab.ui.errors import told
from attnlab.ui.language import t

st.title(t("compare.title"))
with told():
    a, b, kind, by = ask_sides()
both = together(a, b, by)
st.markdown(sentence(both))
show_maps(both)
if said := note(both, kind):
    st.caption(said)
save_maps(both)
show_heads(both, kind, by)
