"""Where rooms live: in this process, or in Redis so that several copies of the app serve one class. Both keep the same promises."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from attnlab.live.room import State
from attnlab.words import InputError

HOURS = 3
LIFE = HOURS * 3600  # seconds that a room lives at most
ROOMS, SEATS = 200, 2000  # at once, and in one room
Counted = Literal["new", "same", "other"]
Data = Mapping[str, Any]


class Store(Protocol):
    """Rooms by code. Every method may be called from any thread; an unknown code is None, or does nothing."""

    def begin(self, code: str, room: Data) -> bool:
        """Keep a new room ("script", "salt", "owner") in its first state. False when the code is taken. Raises InputError when full."""

    def room(self, code: str) -> Data | None:
        """What never changes of a room."""

    def state(self, code: str) -> State | None: ...

    def change(self, code: str, change: Callable[[State], State]) -> State | None:
        """The state after a change that nobody else's comes between; listeners are told when the version is another."""

    def seat(self, code: str) -> int | None:
        """The next free seat, from 0. Raises InputError when there is none."""

    def vote(self, code: str, vote: str, voter: str, answer: Any, *, better: bool = False) -> Counted:
        """Count an answer once: the first one of a voter stands. better: an entry that moved further takes its place."""

    def votes(self, code: str, votes: list[str]) -> dict[str, dict[str, Any]]:
        """The answers of some votes, by voter."""

    def every_vote(self, code: str) -> dict[str, dict[str, Any]]: ...

    def present(self, code: str, voters: Mapping[str, bool]) -> None:
        """Who is here (True) or gone (False)."""

    def here(self, code: str) -> int: ...

    def end(self, code: str) -> None:
        """Forget everything of a room."""

    def listen(self, listener: Callable[[str, str], None]) -> None:
        """Have listener(code, what) called, from any thread: "state" when it changes, "count" for votes and who is here, "end"."""


def outdone(old: Any, new: Any) -> bool:
    """Whether an entry moved the row further than the one before."""
    return bool(new["moved"] > old["moved"])


@dataclass
class Kept:
    """One room in memory."""

    room: Data
    until: float
    state: State = field(default_factory=State)
    seats: int = 0
    votes: dict[str, dict[str, Any]] = field(default_factory=dict)
    here: set[str] = field(default_factory=set)


class Memory:
    """Rooms of this process."""

    def __init__(self) -> None:
        self._rooms: dict[str, Kept] = {}
        self._lock = threading.RLock()
        self._listeners: list[Callable[[str, str], None]] = []

    def _find(self, code: str) -> Kept | None:
        kept = self._rooms.get(code)
        if kept is not None and kept.until < time.monotonic():
            self.end(code)
            return None
        return kept

    def begin(self, code: str, room: Data) -> bool:
        with self._lock:
            for old in list(self._rooms):
                self._find(old)
            if code in self._rooms:
                return False
            if len(self._rooms) >= ROOMS:
                raise InputError("class.full", limit=ROOMS)
            self._rooms[code] = Kept(room, time.monotonic() + LIFE)
            return True

    def room(self, code: str) -> Data | None:
        with self._lock:
            kept = self._find(code)
            return None if kept is None else kept.room

    def state(self, code: str) -> State | None:
        with self._lock:
            kept = self._find(code)
            return None if kept is None else kept.state

    def change(self, code: str, change: Callable[[State], State]) -> State | None:
        with self._lock:
            kept = self._find(code)
            if kept is None:
                return None
            before, kept.state = kept.state, change(kept.state)
            after = kept.state
        if after.version != before.version:
            self._tell(code, "state")
        return after

    def seat(self, code: str) -> int | None:
        with self._lock:
            kept = self._find(code)
            if kept is None:
                return None
            if kept.seats >= SEATS:
                raise InputError("class.no_seat", limit=SEATS)
            kept.seats += 1
            return kept.seats - 1

    def vote(self, code: str, vote: str, voter: str, answer: Any, *, better: bool = False) -> Counted:
        with self._lock:
            kept = self._find(code)
            if kept is None:
                return "other"
            mine = kept.votes.setdefault(vote, {})
            if voter in mine and not (better and outdone(mine[voter], answer)):
                return "same" if better or mine[voter] == answer else "other"
            mine[voter] = answer
        self._tell(code, "count")
        return "new"

    def votes(self, code: str, votes: list[str]) -> dict[str, dict[str, Any]]:
        with self._lock:
            kept = self._find(code)
            return {} if kept is None else {vote: dict(kept.votes.get(vote, {})) for vote in votes}

    def every_vote(self, code: str) -> dict[str, dict[str, Any]]:
        with self._lock:
            kept = self._find(code)
            return {} if kept is None else {vote: dict(mine) for vote, mine in kept.votes.items()}

    def present(self, code: str, voters: Mapping[str, bool]) -> None:
        with self._lock:
            kept = self._find(code)
            if kept is None:
                return
            kept.here = (kept.here | {voter for voter, there in voters.items() if there}) - {v for v, there in voters.items() if not there}
        self._tell(code, "count")

    def here(self, code: str) -> int:
        with self._lock:
            kept = self._find(code)
            return 0 if kept is None else len(kept.here)

    def end(self, code: str) -> None:
        with self._lock:
            there = self._rooms.pop(code, None)
        if there is not None:
            self._tell(code, "end")

    def listen(self, listener: Callable[[str, str], None]) -> None:
        self._listeners.append(listener)

    def _tell(self, code: str, what: str) -> None:
        for listener in list(self._listeners):
            listener(code, what)
