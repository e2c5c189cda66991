"""Class: a room that students follow from their phones, led from the presenter's view."""

from attnlab.ui.errors import mistake_box
from attnlab.ui.teach.classroom import show_class
from attnlab.ui.teach.lesson import ask_lesson

with mistake_box():
    show_class(ask_lesson())
