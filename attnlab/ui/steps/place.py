"""The place on the walk that a visitor chose. It lives in the link, and every click ends up here."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from attnlab.core.trace import Attention
from attnlab.core.walk.place import DIGITS, DRAWN, Place
from attnlab.core.walk.walk import Walk
from attnlab.ui import choices, link
from attnlab.ui.ask import PLACE
from attnlab.untrusted import whole_number


def ask_place(start: Place, attention: Attention, walk: Walk) -> Place:
    """The place that the link asks for, else where this visit was before, else the start. What cannot be is left out."""
    wide = walk.values("wide").shape[1] if "wide" in walk.spots else 1
    deep = walk.spots["narrow"].facts["bias"].shape[0] if "narrow" in walk.spots else 1
    limits = {
        "query": len(attention.queries),
        "key": len(attention.keys),
        "dim": attention.d_head,
        "column": deep,
        "unit": wide,
        "stage": 15,
    }
    found: dict[str, Any] = {}
    for name, given in choices.group(PLACE, asdict(start)).items():
        if name == "part":
            found[name] = str(given)
        elif (number := whole_number(str(given))) is not None:
            possible = {"drawn": number in DRAWN, "digits": number in DIGITS}.get(name, number < limits.get(name, 0))
            if possible:
                found[name] = number
    for name, value in found.items():
        link.put(name, str(value))
    return replace(start, **found)


def keep_place(changes: Mapping[str, Any]) -> None:
    """Keep what a visitor chose; the next run puts it into the link."""
    choices.regroup(PLACE, **{name: value for name, value in changes.items() if name in Place.__dataclass_fields__})
