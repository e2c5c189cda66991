"""The field guide: what kind a head is, by which measure, over which threshold. Labels describe weights, not what they mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Literal

Label = Literal["previous", "next", "self", "induction", "duplicate", "first", "delimiter", "punctuation", "broad"]


@dataclass(frozen=True)
class Rule:
    """A head gets the label when its measure reaches the threshold."""

    label: Label
    measure: str
    threshold: float


RULES: tuple[Rule, ...] = (
    Rule("previous", "previous", 0.4),
    Rule("next", "next", 0.4),
    Rule("self", "self", 0.4),
    Rule("induction", "induction", 0.4),
    Rule("duplicate", "duplicate", 0.4),
    Rule("first", "first", 0.4),
    Rule("delimiter", "delimiter", 0.4),
    Rule("punctuation", "punctuation", 0.4),
    Rule("broad", "evenness", 0.9),
)


@dataclass(frozen=True)
class Sighting:
    """A label that a head earned, its score, and the threshold that the score reached."""

    label: Label
    score: float
    threshold: float


def sightings(measures: Mapping[str, float], rules: Sequence[Rule] = RULES) -> list[Sighting]:
    """Every label a head earns, the one furthest over its threshold first (of equals, the first rule); empty when nothing fits."""
    scored = ((rule, measures.get(rule.measure, nan)) for rule in rules)
    found = [Sighting(rule.label, score, rule.threshold) for rule, score in scored if not isnan(score) and score >= rule.threshold]
    return sorted(found, key=lambda seen: seen.threshold - seen.score)
