"""Who listens to which room in this process, and what each is sent: the newest state, made once for all of them."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from attnlab.live.room import State
from attnlab.live.store import Data, Store
from attnlab.live.views import follower_view, needed_votes, owner_view

ALIVE = 15.0  # seconds between two signs of life on a stream where nothing happens
COUNTS = 0.3  # seconds that counts are gathered before the teacher is told


@dataclass(eq=False)
class Listener:
    """One open stream. wanted: set when there is something new."""

    voter: str | None  # None is the owner
    wanted: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(eq=False)
class Audience:
    """The streams of one room, and what its followers were last sent. news: how often something changed; made: from which of these."""

    listeners: set[Listener] = field(default_factory=set)
    news: int = 0
    made: tuple[int, bytes | None] | None = None
    making: asyncio.Lock = field(default_factory=asyncio.Lock)


class Hub:
    """Carries changes from the store, whichever thread they come from, to the streams of this process."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._audiences: dict[str, Audience] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
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
            if what != "count" and name in self._audiences:
                self._audiences[name].news += 1
            for listener in self._audiences[name].listeners if name in self._audiences else ():
                if what != "count" or listener.voter is None:
                    listener.wanted.set()

    async def stream(self, code: str, voter: str | None, hello: bytes = b"") -> AsyncIterator[bytes]:
        """Server-sent events: the state as it is now, then each newer one; ends with the room. voter: None for the owner."""
        self._loop = asyncio.get_running_loop()
        audience = self._audiences.setdefault(code, Audience())
        mine = Listener(voter)
        audience.listeners.add(mine)
        mine.wanted.set()
        sent = b""
        try:
            if voter is not None:
                await asyncio.to_thread(self.store.present, code, {voter: True})
            yield b"retry: 1000\n" + hello + b"\n"
            while True:
                news = await self._news(mine)
                if self._stopping:
                    return
                if not news:
                    if voter is not None:
                        await asyncio.to_thread(self.store.present, code, {voter: True})
                    yield b"event: alive\ndata: {}\n\n"
                    continue
                mine.wanted.clear()
                made = await self._event(code, audience, owner=voter is None)
                if made is None:
                    yield b'event: end\ndata: {"ended": true}\n\n'
                    return
                if made != sent:
                    yield made
                    sent = made
                if voter is None:
                    await asyncio.sleep(COUNTS)
        finally:
            audience.listeners.discard(mine)
            if not audience.listeners:
                self._audiences.pop(code, None)
                self._scripts.pop(code, None)
            if voter is not None and not any(other.voter == voter for other in audience.listeners):
                self._leave(code, voter)

    async def _news(self, mine: Listener) -> bool:
        """Whether something came before it was time for a sign of life."""
        try:
            await asyncio.wait_for(mine.wanted.wait(), ALIVE)
        except TimeoutError:
            return False
        return True

    def _leave(self, code: str, voter: str) -> None:
        """A stream that ends may be cancelled at once, so nobody waits here."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(loop.run_in_executor, None, self.store.present, code, {voter: False})

    async def _event(self, code: str, audience: Audience, *, owner: bool) -> bytes | None:
        """The newest state as an event, made once for everybody who is to have the same; None when the room is over."""
        if owner:
            return await asyncio.to_thread(self._make, code, True)
        async with audience.making:  # the first one asks the store, the others take what it made
            news = audience.news
            if audience.made is None or audience.made[0] != news:
                audience.made = (news, await asyncio.to_thread(self._make, code, False))
            return audience.made[1]

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
