"""Who listens to which room in this process, and what each is sent: the newest state, made once for all of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from attnlab.live.room import State
from attnlab.live.store import Data, Store
from attnlab.live.views import follower_view, needed_votes, owner_view

ALIVE = 15.0  # seconds between two signs of life
COUNTS = 0.3  # seconds that counts are gathered before the teacher is told
SIGN = b"event: alive\ndata: {}\n\n"
END = b'event: end\ndata: {"ended": true}\n\n'


@dataclass(eq=False)
class Listener:
    """One open stream. wanted: set when it is to send again."""

    voter: str | None  # None is the owner
    wanted: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(eq=False)
class Audience:
    """The streams of one room, and what its followers are sent, made once for all of them.

    news: how often something changed; told: the change that `made` holds; making: the task that makes the next one.
    beats: how often a sign of life was due.
    """

    listeners: set[Listener] = field(default_factory=set)
    news: int = 1
    told: int = 0
    beats: int = 0
    made: bytes | None = None
    making: "asyncio.Task[None] | None" = None

    def wake(self, *, owners: bool) -> None:
        """Have streams send again: the owner's, or the followers'."""
        for listener in self.listeners:
            if (listener.voter is None) == owners:
                listener.wanted.set()


class Hub:
    """Carries changes from the store, whichever thread they come from, to the streams of this process."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._audiences: dict[str, Audience] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pulse: asyncio.Task[None] | None = None
        self._scripts: dict[str, Data] = {}
        self._stopping = False
        store.listen(self._heard)

    def room(self, code: str) -> Data | None:
        """What never changes of a room, kept beside the streams that need it."""
        found = self._scripts.get(code)
        if found is None:  # without listeners nothing is kept: a room that ended elsewhere must not live on here
            found = self.store.room(code)
            if found is not None and code in self._audiences:
                self._scripts[code] = found
        return found

    def stop(self) -> None:
        """End every stream: the server is going."""
        self._stopping = True
        self._heard("*", "state")

    def _heard(self, code: str, what: str) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._wake, code, what)

    def _wake(self, code: str, what: str) -> None:
        if what == "end":
            self._scripts.pop(code, None)
        for name in list(self._audiences) if code == "*" else [code]:
            audience = self._audiences.get(name)
            if audience is None:
                continue
            audience.wake(owners=True)
            if what != "count":
                audience.news += 1
                self._make_soon(name, audience)

    def _make_soon(self, code: str, audience: Audience) -> "asyncio.Task[None]":
        """The task that makes what followers are sent next; there is one at a time."""
        if audience.making is None:
            audience.making = asyncio.get_running_loop().create_task(self._make_newest(code, audience))
            audience.making.add_done_callback(lambda done: done.cancelled() or done.exception())  # the streams meet it again
        return audience.making

    async def _make_newest(self, code: str, audience: Audience) -> None:
        """Ask the store once for all followers, until nothing has changed meanwhile, then wake them."""
        try:
            while audience.told != audience.news and not self._stopping:
                news = audience.news
                audience.made = await asyncio.to_thread(self._make, code, False)
                audience.told = news
        finally:
            audience.making = None
            audience.wake(owners=False)

    async def _beat(self) -> None:
        """A sign of life on every stream now and then; whoever has one is here."""
        while self._audiences and not self._stopping:
            await asyncio.sleep(ALIVE)
            told = []
            for code, audience in self._audiences.items():
                here = {listener.voter: True for listener in audience.listeners if listener.voter is not None}
                told.append(asyncio.to_thread(self.store.present, code, here))
                audience.beats += 1
                audience.wake(owners=True)
                audience.wake(owners=False)
            await asyncio.gather(*told, return_exceptions=True)  # a store that is away now may be back at the next beat
        self._pulse = None

    async def stream(self, code: str, voter: str | None, hello: bytes = b"") -> AsyncIterator[bytes]:
        """Server-sent events: the state as it is now, then each newer one; ends with the room. voter: None for the owner."""
        self._loop = asyncio.get_running_loop()
        audience, mine = self._audiences.setdefault(code, Audience()), Listener(voter)
        audience.listeners.add(mine)
        self._pulse = self._pulse or self._loop.create_task(self._beat())
        try:
            if voter is not None:
                await asyncio.to_thread(self.store.present, code, {voter: True})
            yield b"retry: 1000\n" + hello + b"\n"
            sent, beats = b"", audience.beats
            while not self._stopping:
                mine.wanted.clear()
                made = await self._newest(code, audience, owner=voter is None)
                if self._stopping:
                    return
                if made is None:
                    yield END
                    return
                if made != sent:
                    yield made
                elif beats != audience.beats:
                    yield SIGN
                sent, beats = made, audience.beats
                if voter is None:
                    await asyncio.sleep(COUNTS)
                await mine.wanted.wait()
        finally:
            audience.listeners.discard(mine)
            if not audience.listeners and self._audiences.get(code) is audience:
                self._audiences.pop(code, None)
                self._scripts.pop(code, None)
            if voter is not None and not any(other.voter == voter for other in audience.listeners):
                self._leave(code, voter)

    async def _newest(self, code: str, audience: Audience, *, owner: bool) -> bytes | None:
        """The newest state as an event; None when the room is over."""
        if owner:
            return await asyncio.to_thread(self._make, code, True)
        if audience.told != audience.news:
            await asyncio.shield(self._make_soon(code, audience))
        return audience.made

    def _leave(self, code: str, voter: str) -> None:
        """A stream that ends may be cancelled at once, so nobody waits here."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(loop.run_in_executor, None, self.store.present, code, {voter: False})

    def _make(self, code: str, owner: bool) -> bytes | None:
        """An event out of the store, None for a room that is over."""
        state, room = self.store.state(code), self.room(code)
        if state is None or room is None:
            return None
        return self._owner_event(code, state, room) if owner else self._follower_event(code, state, room)

    def _follower_event(self, code: str, state: State, room: Data) -> bytes:
        followed = state.followed()
        votes = self.store.votes(code, needed_votes(followed)) if followed.open else {}
        return event(follower_view(state, room["script"], votes))

    def _owner_event(self, code: str, state: State, room: Data) -> bytes:
        votes = self.store.votes(code, needed_votes(state))
        return event(owner_view(state, room["script"], votes, self.store.here(code)))

    def now(self, code: str) -> dict[str, Any] | None:
        """What followers see at this moment, None when there is no such room."""
        state, room = self.store.state(code), self.room(code)
        if state is None or room is None:
            return None
        followed = state.followed()
        return follower_view(state, room["script"], self.store.votes(code, needed_votes(followed)) if followed.open else {})


def event(data: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
