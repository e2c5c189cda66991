"""What the picture of a step is made of, packed for the browser: matrices, the terms of the pinned number, how they are laid out."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from attnlab.core.trace import Array, Attention, frozen
from attnlab.core.walk.apart import Apart, Origin
from attnlab.core.walk.place import DIGITS, DRAWN, Place
from attnlab.core.walk.spot import Spot, base
from attnlab.core.walk.walk import Walk
from attnlab.figures import ramp
from attnlab.figures.canvases import Data
from attnlab.words import say

if TYPE_CHECKING:
    from attnlab.figures.picture import Picture

WHOLE = 60_000  # numbers: up to so many the whole walk is sent at once, beyond it the step on screen and its neighbours
WIDEST = 64  # columns of a weight matrix that are drawn at most
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


WORDS = (
    "play", "pause", "next", "back", "first", "last", "speed", "scrub", "drawn", "all", "digits", "scientific", "query",
    "key", "hint", "rest", "bias", "sum", "name", "left", "right", "product", "order", "by_size", "follow", "mean",
    "spread", "gain", "shift", "scratch", "equal", "differ", "exponential", "share", "comes_from", "id", "scale_note",
    "table", "apart", "cell", "picture", "angle", "sum_of_row", "score", "top", "hint_table",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Seen:
    """Everything a picture depends on: the walk, whose head it is, and where the visitor stands."""

    walk: Walk
    attention: Attention
    head: int
    place: Place
    language: str = "en"

    @property
    def steps(self) -> tuple[tuple[int, str], ...]:
        return self.walk.steps(self.attention.stack, self.head)

    def cell(self, name: str) -> tuple[int, int]:
        """The pinned cell of a spot."""
        spot = self.walk.spots[name]
        return self.place.cell(spot, self.head, self.attention.d_head, self.walk.values(name).shape[1])

    def apart(self, name: str) -> Apart:
        return self.walk.take_apart(name, *self.cell(name))


def still(seen: Seen, name: str, **how: Any) -> "Picture":
    """The matrix of a step for print, all of its rows and columns. how: options of heatmaps.heatmap."""
    from attnlab.figures.heatmaps import heatmap

    spot, values = seen.walk.spots[name], seen.walk.values(name)
    rows = (seen.attention.keys if spot.rows == "key" else seen.attention.queries).pieces
    columns = seen.attention.keys.pieces if spot.columns == "key" else [str(i) for i in range(values.shape[1])]
    told: dict[str, Any] = {"legend": symbol_in(name, seen.language), "signed": base(name) not in WEIGHTS}
    shown = np.where(np.isfinite(values), values, np.nan).astype(np.float32)
    if told["signed"]:
        far = float(np.nanmax(np.abs(shown), initial=0.0)) or 1.0
        told["limit"] = -far, far
    return heatmap(frozen(shown), rows, columns, **told, **how)


class Parcel:
    """Numbers for the browser: float32 for what is drawn, float64 for the terms, each in one array. Nothing is sent twice."""

    def __init__(self) -> None:
        self.drawn: list[Array] = []
        self.terms: list[Any] = []
        self.known: dict[tuple[Any, ...], dict[str, Any]] = {}
        self.listed: dict[bytes, int] = {}
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
        if flat.tobytes() not in self.listed:
            self.listed[flat.tobytes()] = self.deep
            self.terms.append(flat)
            self.deep += flat.size
        return [self.listed[flat.tobytes()], flat.size]

    def arrays(self) -> dict[str, Any]:
        def column(parts: list[Any], kind: Any) -> Any:
            return np.concatenate(parts) if parts else np.zeros(0, kind)

        return {"drawn": column(self.drawn, np.float32), "terms": column(self.terms, np.float64)}


def player(seen: Seen, *, scratch: bool = False, seq: int = 0, most: int = WHOLE) -> Data:
    """What steps/player draws: the sentence, the rail of stages, the pictures. seq: of the last move that is in it.

    most: numbers; up to so many the whole walk is sent, beyond it the step on screen and its neighbours.
    """
    pictures, arrays = pack(seen, most)
    steps = [{"stage": stage, "part": base(name), "symbol": symbol_in(name, seen.language), "spot": name} for stage, name in seen.steps]
    row = seen.walk.values(f"{seen.attention.stack}.weights.{seen.head}")[seen.place.query]
    meta = {
        "place": asdict(seen.place),
        "steps": steps,
        "pictures": pictures,
        "queries": list(seen.attention.queries.pieces),
        "keys": list(seen.attention.keys.pieces),
        "cross": seen.attention.stack == "cross",
        "stages": {str(stage): say(f"steps.rail_{stage}", seen.language) for stage in dict(seen.steps)},
        "head": seen.head,
        "d_head": seen.attention.d_head,
        "drawn": list(DRAWN),
        "digits": list(DIGITS),
        "scratch": scratch,
        "seq": seq,
        "words": words_in(seen.language),
    }
    return {**arrays, "row": np.ascontiguousarray(row), "meta": meta | colours()}


def table(seen: Seen, name: str) -> Data:
    """What steps/table draws: the terms of the pinned number."""
    parcel = Parcel()
    described = terms(seen, seen.walk.spots[name], seen.apart(name), parcel)
    meta = {
        "apart": described,
        "tokens": {"key": list(seen.attention.keys.pieces), "query": list(seen.attention.queries.pieces)},
        "digits": seen.place.digits,
        "d_head": seen.attention.d_head,
        "symbol": symbol_in(name, seen.language),
        "words": words_in(seen.language),
    }
    return {**parcel.arrays(), "meta": meta}


def colours() -> dict[str, Any]:
    """Both ramps, light and dark, and a colour a role."""
    kinds: tuple[ramp.Kind, ...] = ("weights", "signed")
    themes: tuple[ramp.Theme, ...] = ("light", "dark")
    return {
        "ramps": {kind: [ramp.ramp(kind, theme) for theme in themes] for kind in kinds},
        "inks": [ramp.inks(theme) for theme in themes],
    }


def words_in(language: str) -> dict[str, str]:
    """What the player and the table write."""
    return {name: say(f"steps.{name}", language) for name in WORDS}


def window(size: int, at: int, drawn: int, most: int) -> np.ndarray:
    """Which of `size` dimensions are drawn: a block of `drawn` that holds `at`; all, up to `most`, when drawn is 0."""
    wide = min(drawn or most, most)
    if size <= wide:
        return np.arange(size)
    start = min(at // wide * wide, size - wide)
    return np.arange(start, start + wide)


def pack(seen: Seen, most: int = WHOLE) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pictures: as many steps as are worth sending at once. -> description by part, numbers."""
    parcel, pictures = Parcel(), {}
    names = [name for _, name in seen.steps]
    at = next(i for i, (stage, name) in enumerate(seen.steps) if (stage, base(name)) == (seen.place.stage, seen.place.part))
    for i in sorted(range(len(names)), key=lambda i: (abs(i - at), -i)):
        if parcel.size > most and abs(i - at) > 1:
            break
        pictures[base(names[i])] = picture(seen, names[i], parcel)
    return pictures, parcel.arrays()


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
        "names": {str(i): _name(name, seen.language) for i, name in apart.names.items()},
        "from": _origin(apart.left_from),
        "from_right": _origin(apart.right_from),
        "facts": {key: parcel.exact([value]) for key, value in apart.facts.items()},
        "labels": [SYMBOLS.get(base(spot.inputs[0]), "") if spot.inputs else "", _right_label(spot)],
        "source": None if spot.source is None else f"{spot.source[0]} L{spot.source[1]}",
        "cell": [spot.name, *seen.cell(spot.name)],
    }


def _name(name: str, language: str) -> str:
    return SYMBOLS[name] if name in SYMBOLS else say(f"steps.term_{name}", language)


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
        symbol=symbol_of(name),
        role=ROLES.get(part, ""),
        rows=spot.rows,
        columns=spot.columns,
        index=columns.tolist() if spot.columns != "key" else None,
        size=list(values.shape),
        pin=[row, int(np.searchsorted(columns, column))],
        ramp="weights" if part in WEIGHTS else "signed",
        spot=name,
    )


def symbol_in(name: str, language: str) -> str:
    """The symbol of a step as it is read: ids are a word and not a symbol."""
    return say("steps.ids", language) if base(name) == "tokens" else symbol_of(name)


def symbol_of(name: str) -> str:
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
        role, symbol = ROLES[base(spot.inputs[1])], symbol_of(spot.inputs[1]) + ("ᵀ" if spot.kind == "products" else "")
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
    row = seen.cell(spot.name)[0]
    if spot.kind == "look_up":
        ids = np.asarray(spot.facts["ids"], np.float32)[:, None]
        parts = [_beside(spot, parcel, "ids", ids, symbol="id", columns="id", pin=[row, 0], of="tokens")]
    elif spot.kind == "norm":
        x = seen.walk.values(spot.inputs[0]).astype(np.float64)
        stats = np.stack((x.mean(-1), np.sqrt(x.var(-1) + spot.facts["eps"])), -1)
        more["stats"] = _beside(spot, parcel, "stats", stats, symbol="mean, √(var+ε)", columns="stats", pin=[row, -1], of=spot.inputs[0])
    elif spot.kind == "quotients":
        sums = seen.walk.values(spot.inputs[0]).astype(np.float64).sum(-1, keepdims=True)
        more["stats"] = _beside(spot, parcel, "sums", sums, symbol="Σ", columns="stats", pin=[row, 0], of=spot.inputs[0])
    elif spot.kind == "activate":
        more["curve"] = spot.facts["kind"]
    elif spot.kind == "multiply":
        more["factor"] = float(spot.facts["factor"])
    return {"parts": parts, "c": whole} | more


def _beside(spot: Spot, parcel: Parcel, what: str, values: Any, *, symbol: str, columns: str, pin: list[int], of: str) -> dict[str, Any]:
    """Numbers that stand beside the matrices without colours, one row each. of: the spot that a click on them leads to."""
    index, size = list(range(values.shape[1])), list(values.shape)
    place: dict[str, Any] = {"role": "", "rows": spot.rows, "columns": columns, "index": index, "size": size}
    return parcel.matrix((spot.name, what), values, symbol=symbol, pin=pin, ramp="none", spot=of, **place)
