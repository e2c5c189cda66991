"""Numbers of heads as the Atlas page writes them."""

from math import isnan

from attnlab.core.batched import ON
from attnlab.core.guide import Head
from attnlab.core.measures import MEASURES
from attnlab.corpus.index import Index
from attnlab.ui.language import percent, t


def of_index(index: Index) -> str:
    """What a picture was counted over, for its lower edge."""
    return f"{index.model} ({index.revision}) · {index.corpus}"


def number(name: str, value: float, margin: float = float("nan")) -> str:
    """A value of a measure with half its interval, shares in percent."""
    if isnan(value):
        return "–"
    if MEASURES[name].unit == "share":
        return percent(value) + ("" if isnan(margin) else f" ± {100 * margin:.1f}")
    return f"{value:.2f}" + ("" if isnan(margin) else f" ± {margin:.2f}")


def strongest_measure(head: Head) -> str | None:
    """On what a head lays most of its weight. Special tokens are the first one and the delimiters, each of which has its own."""
    known = [name for name in ON if name != "special" and not isnan(head.measures[name])]
    return max(known, key=lambda name: head.measures[name]) if known else None


def label_of(head: Head) -> str:
    """The label that fits best, empty where none does."""
    found = head.labels()
    return t(f"measures.label_{found[0].label}") if found else ""
