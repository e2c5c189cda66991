"""A few runs at once: where hundreds of threads want the interpreter, each only hinders the others, and every run ends late.

Who waits goes on in the order of coming. A run that lasts long, because it computes or waits for somebody else, holds nobody up: after
a second it does not count any more.
"""

import threading
import time
from collections import deque

MOST = 4  # runs at once
LONG = 1.0  # seconds after which a run does not count any more


class Door:
    """Where runs come in. Safe to call from any thread."""

    def __init__(self, most: int = MOST, long: float = LONG) -> None:
        self._lock, self._most, self._long = threading.Lock(), most, long
        self._inside: dict[threading.Event, float] = {}  # when each came in
        self._waiting: deque[threading.Event] = deque()

    def come_in(self) -> threading.Event:
        """Wait until there is room; what `leave` wants to know. One that never leaves is forgotten when it does not count any more."""
        me, left = threading.Event(), 0.0
        with self._lock:
            self._waiting.append(me)
        while True:
            with self._lock:
                first = self._waiting[0] is me
                if first and (left := self._room_in()) <= 0:
                    self._waiting.popleft()
                    self._inside[me] = time.monotonic()
                    self._call_next()
                    return me
            me.wait(left if first else None)  # the next is called, by who goes before it
            me.clear()

    def leave(self, me: threading.Event) -> None:
        with self._lock:
            self._inside.pop(me, None)
            self._call_next()

    def _call_next(self) -> None:
        if self._waiting:
            self._waiting[0].set()

    def _room_in(self) -> float:
        """Seconds until there is room if nobody leaves before; 0 where there is some."""
        now = time.monotonic()
        self._inside = {run: came for run, came in self._inside.items() if now - came < self._long}
        counted = sorted(self._inside.values())
        return counted[len(counted) - self._most] + self._long - now if len(counted) >= self._most else 0.0


DOOR = Door()
