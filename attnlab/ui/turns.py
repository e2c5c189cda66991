"""Heavy work takes turns: one piece at a time on the whole server, so that the others' clicks stay quick.

Who has computed least goes next. What was made is kept for everybody. Work whose visitor has left, or clicked elsewhere, ends with the
piece it is at.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import streamlit as st

from attnlab.ui import choices
from attnlab.ui.language import t
from attnlab.ui.visits import still_here, visitor
from attnlab.words import InputError

Made = TypeVar("Made")
Breathe = Callable[[float], None]  # called between two pieces with the share that is done: others may go first
EACH = 3  # works of one visitor at once; the next is refused
LOOK = 0.1  # seconds between two looks at whether it is one's turn
ASKED = "asked for"  # what takes long and this visit asked for
SHOWN = 0.4  # seconds after which a work says how far it is


class LeftError(Exception):
    """Nobody waits for this work any more."""


@dataclass(eq=False)
class Work:
    """One visitor's work. what: two works on the same thing are never under way together, for the first makes it for both."""

    who: str
    what: Hashable
    begun: bool = False
    wants: bool = True  # waits for its turn


class Turns:
    """The one place where heavy work is done. Safe to call from any thread."""

    def __init__(self, each: int = EACH) -> None:
        self._changed, self._each = threading.Condition(), each
        self._works: list[Work] = []
        self._at: Work | None = None
        self._spent: dict[str, float] = {}  # seconds of those who have work

    @contextmanager
    def work(self, who: str, what: Hashable = None, *, wait: Callable[[float], None] = lambda share: None) -> Iterator[Breathe]:
        """Wait for a turn, and yield what gives it back between two pieces. wait: called while waiting; what it raises ends the work.

        Raises InputError for a visitor who has too much work already.
        """
        work = self._enter(who, what)
        try:
            began = self._take(work, 0.0, wait)

            def breathe(share: float) -> None:
                nonlocal began
                self._give(work, began)
                wait(share)
                began = self._take(work, share, wait)

            yield breathe
        finally:
            self._leave(work, began if self._at is work else None)

    def _enter(self, who: str, what: Hashable) -> Work:
        with self._changed:
            if sum(work.who == who for work in self._works) >= self._each:
                raise InputError("server.busy", limit=self._each)
            others = [self._spent[work.who] for work in self._works]
            self._spent[who] = max(self._spent.get(who, 0.0), min(others, default=0.0))  # who comes new is no further ahead than the rest
            work = Work(who, object() if what is None else what)
            self._works.append(work)
            return work

    def _take(self, work: Work, share: float, wait: Callable[[float], None]) -> float:
        """Wait until it is this work's turn; when that was."""
        work.wants = True
        while True:
            with self._changed:
                if self._at is None and self._next() is work:
                    self._at, work.begun, work.wants = work, True, False
                    return time.monotonic()
                self._changed.wait(LOOK)
            wait(share)

    def _next(self) -> Work | None:
        """Whose turn it is: of the works that may go on, the one whose visitor has computed least, then the oldest."""
        begun = {work.what: work for work in self._works if work.begun}
        ready = [work for work in self._works if work.wants and begun.get(work.what, work) is work]
        return min(ready, key=lambda work: self._spent[work.who], default=None)

    def _give(self, work: Work, began: float) -> None:
        with self._changed:
            self._spent[work.who] += time.monotonic() - began
            self._at = None
            self._changed.notify_all()

    def _leave(self, work: Work, began: float | None) -> None:
        if began is not None:
            self._give(work, began)
        with self._changed:
            self._works.remove(work)
            if not any(other.who == work.who for other in self._works):
                del self._spent[work.who]
            self._changed.notify_all()


class Kept(Generic[Made]):
    """The last things that were made, by key; the oldest go first."""

    def __init__(self, most: int) -> None:
        self._lock, self._most, self._things = threading.Lock(), most, OrderedDict[Hashable, Made]()

    def get(self, key: Hashable) -> Made | None:
        with self._lock:
            if key in self._things:
                self._things.move_to_end(key)
            return self._things.get(key)

    def put(self, key: Hashable, made: Made) -> None:
        with self._lock:
            self._things[key] = made
            while len(self._things) > self._most:
                self._things.popitem(last=False)


TURNS = Turns()


def made_in_turn(kept: Kept[Made], key: Hashable, make: Callable[[Breathe], Made]) -> Made:
    """What was made before, else made now when this visitor's turn comes, with a bar that says how far it is."""
    found = kept.get(key)
    if found is None:
        with my_turn((id(kept), key)) as breathe:
            found = kept.get(key)  # somebody made it while this one waited
            if found is None:
                found = make(breathe)
                kept.put(key, found)
    return found


def asked_for(name: str, what: Hashable, warning: str, label: str) -> bool:
    """Whether this visit asked for what takes long; a sentence and a button until then. name: of the button's keys."""
    asked = choices.visit(ASKED, set[Hashable])
    if what in asked:
        return True
    st.info(warning)
    st.button(label, key=f"{name} now", on_click=asked.add, args=(what,))
    return False


def made_on_request(name: str, kept: Kept[Made], what: Hashable, make: Callable[[Breathe], Made]) -> Made:
    """What this visit asked for, with a button that stops it."""
    with st.container():  # the button stands while it is made: a click on it ends the run
        stop = st.empty()
        if kept.get(what) is None:
            stop.button(t("measures.stop"), key=f"{name} stop", on_click=choices.visit(ASKED, set[Hashable]).discard, args=(what,))
        found = made_in_turn(kept, what, make)
        stop.empty()
    return found


@contextmanager
def my_turn(what: Hashable = None) -> Iterator[Breathe]:
    """A page's heavy work. A click ends it at the next piece, as it ends any run; so does closing the window."""
    with reporting() as report:

        def wait(share: float) -> None:
            report(share, t("server.working" if share else "server.waiting", percent=f"{100 * share:.0f}"))

        with TURNS.work(visitor(), what, wait=wait) as breathe:
            yield breathe


@contextmanager
def reporting() -> Iterator[Callable[[float, str], None]]:
    """A bar for what takes long, drawn when it does. The run ends where its window was closed or its visitor clicked."""
    bar: list[Any] = []
    began, here = time.monotonic(), still_here()

    def report(share: float, said: str) -> None:
        if not here():
            st.stop()
        if bar or time.monotonic() - began > SHOWN:
            bar[:] = bar or [st.empty()]
            bar[0].progress(min(1.0, share), said)

    yield report
    if bar:
        bar[0].empty()


def file_turn() -> Callable[[], Any]:
    """Turns for a file that is made after a click, outside the page, where nobody knows the visitor any more."""
    who, here = visitor(), still_here()

    def wait(share: float) -> None:
        if not here():
            raise LeftError

    return lambda: TURNS.work(who, wait=wait)
