"""Begin a room, know its owner, seat a follower, take an answer: what the routes, the pages and the command line have in common."""

import hashlib
import hmac
import json
import os
import secrets
import threading
from collections.abc import Mapping
from typing import Any

from attnlab.lessons.answers import check_answer
from attnlab.lessons.bets import place_bet
from attnlab.lessons.lesson import Lesson
from attnlab.lessons.opening import open_lesson
from attnlab.lessons.palette import palette
from attnlab.lessons.results import results_file
from attnlab.live.hub import Hub
from attnlab.live.room import State, act
from attnlab.live.store import Counted, Memory, Store
from attnlab.live.views import everything
from attnlab.words import InputError

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # no I and no O: they are read as digits
REDIS = "ATTNLAB_REDIS"

Data = dict[str, Any]


class Rooms:
    """The rooms of a store. Secrets and salts never leave it but once, to the owner who began the room."""

    def __init__(self, store: Store) -> None:
        self.store, self.hub = store, Hub(store)
        self._betting = threading.Lock()  # one forward pass at a time: each voter has one entry waiting, so the queue is fair

    def begin(self, lesson: Lesson) -> tuple[str, str]:
        """A new room for a lesson: its code and the owner's secret. Raises InputError when the store is full."""
        opened = open_lesson(lesson)
        script: Data = {"name": lesson.name, "language": lesson.language, "title": lesson.title, "palette": palette()}
        script |= {"steps": list(opened.steps), "mistakes": [[each.line, each.say(lesson.language)] for each in opened.mistakes]}
        secret, salt = secrets.token_urlsafe(18), secrets.token_hex(16)
        room = {"script": json.loads(json.dumps(script)), "salt": salt, "owner": hashed(secret)}
        for _ in range(100):
            code = "".join(secrets.choice(LETTERS) for _ in range(5))
            if self.store.begin(code, room):
                return code, secret
        raise InputError("class.full", limit=len(LETTERS) ** 5)

    def room(self, code: str) -> Mapping[str, Any]:
        """What never changes of a room. Raises InputError for a code that no room has (any more)."""
        found = self.hub.room(code)
        if found is None:
            raise InputError("class.no_room", code=code)
        return found

    def owns(self, code: str, secret: str) -> bool:
        """Whether this is the owner's secret."""
        return hmac.compare_digest(str(self.room(code)["owner"]), hashed(secret))

    def act(self, code: str, action: str, value: object = None, version: int | None = None) -> State:
        """The owner's action. version: what the owner saw; when another window was quicker, nothing is done twice."""
        steps = self.room(code)["script"]["steps"]

        def change(state: State) -> State:
            return state if version is not None and version != state.version else act(state, action, value, steps)

        state = self.store.change(code, change)
        if state is None:
            raise InputError("class.no_room", code=code)
        if state.ended:
            self.store.end(code)
        return state

    def seat(self, code: str) -> str:
        """A new follower: a seat and a random number, signed so that nobody makes one up."""
        salt, seat = str(self.room(code)["salt"]), self.store.seat(code)
        if seat is None:
            raise InputError("class.no_room", code=code)
        voter = f"{seat}.{secrets.token_hex(8)}"
        return f"{voter}.{signed(salt, voter)}"

    def voter(self, code: str, token: str) -> str | None:
        """Who a token stands for, None when it was not signed here."""
        voter, _, mac = token.rpartition(".")
        return voter if voter and hmac.compare_digest(mac, signed(str(self.room(code)["salt"]), voter)) else None

    def answer(self, code: str, voter: str, vote: str, given: object) -> tuple[Counted, Any]:
        """Count an answer, once. Raises InputError for a question that is not on, or open already, and for what is no answer."""
        room, state = self.room(code), self.store.state(code)
        if state is None:
            raise InputError("class.no_room", code=code)
        followed = state.followed()
        step = room["script"]["steps"][followed.step]
        if not step["questions"] or followed.vote != vote:
            raise InputError("class.not_on")
        if followed.open:
            raise InputError("class.closed")
        question = step["questions"][followed.question]
        counted = check_answer(question["asked"], given)
        if question["asked"]["kind"] == "bet":
            with self._betting:
                counted |= {"moved": place_bet(question["link"], question["asked"], counted)}
            return self.store.vote(code, vote, voter, counted, better=True), counted
        return self.store.vote(code, vote, voter, counted), counted

    def mine(self, code: str, voter: str) -> dict[str, Any]:
        """What a follower answered so far, for a phone that comes back."""
        return {vote: given[voter] for vote, given in self.store.every_vote(code).items() if voter in given}

    def export(self, code: str) -> Data:
        """Every tally of a room, as JSON."""
        return everything(self.room(code)["script"], self.store.every_vote(code))

    def results(self, code: str) -> bytes:
        """Every tally and every figure of a room, as one file."""
        return results_file(self.export(code), self.room(code)["script"]["language"])


def hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def signed(salt: str, voter: str) -> str:
    return hmac.new(salt.encode(), voter.encode(), hashlib.sha256).hexdigest()[:20]


_rooms: list[Rooms] = []
_lock = threading.Lock()


def rooms() -> Rooms:
    """The rooms of this process: in Redis where the environment names one (ATTNLAB_REDIS=redis://...), else in memory."""
    with _lock:
        if not _rooms:
            address = os.environ.get(REDIS)
            if address:
                from attnlab.live.redis_store import Redis

                _rooms.append(Rooms(Redis(address)))
            else:
                _rooms.append(Rooms(Memory()))
        return _rooms[0]


def stop_streams() -> None:
    """End the streams of this process; the rooms stay."""
    for made in _rooms:
        made.hub.stop()
