"""How any number of the walk is taken apart again: the terms that it is the sum of, and where each of their factors comes from."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnlab.core.trace import Array
from attnlab.core.walk.arithmetic import Exact, exact, gate
from attnlab.core.walk.spot import Spot, base


@dataclass(frozen=True)
class Origin:
    """Where a factor comes from: a matrix of the walk and a cell in it. None as row or column: the term's own index."""

    spot: str
    row: int | None
    column: int | None


@dataclass(frozen=True, eq=False)
class Apart:
    """One number as a sum of terms. left, right, product: [t], product = left · right.

    kind: which operation; axis: what the terms are counted in (dimensions, tokens, parts); index: [t].
    names: a name for terms that have one instead of an index. value: the cell itself; total: what the terms sum to.
    left_from, right_from: where the factors come from, one origin for each term, or one for all that have an index.
    facts: what else is worth knowing (mean, variance, ...).
    """

    kind: str
    axis: str
    index: NDArray[np.int64]
    left: Exact
    right: Exact
    value: float
    names: Mapping[int, str] = field(default_factory=dict)
    left_from: tuple[Origin | None, ...] = ()
    right_from: tuple[Origin | None, ...] = ()
    facts: Mapping[str, float] = field(default_factory=dict)

    @property
    def product(self) -> Exact:
        with np.errstate(invalid="ignore"):
            return self.left * self.right

    @property
    def total(self) -> float:
        """The sum of the products, rounded once, as the model's own number is; for softmax the cell's own share of it."""
        if self.kind == "softmax":
            return float(np.float32(self.facts["own"] / self.facts["sum"]))
        return float(np.float32(math.fsum(self.product) if np.isfinite(self.product).all() else self.product.sum()))

    def largest(self, n: int) -> NDArray[np.int64]:
        """The places of the n terms that matter most, in their own order; all of them when n is 0."""
        if not 0 < n < len(self.product):
            return np.arange(len(self.product))
        return np.sort(np.argsort(-np.abs(self.product), kind="stable")[:n])


def dot_terms(left: Array, right: Array, value: float, *, kind: str, axis: str, bias: float | None = None, **origins: Any) -> Apart:
    """A row times a column; a bias is one more term, 1 · b. left, right: [t]"""
    index = np.arange(len(left))
    a, b = exact(left), exact(right)
    if bias is None:
        return Apart(kind, axis, index, a, b, value, **origins)
    return Apart(kind, axis, np.append(index, -1), np.append(a, 1.0), np.append(b, bias), value, names={-1: "b"}, **origins)


def part_terms(parts: Mapping[str, float], value: float, *, kind: str, factor: float = 1.0, **more: Any) -> Apart:
    """A few named numbers, each times the same factor."""
    names = dict(enumerate(parts))
    left = exact(list(parts.values()))
    return Apart(kind, "part", np.arange(len(parts)), left, np.full(len(parts), factor), value, names=names, **more)


def norm_terms(row: Array, column: int, gain: float, shift: float, eps: float, value: float, **more: Any) -> Apart:
    """A layer norm's number: how many standard deviations x is from its row's mean, times gain, plus 1 · shift. row: [d]"""
    x = exact(row)
    mean, variance = float(x.mean()), float(x.var())
    spread = math.sqrt(variance + eps)
    standard = (float(x[column]) - mean) / spread
    facts = {"x": float(x[column]), "mean": mean, "variance": variance, "eps": eps, "spread": spread, "gain": gain, "shift": shift}
    names = {0: "standard", 1: "shift"}
    return Apart("norm", "part", np.arange(2), exact([standard, 1.0]), exact([gain, shift]), value, names=names, facts=facts, **more)


def softmax_terms(row: Array, column: int, value: float, *, beside: float | None = None, **more: Any) -> Apart:
    """A weight: its row's exponentials; left is the exponential, right 1 / their sum, and the cell is the term of its own column.

    facts: the cell's own exponential and the sum. row: [k], exponentials.
    """
    left = exact(row) if beside is None else np.append(exact(row), beside)
    index = np.arange(len(row)) if beside is None else np.append(np.arange(len(row)), -1)
    total = math.fsum(left)
    names = {} if beside is None else {-1: "sink"}
    facts = {"own": float(left[column]), "sum": total, "column": float(column)}
    return Apart("softmax", "key", index, left, np.full(len(left), 1 / total), value, names=names, facts=facts, **more)


# By kind of operation


def _project(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    weight, bias = spot.facts["weight"][:, column], float(spot.facts["bias"][column])
    origin = (Origin(spot.inputs[0], row, None),)
    return dot_terms(inputs[0][row], weight, value, kind="project", axis=spot.over, bias=bias, left_from=origin)


def _products(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    left, right = (Origin(spot.inputs[0], row, None),), (Origin(spot.inputs[1], column, None),)
    return dot_terms(inputs[0][row], inputs[1][column], value, kind="products", axis="head", left_from=left, right_from=right)


def _mix(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    left, right = (Origin(spot.inputs[0], row, None),), (Origin(spot.inputs[1], None, column),)
    return dot_terms(inputs[0][row], inputs[1][:, column], value, kind="mix", axis="key", left_from=left, right_from=right)


def _add(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    parts = {base(name): float(x[row, column]) for name, x in zip(spot.inputs, inputs, strict=True)}
    return part_terms(parts, value, kind="add", left_from=tuple(Origin(name, row, column) for name in spot.inputs))


def _one(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    """One factor times another: multiply, same, and whatever only hands a number on."""
    parts = {base(spot.inputs[0]): float(inputs[0][row, column])}
    factor = float(spot.facts.get("factor", 1.0))
    return part_terms(parts, value, kind=spot.kind, factor=factor, left_from=(Origin(spot.inputs[0], row, column),))


def _norm(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    gain, shift, eps = float(spot.facts["gain"][column]), float(spot.facts["shift"][column]), spot.facts["eps"]
    return norm_terms(inputs[0][row], column, gain, shift, eps, value, left_from=(Origin(spot.inputs[0], row, column), None))


def _activate(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    x = float(inputs[0][row, column])
    factor = float(gate(x, spot.facts["kind"]))
    origin = (Origin(spot.inputs[0], row, column),)
    return part_terms({"wide": x}, value, kind="activate", factor=factor, left_from=origin)


def _turn(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    pair = column // 2
    angle = float(spot.facts["angle"][row, pair])
    cos, sin = np.cos(angle), np.sin(angle)
    factors = np.array([sin, cos] if column % 2 else [cos, -sin])
    index, left = np.array([2 * pair, 2 * pair + 1]), exact(inputs[0][row, 2 * pair : 2 * pair + 2])
    facts = {"angle": angle}
    return Apart("turn", "head", index, left, factors, value, left_from=(Origin(spot.inputs[0], row, None),), facts=facts)


def _cap(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    limit, x = spot.facts["limit"], float(inputs[0][row, column])
    names, origin = {"tanh": float(np.tanh(x / limit))}, (Origin(spot.inputs[0], row, column),)
    return part_terms(names, value, kind="cap", factor=limit, left_from=origin)


def _exponentials(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    temperature = spot.facts.get("temperature", 1.0)
    score, top = float(inputs[0][row, column]), float(inputs[0][row].max())
    power = float(np.exp((score - top) / temperature))
    facts = {"score": score, "top": top, "temperature": temperature}
    origin = (Origin(spot.inputs[0], row, column),)
    return part_terms({"exponential": power}, value, kind="exponentials", left_from=origin, facts=facts)


def _quotients(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    beside = float(inputs[1][row, 0]) if len(inputs) > 1 else None
    return softmax_terms(inputs[0][row], column, value, beside=beside, left_from=(Origin(spot.inputs[0], row, None),))


def _join(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    d = inputs[0].shape[1]
    head, inside = divmod(column, d)
    origin = (Origin(spot.inputs[head], row, inside),)
    return part_terms({"z": float(inputs[head][row, inside])}, value, kind="join", left_from=origin, facts={"head": float(head)})


def _look_up(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    number = int(spot.facts["ids"][row])
    parts, factor = {"table": float(spot.facts["table"][number, column])}, spot.facts.get("scale", 1.0)
    return part_terms(parts, value, kind="look_up", factor=factor, facts={"id": float(number)})


def _alibi(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    return part_terms({"slope": -spot.facts["slope"]}, value, kind="alibi", factor=float(spot.facts["distance"][row, column]))


def _leaf(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    """A number that nothing on this walk made: a mask, a recorded matrix, a token's id."""
    bucket = spot.facts.get("bucket")
    facts = {} if bucket is None else {"bucket": float(bucket[row, column])}
    return part_terms({base(spot.name): value}, value, kind=spot.kind, facts=facts)


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


def take_apart(spot: Spot, inputs: list[Array], row: int, column: int, value: float) -> Apart:
    """One cell of a spot as a sum. inputs: the numbers of the spots it is made of; value: the cell itself."""
    return TAKE[spot.kind](spot, inputs, row, column, value)
