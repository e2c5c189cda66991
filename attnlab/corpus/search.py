"""Heads by what they do, asked for in words: "previous token > 0.4 in layer 2 or later, entropy < 1"."""

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from attnlab.core.guide import Head
from attnlab.words import InputError

SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt, "<": operator.lt, ">=": operator.ge, "≥": operator.ge, "<=": operator.le, "≤": operator.le, "=": operator.eq,
}  # fmt: skip
NUMBER = r"\d{1,9}(?:\.\d{1,9})?"
COMPARED = re.compile(rf"(?P<name>.+?)\s*(?P<sign>>=|<=|[><=≥≤])\s*(?P<value>{NUMBER})\s*(?P<percent>[%％])?")
LAYER = re.compile(
    r"(?:in\s+)?layers?\s+(?P<a>\d{1,4})"
    r"(?:\s*(?:(?P<up>\+|or later|and later)|(?P<down>or earlier|and earlier)|(?:-|–|to)\s*(?P<b>\d{1,4})))?"
    r"|第?\s*(?P<c>\d{1,4})\s*层(?P<up2>及以后|以后|及之后)?(?P<down2>及以前|以前|及之前)?"
)
BETWEEN = re.compile(r"\s*(?:,|，|、|;|；|\band\b|并且|且)\s*|\s+(?=in\s+layer)|\s+(?=第\s*\d+\s*层)")
LONGEST = 500


@dataclass(frozen=True)
class Condition:
    """A number of a head compared with a value. name: a measure, "layer", "head" or "importance"."""

    name: str
    sign: str
    value: float

    def holds(self, numbers: Mapping[str, float]) -> bool:
        """Whether it does; not for a number that there is none of."""
        found = numbers.get(self.name, float("nan"))
        return isfinite(found) and SIGNS[self.sign](found, self.value)


def conditions(text: str, names: Mapping[str, str], known: Sequence[str] = ()) -> list[Condition]:
    """What is asked for, all of it to hold. names: how each number may be called, in lower case, and its name. known: those that a mistake
    lists, all of them where none are given.

    Raises InputError for words that say nothing of a head.
    """
    found: list[Condition] = []
    for part in BETWEEN.split(text[:LONGEST].strip().lower()):
        if part:
            found += _one(part.strip(), names, known)
    return found


def _one(part: str, names: Mapping[str, str], known: Sequence[str]) -> list[Condition]:
    layer = LAYER.fullmatch(part)
    if layer is not None:
        return _layers(layer)
    compared = COMPARED.fullmatch(part)
    name = None if compared is None else names.get(compared["name"].strip())
    if compared is None or name is None:
        raise InputError("error.search", given=part[:80], known=", ".join(known or names))
    return [Condition(name, compared["sign"], float(compared["value"]) / (100 if compared["percent"] else 1))]


def _layers(found: re.Match[str]) -> list[Condition]:
    first = float(found["a"] or found["c"])
    if found["up"] or found["up2"]:
        return [Condition("layer", ">=", first)]
    if found["down"] or found["down2"]:
        return [Condition("layer", "<=", first)]
    return [Condition("layer", ">=", first), Condition("layer", "<=", float(found["b"] or first))]


def matching(heads: Iterable[Head], asked: Iterable[Condition], importance: tuple[float, ...] = ()) -> list[int]:
    """The places of the heads for which every condition holds."""
    wanted, places = list(asked), []
    for place, head in enumerate(heads):
        numbers = {**head.measures, "layer": head.layer, "head": head.head}
        numbers |= {"importance": importance[place]} if importance else {}
        if all(condition.holds(numbers) for condition in wanted):
            places.append(place)
    return places
