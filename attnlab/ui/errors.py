"""A visitor's mistake is a sentence on the page, never a traceback, and never loses what was typed."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from attnlab.core.words import InputError
from attnlab.ui.words import language, md_escape


@contextmanager
def told() -> Iterator[None]:
    """What goes wrong inside by the visitor's mistake is said in their language, and the page stops there."""
    try:
        yield
    except InputError as mistake:
        st.error(md_escape(mistake.say(language())))
        st.stop()
