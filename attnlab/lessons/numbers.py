"""The numbers that a lesson may speak of, each computed by the model: "weight it -> cat", "entropy it", "previous", "d_head".

A number may be asked of another view by parameters in front (`@layer=1&head=8 next`), and a change between two views has the other
one behind a bar (`change it | positions=none`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from attnlab.core.compare import js_distance
from attnlab.core.guide import RULES
from attnlab.core.measures import MEASURES, entropy, measured
from attnlab.core.trace import Array, NotRecordedError
from attnlab.lessons.lesson import View
from attnlab.lessons.links import with_changes
from attnlab.lessons.look import Seen, see
from attnlab.words import InputError

SINK = next(rule.threshold for rule in RULES if rule.label == "first")  # the share on the first token that makes a head a sink
ASKED = re.compile(r"^(?:@(?P<view>\S+)\s+)?(?P<name>[a-z_]+)(?:\s+(?P<rest>.*?))?\s*$")


@dataclass(frozen=True)
class Asked:
    """A number that is asked for. places: the words named, a row and a key or a row alone."""

    name: str
    places: tuple[str, ...]
    view: str | None
    other: str | None


def read_asked(text: str) -> Asked:
    """Raises InputError for what names no number."""
    front, bar, other = text.strip().partition(" | ")
    found = ASKED.match(front)
    if found is None or found["name"] not in {*PAIRS, *ROWS, *FACTS, *MEASURES, "change"}:
        known = ", ".join((*PAIRS, *ROWS, "change", *FACTS, *MEASURES))
        raise InputError("lesson.number", given=text.strip()[:80], known=known)
    name, places = found["name"], tuple(each.strip() for each in (found["rest"] or "").split(" -> ") if each.strip())
    needed = 2 if name in PAIRS else 1 if name in ROWS or name == "change" else 0
    if len(places) != needed or bool(bar) != (name == "change"):
        raise InputError("lesson.places", given=text.strip()[:80], needed=needed)
    return Asked(name, places, found["view"], other.strip() if bar else None)


def number_of(text: str, view: View) -> float:
    """The number, as the model has it. Raises InputError for a word, layer or head that is not there."""
    asked = read_asked(text)
    view = with_changes(view, asked.view) if asked.view else view
    seen = see(view)
    if asked.name in FACTS:
        return FACTS[asked.name](seen)
    if asked.name in MEASURES:
        return float(measured(seen.attention)[asked.name][seen.head])
    row = place_of(seen.queries, asked.places[0])
    if asked.name in ROWS:
        return ROWS[asked.name](seen.weights[row])
    if asked.name == "change":
        return row_change(seen, see(with_changes(view, asked.other or "")), row)
    return PAIRS[asked.name](seen, row, place_of(seen.keys, asked.places[1]))


def place_of(names: Sequence[str], word: str) -> int:
    """Where a word stands among rows or columns; "bank#2" is the second one. Raises InputError that lists what is there."""
    wanted, _, count = word.rpartition("#") if re.search(r".#\d{1,6}$", word) else (word, "", "1")
    found = [i for i, name in enumerate(names) if name == wanted] or [i for i, name in enumerate(names) if name.lower() == wanted.lower()]
    if not 0 < int(count) <= len(found):
        raise InputError("lesson.word", given=word, known=" ".join(names))
    return found[int(count) - 1]


def row_change(a: Seen, b: Seen, row: int) -> float:
    """How far a row moved between two maps over the same keys: the Jensen-Shannon distance."""
    if len(a.keys) != len(b.keys):
        raise InputError("lesson.other_size", first=len(a.keys), second=len(b.keys))
    return float(js_distance(a.weights[row], b.weights[row]))


def scored(scale: bool) -> Callable[[Seen, int, int], float]:
    """q·k of two tokens, scaled as the model does or not. Of pieces alone: words have no vectors of their own."""

    def score(seen: Seen, row: int, column: int) -> float:
        if seen.words or seen.weights.shape != (len(seen.attention.queries), len(seen.attention.keys)):
            raise InputError("lesson.pieces")
        try:
            every = seen.attention.scores(seen.head) if scale else seen.attention.products(seen.head)
        except NotRecordedError:
            raise InputError("lesson.pieces") from None
        return float(every[row, column])

    return score


def row_entropy(row: Array) -> float:
    return float(entropy(row[None, None])[0])


PAIRS: Mapping[str, Callable[[Seen, int, int], float]] = {
    "weight": lambda seen, row, column: float(seen.weights[row, column]),
    "score": scored(True),
    "product": scored(False),
}
ROWS: Mapping[str, Callable[[Array], float]] = {
    "most": lambda row: float(row.max()),
    "spread": row_entropy,
    "total": lambda row: float(row.sum()),
}
FACTS: Mapping[str, Callable[[Seen], float]] = {
    "d_head": lambda seen: float(seen.attention.d_head),
    "root": lambda seen: float(np.sqrt(seen.attention.d_head)),
    "tokens": lambda seen: float(len(seen.keys)),
    "heads": lambda seen: float(seen.attention.n_heads),
    "layers": lambda seen: float(len(seen.trace.layers(seen.attention.stack))),
    "layer": lambda seen: float(seen.attention.layer),
    "head": lambda seen: float(seen.head),
    "all_heads": lambda seen: float(sum(each.n_heads for each in seen.trace.layers(seen.attention.stack))),
    "even": lambda seen: float(np.log(len(seen.keys))),
    "sinks": lambda seen: float(sum(sum(measured(each)["first"] >= SINK) for each in seen.trace.layers(seen.attention.stack))),
    "sink": lambda seen: SINK,
}
