"""What a run is told to do otherwise: which numbers, and what to put in their place. Data alone; attnlab.models.edits carries it out."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, cast, get_args

import numpy as np

from attnlab.core.trace import STACKS, Array, Stack, frozen
from attnlab.words import InputError

Place = Literal["weights", "scores", "q", "k", "v", "z", "stream", "embedding"]
Point = Literal["before", "attention", "cross", "feed_forward"]
Name = Literal["zero", "mean", "run", "times", "uniform", "identity", "first", "previous", "cut"]
PLACES: tuple[Place, ...] = get_args(Place)
POINTS: tuple[Point, ...] = get_args(Point)
PATTERNS: tuple[Name, ...] = ("uniform", "identity", "first", "previous")  # what a row of weights can be
NAMES: tuple[Name, ...] = get_args(Name)
MOST = 1000  # edits of one run
NUMBERS = 1 << 20  # in one edit's array


@dataclass(frozen=True, eq=False)
class Edit:
    """One change of a run. Edits of the same place are carried out in the order they are given.

    place: weights and scores [q k], q, k, v and z [n d] of a head; the residual stream [n d]; an embedding, the token's own vector [n d].
    layer, head: None for all of them. For k and v heads are counted as the model has them, fewer than for q in grouped-query models.
    query, key: which rows (of k and v: key), and for weights and scores which columns; None for all.
    point: of the stream: before the layer, or after its attention, cross-attention or feed-forward net (with the norm on the sum, if any).
    to: "zero"; "times": what is there times `factor`; "mean": over the tokens of `texts`, of this text where None; "run": what
    stood there in the run on the one text of `texts`; for weights "uniform", "identity", "first", "previous"; for scores "cut",
    which is minus infinity, so that the rest of the row is renormalised; or numbers that fit the place. renormalise: rows of weights
    are divided by their sum afterwards.
    Raises InputError for a place or word that is unknown, for numbers that are not finite, and for a mean of no texts.
    """

    place: Place
    stack: Stack = "encoder"
    layer: int | None = None
    head: int | None = None
    to: Any = "zero"
    query: int | Sequence[int] | None = None
    key: int | Sequence[int] | None = None
    point: Point = "before"
    texts: Sequence[str] | None = None
    factor: float = 1.0
    renormalise: bool = False

    def __post_init__(self) -> None:
        one_of("place", self.place, PLACES)
        one_of("stack", self.stack, STACKS)
        one_of("point", self.point, POINTS)
        for name in ("query", "key"):
            if (chosen := getattr(self, name)) is not None:
                rows = (chosen,) if isinstance(chosen, int | np.integer) else tuple(chosen)
                if not rows or not all(isinstance(row, int | np.integer) and row >= 0 for row in rows):
                    raise InputError("error.edit_rows", name=name, given=str(chosen))
                object.__setattr__(self, name, tuple(map(int, rows)))
        if self.texts is not None:
            object.__setattr__(self, "texts", (self.texts,) if isinstance(self.texts, str) else tuple(self.texts))
        if isinstance(self.to, str):
            self._check_name()
        else:
            object.__setattr__(self, "to", self._numbers())
        if not math.isfinite(self.factor):
            raise InputError("error.edit_nan")

    def _check_name(self) -> None:
        possible = [name for name in NAMES if fits(self.place, name)]
        one_of("to", self.to, possible)
        if self.texts == () or (self.to == "run" and (self.texts is None or len(self.texts) != 1)):
            raise InputError("error.edit_texts", to=self.to)
        if self.to == "mean" and self.texts is None and self.place in ("weights", "scores"):
            raise InputError("error.edit_texts", to=self.to)

    def _numbers(self) -> Array:
        try:
            numbers = frozen(np.array(self.to, dtype=np.float32))
        except (TypeError, ValueError):
            raise InputError("error.edit_numbers") from None
        if numbers.size > NUMBERS:
            raise InputError("error.edit_large", n=numbers.size, limit=NUMBERS)
        if np.isnan(numbers).any() or (np.isinf(numbers).any() and self.place != "scores"):
            raise InputError("error.edit_nan")
        return numbers

    @property
    def named(self) -> bool:
        """Whether `to` is a word and not numbers."""
        return isinstance(self.to, str)

    def at(self, stack: str, layer: int) -> bool:
        return self.stack == stack and self.layer in (None, layer)

    def as_dict(self) -> dict[str, Any]:
        """What JSON keeps: the place, and every field that is not what it would be anyway."""
        kept: dict[str, Any] = {"place": self.place, "stack": self.stack}
        for field in fields(self)[2:]:
            value = getattr(self, field.name)
            if field.name == "to" and not self.named:
                shortest = [float(str(x)) for x in self.to.ravel()]  # the digits that make the same float32
                kept["to"] = np.reshape(shortest, self.to.shape).tolist()
            elif field.name == "to" or value != field.default:
                kept[field.name] = list(value) if isinstance(value, tuple) else value
        return kept

    def _identity(self) -> tuple[Any, ...]:
        to = self.to if self.named else (self.to.shape, self.to.tobytes())
        return (to, *(getattr(self, field.name) for field in fields(self) if field.name != "to"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Edit) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())


def one_of(name: str, given: Any, possible: Sequence[str]) -> None:
    if given not in possible:
        raise InputError("error.edit_word", name=name, given=str(given), known=", ".join(possible))


def fits(place: Place, to: str) -> bool:
    """Whether this word can be put at this place."""
    if to in PATTERNS:
        return place == "weights"
    return place == "scores" if to == "cut" else True


def write_edits(edits: Iterable[Edit]) -> str:
    """Edits as JSON, one line."""
    return json.dumps([edit.as_dict() for edit in edits], ensure_ascii=False, separators=(",", ":"))


def read_edits(text: str) -> tuple[Edit, ...]:
    """Edits from JSON that `write_edits` wrote or a person. Raises InputError for anything else, and for more than `MOST`."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError("error.edit_json") from None
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise InputError("error.edit_json")
    return check_count([edit_of(entry) for entry in found])


def edit_of(entry: Mapping[str, Any]) -> Edit:
    """One edit from what JSON kept of it."""
    known = {field.name for field in fields(Edit)}
    if "place" not in entry or not set(entry) <= known:
        raise InputError("error.edit_json")
    for name in ("layer", "head"):
        if not isinstance(entry.get(name), int | None) or isinstance(entry.get(name), bool):
            raise InputError("error.edit_rows", name=name, given=str(entry[name]))
    try:
        return Edit(**cast("dict[str, Any]", entry))
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("error.edit_json") from None


def check_count(edits: Sequence[Edit]) -> tuple[Edit, ...]:
    if len(edits) > MOST:
        raise InputError("error.edit_many", n=len(edits), limit=MOST)
    return tuple(edits)
