"""How often one address, or one voter, may ask for something. A whole school may share one address."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass


@dataclass
class Bucket:
    left: float
    at: float


class Limit:
    """A bucket of `burst` tokens for each name, filled again by `rate` a second. Names that were not seen for longest are forgotten."""

    def __init__(self, burst: float, rate: float, names: int = 20_000) -> None:
        self.burst, self.rate, self.names = burst, rate, names
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str, now: float | None = None) -> bool:
        """Whether the name may; if so, one token is gone."""
        now = time.monotonic() if now is None else now
        with self._lock:
            bucket = self._buckets.pop(name, None) or Bucket(self.burst, now)
            bucket.left = min(self.burst, bucket.left + (now - bucket.at) * self.rate)
            bucket.at = now
            allowed = bucket.left >= 1
            bucket.left -= allowed
            self._buckets[name] = bucket
            while len(self._buckets) > self.names:
                self._buckets.popitem(last=False)
            return allowed


def classroom() -> dict[str, Limit]:
    """What is limited: rooms and seats and posts by address, answers and commands by who sends them."""
    return {
        "rooms": Limit(20, 0.1),
        "seats": Limit(1000, 5),
        "posts": Limit(3000, 300),
        "answers": Limit(30, 2),
        "wrong": Limit(60, 1),
        "control": Limit(120, 20),
    }
