"""The words of a page in the visitor's language: the one chosen, else the browser's."""

import re
from contextvars import ContextVar

import streamlit as st

from attnlab.words import LANGUAGES, say

_spoken: ContextVar[str | None] = ContextVar("spoken", default=None)  # of the run in this thread: a page asks some hundred times


def settle_language() -> None:
    """Find the language out once, at the beginning of a run."""
    _spoken.set(_found())


def language() -> str:
    """ "en" or "zh": as chosen in this visit, else from the link, else what the browser prefers."""
    return _spoken.get() or _found()


def _found() -> str:
    asked = st.session_state.get("chosen_language") or st.query_params.get("lang")
    if asked in LANGUAGES:
        return str(asked)
    return "zh" if (st.context.locale or "en").lower().startswith("zh") else "en"


def t(key: str, /, **facts: object) -> str:
    """The sentence "room.name" in the visitor's language, with its facts put in."""
    return say(key, language(), **facts)


def md_escape(text: str) -> str:
    """Text that a visitor typed, so that markdown shows it and does nothing else: no image is fetched, no link made."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=\"'@/])", r"\\\1", text).replace("\n", "⏎")


def choose_language(code: str) -> None:
    """Speak another language from now on."""
    st.session_state["chosen_language"] = code
    _spoken.set(None)
