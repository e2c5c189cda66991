"""Train: a small Transformer of one's own, watched while it learns."""

import streamlit as st

from attnlab.ui.errors import mistake_box
from attnlab.ui.train.page import ask_training, jobs, limits_note, show_training
from attnlab.ui.train.result import ask_upload

choices, course = st.columns([3, 8], gap="medium")
with course:
    show_training()
with choices:
    form = st.container()
    st.caption(limits_note(jobs().bounds))
    ask_upload()
with form, mistake_box():
    ask_training()
