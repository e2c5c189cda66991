"""A visitor's mistake is a sentence on the page, never a traceback, and never loses what was typed."""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from attnlab.ui import choices, link
from attnlab.ui.language import language, md_escape, t
from attnlab.ui.traces import first_tokens
from attnlab.words import InputError


@contextmanager
def mistake_box(text: str = "text", model: str = "model") -> Iterator[None]:
    """What goes wrong inside by the visitor's mistake is said in their language, and the page stops there.

    A text that is too long can be cut by one click to what the model reads or the page shows.
    text, model: the keys of the widgets that hold the text and the model.
    """
    try:
        yield
    except InputError as mistake:
        st.error(md_escape(mistake.say(language())))
        if mistake.key in ("error.too_long", "error.too_long_to_show", "error.patch_long") and choices.last(text) and choices.last(model):
            limit = int(str(mistake.facts["limit"]))
            st.button(t("ui.cut", n=limit), on_click=_cut, args=(text, model, limit))
        link.stop()


def note_error(error: Exception) -> bool:
    """What nobody foresaw: the visitor gets a number, the log has it with everything. True: nothing else is to be shown."""
    number = secrets.token_hex(4)
    logging.getLogger("attnlab").error("error %s", number, exc_info=error)
    st.error(t("server.failed", number=number))
    return True


def _cut(text: str, model: str, limit: int) -> None:
    choices.keep(text, first_tokens(choices.last(model), choices.last(text), limit))
