"""Train: a small Transformer of one's own, watched while it learns."""

import streamlit as st

from attnlab.ui.errors import told
from attnlab.ui.train.page import ask_training, jobs, limits_said, show_training
from attnlab.ui.train.result import ask_upload

choices, course = st.columns([3, 8], gap="medium")
with course:
    show_training()
with choices:
    form = st.container()
    st.caption(limits_said(jobs().bounds))
    ask_upload()
with form, told():
    ask_training()
