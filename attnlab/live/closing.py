"""A server that is told to stop does not wait for its followers: their streams end at once, and they look for the next one."""

import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType


def on_exit(stop: Callable[[], None]) -> None:
    """Have stop() called when the process is told to end, before whoever handled that until now. Outside the main thread: nothing."""
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)

        def handle(signum: int, frame: FrameType | None, before: object = before) -> None:
            stop()
            if callable(before):
                before(signum, frame)
            elif before == signal.SIG_DFL:
                signal.signal(signum, signal.SIG_DFL)
                signal.raise_signal(signum)

        with suppress(ValueError):
            signal.signal(number, handle)
