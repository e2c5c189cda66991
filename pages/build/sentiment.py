"""Sentiment: a classifier's answer, and word by word what it rests on."""

from attnlab.ui.errors import mistake_box
from attnlab.ui.sentiment import show_sentiment

with mistake_box("review", model="classifier"):
    show_sentiment()
