"""The walk on the page: the components that draw a step, its table of terms, and the button that copies."""

from dataclasses import asdict
from typing import Any

import numpy as np

from attnlab.core.trace import Array
from attnlab.core.walk.place import DIGITS, DRAWN
from attnlab.core.walk.spot import base
from attnlab.figures import ramp, style
from attnlab.ui.canvas import component, show_component
from attnlab.ui.language import t
from attnlab.ui.steps.pictures import Parcel, Seen, pack, symbol_of, terms

_copy = component("steps/copy", "steps/steps")
_player = component("steps/player", "steps/steps")
_table = component("steps/table", "steps/steps")


def player(seen: Seen, *, key: str, scratch: bool, seq: int, changed: Any) -> None:
    """The sentence, the rail of stages, the picture and the controls. `changed` is called when the visitor moves."""
    pictures, tables = pack(seen)
    steps = [{"stage": stage, "part": base(name), "symbol": symbol_of(name), "spot": name} for stage, name in seen.steps]
    meta = {
        "place": asdict(seen.place),
        "steps": steps,
        "pictures": pictures,
        "queries": list(seen.attention.queries.pieces),
        "keys": list(seen.attention.keys.pieces),
        "cross": seen.attention.stack == "cross",
        "stages": {str(stage): t(f"steps.rail_{stage}") for stage in dict(seen.steps)},
        "head": seen.head,
        "d_head": seen.attention.d_head,
        "drawn": list(DRAWN),
        "digits": list(DIGITS),
        "scratch": scratch,
        "seq": seq,
        "words": _words(),
    }
    data = {**tables, "row": _weights(seen), "meta": meta | _colours()}
    show_component(_player, data, key=key, on_go_change=changed, height="content")


def _weights(seen: Seen) -> Array:
    """How much each key gets from the chosen query: shown under the sentence."""
    row = seen.walk.values(f"{seen.attention.stack}.weights.{seen.head}")[seen.place.query]
    return np.ascontiguousarray(row)


def table(seen: Seen, name: str, *, key: str, changed: Any) -> None:
    """The terms of the pinned number, to be sorted and followed."""
    parcel = Parcel()
    described = terms(seen, seen.walk.spots[name], seen.apart(name), parcel)
    tokens = {"key": list(seen.attention.keys.pieces), "query": list(seen.attention.queries.pieces)}
    meta = {"apart": described, "tokens": tokens, "digits": seen.place.digits, "words": _words(), "symbol": symbol_of(name)}
    meta["d_head"] = seen.attention.d_head
    show_component(_table, {**parcel.arrays(), "meta": meta}, key=key, on_follow_change=changed, height="content")


def copy_button(text: str) -> None:
    """Puts a text on the visitor's clipboard."""
    meta = {"text": text, "words": {"copy": t("steps.script"), "copied": t("steps.copied")}}
    show_component(_copy, {"meta": meta}, key="copy", height="content")


def _colours() -> dict[str, Any]:
    kinds: tuple[ramp.Kind, ...] = ("weights", "signed")
    return {"ramps": {kind: [ramp.ramp(kind), ramp.ramp(kind, dark=True)] for kind in kinds}, "roles": dict(style.ROLES)}


def _words() -> dict[str, str]:
    names = (
        "play", "pause", "next", "back", "first", "last", "speed", "scrub", "drawn", "all", "digits", "scientific", "query",
        "key", "hint", "rest", "bias", "sum", "name", "left", "right", "product", "order", "by_size", "follow", "mean",
        "spread", "gain", "shift", "scratch", "equal", "differ", "exponential", "share", "comes_from", "id", "scale_note",
        "table", "apart", "cell", "picture", "angle", "sum_of_row", "score", "top", "hint_table",
    )  # fmt: skip
    return {name: t(f"steps.{name}") for name in names}
