"""Who is here: a visitor is a browser, known by a cookie that only the server reads, else by the visit itself."""

import secrets
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st
from streamlit.runtime import exists, get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

from attnlab.ui import choices

COOKIE = "attnlab_visitor"
KEY = "visitor"


class Visits:
    """The sessions of every visitor, so that a training can ask whether its owner is still here."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, set[str]] = {}

    def enter(self, visitor: str, session: str) -> None:
        with self._lock:
            self._sessions.setdefault(visitor, set()).add(session)

    def here(self, visitor: str) -> bool:
        """Whether one of the visitor's sessions is connected. Without a server everybody is."""
        if not exists():
            return True
        runtime = get_instance()
        with self._lock:
            sessions = self._sessions.get(visitor, set())
            sessions -= {session for session in sessions if not runtime.is_active_session(session)}
            if not sessions:
                self._sessions.pop(visitor, None)
            return bool(sessions)


VISITS = Visits()


def enter() -> None:
    """Note at the beginning of a run who is here."""
    context: Any = get_script_run_ctx()
    if context is not None:
        VISITS.enter(visitor(), context.session_id)


def still_here() -> Callable[[], bool]:
    """What tells, from any thread, whether this very window is still open. Without a server it is."""
    context: Any = get_script_run_ctx()
    return partial(get_instance().is_active_session, context.session_id) if context is not None and exists() else lambda: True


def visitor() -> str:
    """The visitor's own secret: the browser's cookie where it keeps one, else one for this visit."""
    return choices.visit(KEY, _recognise)


def _recognise() -> str:
    given = st.context.cookies.get(COOKIE, "")
    return given if len(given) == 32 and given.isalnum() else secrets.token_hex(16)
