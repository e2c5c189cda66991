"""The first page."""

import streamlit as st

from attnlab.ui.words import t

st.title(t("home.menu"))
