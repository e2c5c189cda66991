"""Class: a room that students follow from their phones, led from the presenter's view."""

import streamlit as st

from attnlab.ui.errors import mistake_box
from attnlab.ui.language import t
from attnlab.ui.teach.classroom import show_class
from attnlab.ui.teach.lesson import ask_lesson

st.title(t("teach.class"))
with mistake_box():
    show_class(ask_lesson())
