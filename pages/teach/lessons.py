"""Lessons: gone through alone, at one's own pace. First predict, then see, then read why."""

import streamlit as st

from attnlab.ui.errors import mistake_box
from attnlab.ui.language import t
from attnlab.ui.teach.lesson import ask_lesson, get_opened, show_lesson

st.title(t("teach.lessons"))
with mistake_box():
    lesson = ask_lesson()
    show_lesson(get_opened(lesson))
