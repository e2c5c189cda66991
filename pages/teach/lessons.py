"""Lessons: gone through alone, at one's own pace. First predict, then see, then read why."""

from attnlab.ui.errors import mistake_box
from attnlab.ui.teach.lesson import ask_lesson, get_opened, show_lesson

with mistake_box():
    lesson = ask_lesson()
    show_lesson(get_opened(lesson))
