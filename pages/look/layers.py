"""Every head."""

import streamlit as st

from attnlab.ui.words import t

st.title(t("layers.menu"))
