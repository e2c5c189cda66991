"""The walk on the page: what the picture of a step is made of, packed for the browser, and the two components that draw it."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st

from attnlab.core.steps import Apart, Origin
from attnlab.core.trace import Array, Attention
from attnlab.core.walk import Spot, Walk, base
from attnlab.core.words import ASSETS
from attnlab.figures import ramp, style
from attnlab.ui.canvas import component
from attnlab.ui.place import DIGITS, DRAWN, Place
from attnlab.ui.words import t

WHOLE = 60_000  # numbers: up to so many the whole walk is sent at once, beyond it the step on screen and its neighbours
WIDEST = 64  # columns of a weight matrix that are drawn at most
ROOM = ASSETS / "components"
WEIGHTS = ("weights", "exponentials")  # these go from 0 to 1
PRODUCTS = ("project", "products", "mix")
SYMBOLS = {
    "tokens": "ids", "token": "E", "segment": "G", "content": "E+G", "position": "P", "embedding": "E+P", "embedding_norm": "N",
    "x": "X", "read": "N", "memory": "M", "stream": "M₀", "q_straight": "Q₀", "k_straight": "K₀", "q": "Q", "k": "K", "v": "V",
    "products": "QKᵀ", "scaled": "QKᵀ/√d", "capped": "cap", "bias": "B", "mask": "mask", "scores": "S", "exponentials": "exp",
    "sink": "sink", "weights": "A", "z": "Z", "joined": "Z₀…Zₕ", "attended": "O", "sum": "X+O", "after": "X₁", "ffn_read": "N₁",
    "crossed": "X₁", "wide": "H", "active": "H₊", "narrow": "F", "total": "X₁+F", "output": "X′",
}  # fmt: skip
TABLES = {
    "q": "W_Q",
    "q_straight": "W_Q",
    "k": "W_K",
    "k_straight": "W_K",
    "v": "W_V",
    "attended": "W_O",
    "wide": "W_1",
    "narrow": "W_2",
    "x": "W_E",
}
ROLES = {
    "q": "query",
    "q_straight": "query",
    "k": "key",
    "k_straight": "key",
    "v": "value",
    "z": "output",
    "joined": "output",
    "attended": "output",
}


@dataclass(frozen=True, eq=False)
class Seen:
    """Everything a picture depends on: the walk, whose head it is, and where the visitor stands."""

    walk: Walk
    attention: Attention
    head: int
    place: Place

    @property
    def steps(self) -> tuple[tuple[int, str], ...]:
        return self.walk.steps(self.attention.stack, self.head)

    def cell(self, name: str) -> tuple[int, int]:
        """The pinned cell of a spot."""
        spot = self.walk.spots[name]
        return self.place.cell(spot, self.head, self.attention.d_head, self.walk.values(name).shape[1])

    def apart(self, name: str) -> Apart:
        return self.walk.take_apart(name, *self.cell(name))


class Parcel:
    """Numbers for the browser: float32 for what is drawn, float64 for the terms, each in one Arrow column. Nothing is sent twice."""

    def __init__(self) -> None:
        self.drawn: list[Array] = []
        self.terms: list[Any] = []
        self.known: dict[tuple[Any, ...], dict[str, Any]] = {}
        self.size = self.deep = 0

    def matrix(self, key: tuple[Any, ...], values: Array, **more: Any) -> dict[str, Any]:
        """Where a matrix lies: offset, rows, columns."""
        if key not in self.known:
            self.known[key] = {"o": self.size, "r": int(values.shape[0]), "c": int(values.shape[1])}
            self.drawn.append(np.ascontiguousarray(values, np.float32).ravel())
            self.size += values.size
        return self.known[key] | more

    def exact(self, values: Any) -> list[int]:
        """Where a list of exact numbers lies: offset, length."""
        flat = np.asarray(values, np.float64).ravel()
        self.terms.append(flat)
        self.deep += flat.size
        return [self.deep - flat.size, flat.size]

    def tables(self) -> dict[str, pa.Table]:
        def column(parts: list[Any], kind: Any) -> pa.Table:
            return pa.table({"v": pa.array(np.concatenate(parts) if parts else np.zeros(0, kind))})

        return {"drawn": column(self.drawn, np.float32), "terms": column(self.terms, np.float64)}


def window(size: int, at: int, drawn: int, most: int) -> np.ndarray:
    """Which of `size` dimensions are drawn: a block of `drawn` that holds `at`; all, up to `most`, when drawn is 0."""
    wide = min(drawn or most, most)
    if size <= wide:
        return np.arange(size)
    start = min(at // wide * wide, size - wide)
    return np.arange(start, start + wide)


def pack(seen: Seen) -> tuple[dict[str, Any], dict[str, pa.Table]]:
    """The pictures: as many steps as are worth sending at once. -> description by part, numbers."""
    parcel, pictures = Parcel(), {}
    names = [name for _, name in seen.steps]
    at = next(i for i, (stage, name) in enumerate(seen.steps) if (stage, base(name)) == (seen.place.stage, seen.place.part))
    for i in sorted(range(len(names)), key=lambda i: (abs(i - at), -i)):
        if parcel.size > WHOLE and abs(i - at) > 1:
            break
        pictures[base(names[i])] = picture(seen, names[i], parcel)
    return pictures, parcel.tables()


def picture(seen: Seen, name: str, parcel: Parcel) -> dict[str, Any]:
    """One step: its matrices, the terms of its pinned cell, and how they are laid out."""
    spot, apart = seen.walk.spots[name], seen.apart(name)
    described = {"kind": spot.kind, "apart": terms(seen, spot, apart, parcel)}
    if spot.kind in PRODUCTS:
        return described | _product(seen, spot, apart, parcel)
    return described | _side_by_side(seen, spot, parcel)


def terms(seen: Seen, spot: Spot, apart: Apart, parcel: Parcel) -> dict[str, Any]:
    """The table of a number's terms. Softmax's right side is 1 / sum for all of them."""
    return {
        "kind": apart.kind,
        "axis": apart.axis,
        "index": parcel.exact(apart.index),
        "left": parcel.exact(apart.left),
        "right": parcel.exact(apart.right),
        "value": parcel.exact([apart.value, apart.total]),
        "names": {str(i): _name(name) for i, name in apart.names.items()},
        "from": _origin(apart.left_from),
        "from_right": _origin(apart.right_from),
        "facts": {key: parcel.exact([value]) for key, value in apart.facts.items()},
        "labels": [SYMBOLS.get(base(spot.inputs[0]), "") if spot.inputs else "", _right_label(spot)],
        "source": None if spot.source is None else f"{spot.source[0]} L{spot.source[1]}",
        "cell": [spot.name, *seen.cell(spot.name)],
    }


def _name(name: str) -> str:
    return SYMBOLS[name] if name in SYMBOLS else t(f"steps.term_{name}")


def _right_label(spot: Spot) -> str:
    if spot.kind == "project":
        return TABLES[base(spot.name)]
    return SYMBOLS[base(spot.inputs[1])] if spot.kind in ("products", "mix") else ""


def _origin(origins: tuple[Origin | None, ...]) -> list[Any]:
    return [None if one is None else [one.spot, one.row, one.column] for one in origins]


def _matrix(seen: Seen, name: str, parcel: Parcel, columns: np.ndarray | None = None) -> dict[str, Any]:
    """One spot's matrix: all of its rows, and the columns that are drawn."""
    spot, values = seen.walk.spots[name], seen.walk.values(name)
    row, column = seen.cell(name)
    if columns is None:
        most = values.shape[1] if spot.columns in ("key", "id") else max(WIDEST, values.shape[1])
        columns = np.arange(values.shape[1]) if spot.columns == "key" else window(values.shape[1], column, seen.place.drawn, most)
    whole = len(columns) == values.shape[1]
    part = base(name)
    return parcel.matrix(
        (name, tuple(columns) if not whole else None),
        values if whole else values[:, columns],
        symbol=_symbol(name),
        role=ROLES.get(part, ""),
        rows=spot.rows,
        columns=spot.columns,
        index=columns.tolist() if spot.columns != "key" else None,
        size=list(values.shape),
        pin=[row, int(np.searchsorted(columns, column))],
        ramp="weights" if part in WEIGHTS else "signed",
        spot=name,
    )


def _symbol(name: str) -> str:
    """Q of head 2 is Q₂; what belongs to no head has no number."""
    parts = name.split(".")
    symbol = SYMBOLS[base(name)]
    return symbol + "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in parts[2]) if len(parts) == 3 and len(symbol) == 1 else symbol


def _product(seen: Seen, spot: Spot, apart: Apart, parcel: Parcel) -> dict[str, Any]:
    """A row of the left matrix meets a column of the right one. Only the terms that are drawn are sent."""
    whole, left = seen.walk.values(spot.name), spot.inputs[0]
    row, column = seen.cell(spot.name)
    most = WIDEST if spot.kind == "project" else whole.shape[1]
    columns = np.arange(whole.shape[1]) if spot.columns == "key" else window(whole.shape[1], column, seen.place.drawn, most)
    inner = seen.walk.values(left).shape[1]
    shown = np.arange(inner)
    if spot.kind != "mix" and 0 < seen.place.drawn < inner:
        strength = np.abs(apart.product[:inner])
        shown = np.sort(np.argsort(-strength, kind="stable")[: seen.place.drawn])
    if spot.kind == "project":
        right, role, symbol = spot.facts["weight"][np.ix_(shown, columns)], "", TABLES[base(spot.name)]
        size = list(spot.facts["weight"].shape)
    else:
        values = seen.walk.values(spot.inputs[1])
        right = values[:, shown].T if spot.kind == "products" else values[:, columns]
        size = list(values.shape[::-1] if spot.kind == "products" else values.shape)
        role, symbol = ROLES[base(spot.inputs[1])], _symbol(spot.inputs[1]) + ("ᵀ" if spot.kind == "products" else "")
    key = (spot.name, "right", tuple(shown), tuple(columns))
    b = parcel.matrix(
        key,
        right,
        symbol=symbol,
        role=role or ROLES.get(base(spot.name), ""),
        rows=spot.over,
        columns=spot.columns,
        row_index=None if spot.over == "key" else shown.tolist(),
        index=None if spot.columns == "key" else columns.tolist(),
        size=size,
        pin=[-1, int(np.searchsorted(columns, column))],
        ramp="signed",
        spot=spot.name,
    )
    a = _matrix(seen, left, parcel, shown) | {"pin": [row, -1]}
    return {"a": a, "b": b, "c": _matrix(seen, spot.name, parcel, columns), "shown": shown.tolist()}


def _side_by_side(seen: Seen, spot: Spot, parcel: Parcel) -> dict[str, Any]:
    """Matrices of one shape, cell by cell: parts, signs between them, and what comes out."""
    whole = _matrix(seen, spot.name, parcel)
    columns = None if spot.columns in ("key", "id") else np.array(whole["index"])
    if spot.kind == "turn":
        pairs = np.array(whole["index"]) // 2 * 2
        columns = np.unique(np.concatenate((pairs, pairs + 1)))
        whole = _matrix(seen, spot.name, parcel, columns)
    inputs = list(spot.inputs)
    if spot.kind == "join":
        inputs = [f"{seen.attention.stack}.z.{seen.head}"]
        columns = None
    parts = [_matrix(seen, name, parcel, columns if seen.walk.spots[name].columns == spot.columns else None) for name in inputs]
    more: dict[str, Any] = {}
    if spot.kind == "look_up":
        ids = np.asarray(spot.facts["ids"], np.float32)[:, None]
        at = [seen.cell(spot.name)[0], 0]
        parts = [
            parcel.matrix(
                (spot.name, "ids"),
                ids,
                symbol="id",
                role="",
                rows=spot.rows,
                columns="id",
                index=[0],
                size=[len(ids), 1],
                pin=at,
                ramp="none",
                spot="tokens",
            )
        ]
    elif spot.kind == "norm":
        x = seen.walk.values(spot.inputs[0]).astype(np.float64)
        stats = np.stack((x.mean(-1), np.sqrt(x.var(-1) + spot.facts["eps"])), -1)
        more["stats"] = parcel.matrix(
            (spot.name, "stats"),
            stats,
            symbol="mean, √(var+ε)",
            role="",
            rows=spot.rows,
            columns="stats",
            index=[0, 1],
            size=list(stats.shape),
            pin=[seen.cell(spot.name)[0], -1],
            ramp="none",
            spot=spot.inputs[0],
        )
    elif spot.kind == "quotients":
        sums = seen.walk.values(spot.inputs[0]).astype(np.float64).sum(-1, keepdims=True)
        more["stats"] = parcel.matrix(
            (spot.name, "sums"),
            sums,
            symbol="Σ",
            role="",
            rows=spot.rows,
            columns="stats",
            index=[0],
            size=list(sums.shape),
            pin=[seen.cell(spot.name)[0], 0],
            ramp="none",
            spot=spot.inputs[0],
        )
    elif spot.kind == "activate":
        more["curve"] = spot.facts["kind"]
    elif spot.kind == "multiply":
        more["factor"] = float(spot.facts["factor"])
    return {"parts": parts, "c": whole} | more


# The components


_copy = st.components.v2.component(
    "attnlab_steps_copy",
    html='<div class="walk"><button type="button" style="min-height: 2.5rem; padding: 0 14px"></button></div>',
    css=(ROOM / "steps.css").read_text("utf-8"),
    js=(ROOM / "steps_copy.js").read_text("utf-8"),
)
_player = component("steps", "steps.css", html='<div class="walk steps"></div>')
_table = component("steps_table", "steps.css", html='<div class="walk steps_table"></div>')


def player(seen: Seen, *, key: str, scratch: bool, seq: int, changed: Any) -> None:
    """The sentence, the rail of stages, the picture and the controls. `changed` is called when the visitor moves."""
    pictures, tables = pack(seen)
    steps = [{"stage": stage, "part": base(name), "symbol": _symbol(name), "spot": name} for stage, name in seen.steps]
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
    _player(data=tables | {"row": _weights(seen), "meta": meta | _colours()}, key=key, on_go_change=changed, height="content")


def _weights(seen: Seen) -> pa.Table:
    """How much each key gets from the chosen query: shown under the sentence."""
    row = seen.walk.values(f"{seen.attention.stack}.weights.{seen.head}")[seen.place.query]
    return pa.table({"v": pa.array(np.ascontiguousarray(row))})


def table(seen: Seen, name: str, *, key: str, changed: Any) -> None:
    """The terms of the pinned number, to be sorted and followed."""
    parcel = Parcel()
    described = terms(seen, seen.walk.spots[name], seen.apart(name), parcel)
    tokens = {"key": list(seen.attention.keys.pieces), "query": list(seen.attention.queries.pieces)}
    meta = {"apart": described, "tokens": tokens, "digits": seen.place.digits, "words": _words(), "symbol": _symbol(name)}
    meta["d_head"] = seen.attention.d_head
    _table(data=parcel.tables() | {"meta": meta | {"roles": dict(style.ROLES)}}, key=key, on_follow_change=changed, height="content")


def copy_button(text: str) -> None:
    """Puts a text on the visitor's clipboard."""
    _copy(data={"text": text, "words": {"copy": t("steps.script"), "copied": t("steps.copied")}}, key="copy", height="content")


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
