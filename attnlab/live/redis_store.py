"""Rooms in Redis: state under one key with a version, votes in hashes, changes told by publish/subscribe."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from attnlab.live.room import State
from attnlab.live.store import LIFE, ROOMS, SEATS, Counted, Data, outdone
from attnlab.words import InputError

CHANNEL, ALL = "attnlab:live", "attnlab:rooms"
GONE = 45.0  # seconds after which somebody who was not seen is gone: a copy of the app may have died


class Redis:
    """Rooms that every copy of the app sees. address: redis://host:port/db"""

    def __init__(self, address: str) -> None:
        import redis

        self._redis: Any = redis.Redis.from_url(address, decode_responses=True, health_check_interval=30)
        self._watch_error: Any = redis.WatchError
        self._lost: Any = redis.ConnectionError
        self._listeners: list[Callable[[str, str], None]] = []
        self._thread: threading.Thread | None = None
        self._closed = False

    @staticmethod
    def _key(code: str, name: str) -> str:
        return f"attnlab:{code}:{name}"

    def begin(self, code: str, room: Data) -> bool:
        now = time.time()
        self._redis.zremrangebyscore(ALL, 0, now)
        if self._redis.zcard(ALL) >= ROOMS:
            raise InputError("class.full", limit=ROOMS)
        if not self._redis.set(self._key(code, "room"), json.dumps(room), nx=True, ex=LIFE):
            return False
        self._redis.set(self._key(code, "state"), json.dumps(State().to_json()), ex=LIFE)
        self._redis.zadd(ALL, {code: now + LIFE})
        return True

    def room(self, code: str) -> Data | None:
        found = self._redis.get(self._key(code, "room"))
        return None if found is None else json.loads(found)

    def state(self, code: str) -> State | None:
        found = self._redis.get(self._key(code, "state"))
        return None if found is None else State.from_json(json.loads(found))

    def change(self, code: str, change: Callable[[State], State]) -> State | None:
        key = self._key(code, "state")
        while True:
            with self._redis.pipeline() as pipe:
                try:
                    pipe.watch(key)
                    found = pipe.get(key)
                    if found is None:
                        return None
                    before = State.from_json(json.loads(found))
                    after = change(before)
                    if after.version == before.version:
                        return after
                    pipe.multi()
                    pipe.set(key, json.dumps(after.to_json()), keepttl=True)
                    pipe.publish(CHANNEL, f"{code} state")
                    pipe.execute()
                except self._watch_error:
                    continue
                return after

    def seat(self, code: str) -> int | None:
        if not self._redis.exists(self._key(code, "state")):
            return None
        seat = int(self._redis.incr(self._key(code, "seats"))) - 1
        self._redis.expire(self._key(code, "seats"), LIFE)
        if seat >= SEATS:
            raise InputError("class.no_seat", limit=SEATS)
        return seat

    def vote(self, code: str, vote: str, voter: str, answer: Any, *, better: bool = False) -> Counted:
        if not self._redis.exists(self._key(code, "state")):
            return "other"
        key, told = self._key(code, f"vote:{vote}"), json.dumps(answer, sort_keys=True)
        if not self._redis.hsetnx(key, voter, told):
            mine = json.loads(self._redis.hget(key, voter))
            if not (better and outdone(mine, answer)):
                return "same" if better or mine == json.loads(told) else "other"
            self._redis.hset(key, voter, told)
        with self._redis.pipeline() as pipe:
            pipe.expire(key, LIFE).sadd(self._key(code, "votes"), vote).expire(self._key(code, "votes"), LIFE)
            pipe.publish(CHANNEL, f"{code} count").execute()
        return "new"

    def votes(self, code: str, votes: list[str]) -> dict[str, dict[str, Any]]:
        found = {vote: self._redis.hgetall(self._key(code, f"vote:{vote}")) for vote in votes}
        return {vote: {voter: json.loads(answer) for voter, answer in mine.items()} for vote, mine in found.items()}

    def every_vote(self, code: str) -> dict[str, dict[str, Any]]:
        return self.votes(code, sorted(self._redis.smembers(self._key(code, "votes"))))

    def present(self, code: str, voters: Mapping[str, bool]) -> None:
        if not self._redis.exists(self._key(code, "state")):
            return
        key, now = self._key(code, "here"), time.time()
        if there := {voter: now for voter, here in voters.items() if here}:
            self._redis.zadd(key, there)
            self._redis.expire(key, LIFE)
        if gone := [voter for voter, here in voters.items() if not here]:
            self._redis.zrem(key, *gone)
        self._redis.publish(CHANNEL, f"{code} count")

    def here(self, code: str) -> int:
        return int(self._redis.zcount(self._key(code, "here"), time.time() - GONE, "+inf"))

    def end(self, code: str) -> None:
        votes = [self._key(code, f"vote:{vote}") for vote in self._redis.smembers(self._key(code, "votes"))]
        names = [self._key(code, name) for name in ("room", "state", "seats", "votes", "here")]
        if self._redis.delete(*names, *votes):
            self._redis.zrem(ALL, code)
            self._redis.publish(CHANNEL, f"{code} end")

    def listen(self, listener: Callable[[str, str], None]) -> None:
        self._listeners.append(listener)
        if self._thread is None:
            self._thread = threading.Thread(target=self._hear, daemon=True, name="rooms")
            self._thread.start()

    def close(self) -> None:
        """Let the connections go; nothing is heard any more."""
        self._closed = True
        if self._thread is not None:
            self._thread.join()
        self._redis.close()

    def _hear(self) -> None:
        """Pass on what is published. After a lost connection every listener looks again: "*" stands for every room."""
        while not self._closed:
            try:
                with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                    channel.subscribe(CHANNEL)
                    self._pass_on("* state")
                    while not self._closed:
                        message = channel.get_message(timeout=0.5)
                        if message is not None:
                            self._pass_on(str(message["data"]))
            except self._lost:
                time.sleep(0.5)

    def _pass_on(self, message: str) -> None:
        code, _, what = message.partition(" ")
        for listener in list(self._listeners):
            listener(code, what)
