"""Compare: two texts, models, heads, with and without positions or training, on common axes; what changed, and where most."""

import streamlit as st

from attnlab.core.compare import lay_together
from attnlab.ui.compare import ask_sides, note, save_maps, sentence, show_heads, show_maps
from attnlab.ui.errors import mistake_box

with mistake_box():
    a, b, kind, by = ask_sides()
both = lay_together(a, b, by)
st.markdown(sentence(both))
show_maps(both)
if said := note(both, kind):
    st.caption(said)
save_maps(both)
show_heads(both, kind, by)
