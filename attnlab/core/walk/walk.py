"""One layer as a chain of matrices, each made by one function of `arithmetic` from earlier ones: computed when asked, from weights alone.

The walk knows no family of models. It gets a `Layer` (weights), what the layer reads, and the mask; what the model recorded of its
own forward pass is used for nothing but the comparison at the end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnlab.core.trace import Array, Stack, frozen
from attnlab.core.walk import arithmetic
from attnlab.core.walk.arithmetic import Activation, Apart, Origin

KEPT = 128 * 128  # matrices [q k] up to this size are kept once computed
Step = tuple[int, str]  # stage, spot


@dataclass(frozen=True, eq=False)
class Linear:
    """x·weight + bias. weight: [a d], bias: [d]"""

    weight: Array
    bias: Array

    def columns(self, chosen: slice) -> "Linear":
        return Linear(self.weight[:, chosen], self.bias[chosen])


@dataclass(frozen=True, eq=False)
class Norm:
    """The gain and shift of a layer norm. Each [d]"""

    gain: Array
    shift: Array
    eps: float


@dataclass(frozen=True, eq=False)
class Heads:
    """The weights of one attention sublayer. w_q, w_k, w_v: [d_model h·d], w_o: [h·d d_model].

    norm: before the sublayer (pre) or after the sum (post), as the layer says.
    slopes: [h], ALiBi. table: [buckets h], relative positions. angle: [n d/2], rotary.
    """

    w_q: Linear
    w_k: Linear
    w_v: Linear
    w_o: Linear
    norm: Norm
    slopes: Array | None = None
    table: Array | None = None
    angle: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class Layer:
    """The weights of one layer. cross: the sublayer that looks at the encoder, in the decoder of an encoder-decoder."""

    pre: bool
    own: Heads
    widen: Linear
    narrow: Linear
    norm: Norm
    activation: Activation
    cross: Heads | None = None


@dataclass(frozen=True, eq=False)
class Embedding:
    """The tables that a text's numbers come from. token: [vocabulary e] and so on; position_ids: the row that each token takes.

    scale: what token rows are multiplied by. projection: from e to d_model, where they differ.
    """

    token: Array
    scale: float = 1.0
    segment: Array | None = None
    segment_ids: NDArray[np.int64] | None = None
    position: Array | None = None
    position_ids: NDArray[np.int64] | None = None
    norm: Norm | None = None
    projection: Linear | None = None


@dataclass(frozen=True)
class Edit:
    """What a visitor changed in one head, to see what follows. scores and hidden: by (query, key)."""

    head: int = 0
    scores: Mapping[tuple[int, int], float] = field(default_factory=dict)
    hidden: Mapping[tuple[int, int], bool] = field(default_factory=dict)
    scaled: bool = True
    temperature: float = 1.0

    @property
    def nothing(self) -> bool:
        return not self.scores and not self.hidden and self.scaled and self.temperature == 1.0


@dataclass(frozen=True, eq=False)
class Spot:
    """One matrix of the walk. kind: the operation; run: the function that makes it; inputs: the spots it is made of.

    rows: "query" or "key"; columns: what its columns are ("model", "head", "key", ...); over: what a product is summed over.
    facts: passed to run by name.
    source: (stack, layer, spot) where the numbers come from when another sublayer or layer made them.
    """

    name: str
    kind: str
    run: Callable[..., Array]
    inputs: tuple[str, ...]
    rows: str
    columns: str
    over: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    source: tuple[Stack, int, str] | None = None


class Walk:
    """The spots of one layer by name. Numbers are computed when first asked for; a walk is safe to share."""

    def __init__(self, spots: Sequence[Spot], walked: Mapping[Stack, Mapping[int, tuple[Step, ...]]], edit: Edit | None = None) -> None:
        self.spots = {spot.name: spot for spot in spots}
        self.walked, self.edit = walked, Edit() if edit is None else edit
        self._made: dict[str, Array] = {}

    def steps(self, stack: Stack, head: int) -> tuple[Step, ...]:
        """What is walked through for one head: (stage, spot) in order."""
        return self.walked[stack][head]

    def values(self, name: str) -> Array:
        """The numbers of one spot."""
        if name in self._made:
            return self._made[name]
        spot = self.spots[name]
        made = spot.run(*(self.values(one) for one in spot.inputs), **spot.facts)
        made = self._patched(spot, made)
        if spot.columns != "key" or made.size <= KEPT:
            self._made[name] = made
        return made

    def edited(self, edit: Edit) -> "Walk":
        """The same walk with one head changed. Nothing of the model's own walk is touched."""
        spots = dict(self.spots)
        for name, spot in self.spots.items():
            if name.endswith(f".scaled.{edit.head}") and not edit.scaled:
                spots[name] = replace(spot, facts={"factor": 1.0})
            if name.endswith(f".exponentials.{edit.head}") and edit.temperature != 1.0:
                spots[name] = replace(spot, facts={"temperature": edit.temperature})
        return Walk(list(spots.values()), self.walked, edit)

    def _patched(self, spot: Spot, made: Array) -> Array:
        """The numbers with the visitor's own put in."""
        changes: dict[tuple[int, int], float] = {}
        if spot.name.endswith(f".products.{self.edit.head}"):
            changes = dict(self.edit.scores)
        elif spot.name.endswith(f".mask.{self.edit.head}"):
            changes = {cell: -np.inf if hidden else 0.0 for cell, hidden in self.edit.hidden.items()}
        if not changes:
            return made
        made = made.copy()
        for cell, value in changes.items():
            made[cell] = value
        return frozen(made)

    def take_apart(self, name: str, row: int, column: int) -> Apart:
        """The terms that one number is the sum of, and where each of their factors comes from."""
        spot = self.spots[name]
        inputs = [self.values(one) for one in spot.inputs]
        value = float(self.values(name)[row, column])
        return TAKE[spot.kind](spot, inputs, row, column, value)


# Taking apart, by kind of operation


def _project(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    weight, bias = spot.facts["weight"][:, column], float(spot.facts["bias"][column])
    origin = (Origin(spot.inputs[0], row, None),)
    return arithmetic.dot_terms(inputs[0][row], weight, value, kind="project", axis=spot.over, bias=bias, left_from=origin)


def _products(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    left, right = (Origin(spot.inputs[0], row, None),), (Origin(spot.inputs[1], column, None),)
    return arithmetic.dot_terms(inputs[0][row], inputs[1][column], value, kind="products", axis="head", left_from=left, right_from=right)


def _mix(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    left, right = (Origin(spot.inputs[0], row, None),), (Origin(spot.inputs[1], None, column),)
    return arithmetic.dot_terms(inputs[0][row], inputs[1][:, column], value, kind="mix", axis="key", left_from=left, right_from=right)


def _add(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    parts = {base(name): float(x[row, column]) for name, x in zip(spot.inputs, inputs, strict=True)}
    return arithmetic.part_terms(parts, value, kind="add", left_from=tuple(Origin(name, row, column) for name in spot.inputs))


def _one(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    """One factor times another: multiply, same, and whatever only hands a number on."""
    parts = {base(spot.inputs[0]): float(inputs[0][row, column])}
    factor = float(spot.facts.get("factor", 1.0))
    return arithmetic.part_terms(parts, value, kind=spot.kind, factor=factor, left_from=(Origin(spot.inputs[0], row, column),))


def _norm(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    gain, shift, eps = float(spot.facts["gain"][column]), float(spot.facts["shift"][column]), spot.facts["eps"]
    return arithmetic.norm_terms(inputs[0][row], column, gain, shift, eps, value, left_from=(Origin(spot.inputs[0], row, column), None))


def _activate(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    x = float(inputs[0][row, column])
    factor = float(arithmetic.gate(x, spot.facts["kind"]))
    origin = (Origin(spot.inputs[0], row, column),)
    return arithmetic.part_terms({"wide": x}, value, kind="activate", factor=factor, left_from=origin)


def _turn(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    pair = column // 2
    angle = float(spot.facts["angle"][row, pair])
    cos, sin = np.cos(angle), np.sin(angle)
    factors = np.array([sin, cos] if column % 2 else [cos, -sin])
    index, left = np.array([2 * pair, 2 * pair + 1]), arithmetic.exact(inputs[0][row, 2 * pair : 2 * pair + 2])
    facts = {"angle": angle}
    return Apart("turn", "head", index, left, factors, value, left_from=(Origin(spot.inputs[0], row, None),), facts=facts)


def _cap(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    limit, x = spot.facts["limit"], float(inputs[0][row, column])
    names, origin = {"tanh": float(np.tanh(x / limit))}, (Origin(spot.inputs[0], row, column),)
    return arithmetic.part_terms(names, value, kind="cap", factor=limit, left_from=origin)


def _exponentials(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    temperature = spot.facts.get("temperature", 1.0)
    score, top = float(inputs[0][row, column]), float(inputs[0][row].max())
    power = float(np.exp((score - top) / temperature))
    facts = {"score": score, "top": top, "temperature": temperature}
    origin = (Origin(spot.inputs[0], row, column),)
    return arithmetic.part_terms({"exponential": power}, value, kind="exponentials", left_from=origin, facts=facts)


def _quotients(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    beside = float(inputs[1][row, 0]) if len(inputs) > 1 else None
    return arithmetic.softmax_terms(inputs[0][row], column, value, beside=beside, left_from=(Origin(spot.inputs[0], row, None),))


def _join(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    d = inputs[0].shape[1]
    head, inside = divmod(column, d)
    origin = (Origin(spot.inputs[head], row, inside),)
    return arithmetic.part_terms({"z": float(inputs[head][row, inside])}, value, kind="join", left_from=origin, facts={"head": float(head)})


def _look_up(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    number = int(spot.facts["ids"][row])
    parts, factor = {"table": float(spot.facts["table"][number, column])}, spot.facts.get("scale", 1.0)
    return arithmetic.part_terms(parts, value, kind="look_up", factor=factor, facts={"id": float(number)})


def _alibi(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    return arithmetic.part_terms({"slope": -spot.facts["slope"]}, value, kind="alibi", factor=float(spot.facts["distance"][row, column]))


def _leaf(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    """A number that nothing on this walk made: a mask, a recorded matrix, a token's id."""
    bucket = spot.facts.get("bucket")
    facts = {} if bucket is None else {"bucket": float(bucket[row, column])}
    return arithmetic.part_terms({base(spot.name): value}, value, kind=spot.kind, facts=facts)


TAKE: Mapping[str, Callable[[Spot, list[Array], int, int, float], Apart]] = {
    "project": _project,
    "products": _products,
    "mix": _mix,
    "add": _add,
    "multiply": _one,
    "same": _one,
    "norm": _norm,
    "activate": _activate,
    "turn": _turn,
    "cap": _cap,
    "exponentials": _exponentials,
    "quotients": _quotients,
    "sinks": _leaf,
    "join": _join,
    "look_up": _look_up,
    "alibi": _alibi,
    "relative": _leaf,
    "mask": _leaf,
    "given": _leaf,
    "tokens": _leaf,
}


def base(name: str) -> str:
    """What a spot is, without its stack and head: "encoder.q.2" is a "q"."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else name
