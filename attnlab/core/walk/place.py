"""Where one stands on the walk: which stage, token, dimension; a place worth standing at, and where a number leads back to. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from attnlab.core.trace import Attention, Stack
from attnlab.core.walk.spot import Spot, Step, base
from attnlab.core.walk.walk import Walk

DRAWN = (4, 8, 16, 0)  # how many dimensions are drawn; 0 is all of them
DIGITS = (2, 3, 4, 6, 0)  # decimals; 0 is scientific


@dataclass(frozen=True)
class Place:
    """query, key: tokens. dim: of the head; column: of the model; unit: of the feed-forward layer. stage and part: what is shown."""

    stage: int = 1
    part: str = ""
    query: int = 0
    key: int = 0
    dim: int = 0
    column: int = 0
    unit: int = 0
    drawn: int = 8
    digits: int = 3

    def cell(self, spot: Spot, head: int, d_head: int, width: int) -> tuple[int, int]:
        """The pinned cell of a spot whose values have that many columns."""
        columns = {
            "key": self.key,
            "head": self.dim,
            "model": self.column,
            "embed": self.column % width,
            "joined": head * d_head + self.dim,
            "wide": self.unit,
            "id": 0,
        }
        return (self.key if spot.rows == "key" else self.query), columns[spot.columns]


def step_of(steps: tuple[Step, ...], place: Place) -> Step:
    """The step that is shown: the part if it exists in this stage, else the stage's first, else the nearest stage."""
    here = [step for step in steps if step[0] == place.stage] or [min(steps, key=lambda step: abs(step[0] - place.stage))]
    return next((step for step in here if base(step[1]) == place.part), here[0])


def start_place(walk: Walk, attention: Attention, head: int, cell: tuple[int, int] | None = None) -> Place:
    """A place where there is something to see: this cell, else the last word and what it looks at most, and the terms that matter there."""
    stack = attention.stack
    named = zip(attention.queries.pieces, attention.queries.special, strict=True)
    words = [i for i, (piece, special) in enumerate(named) if not special and any(map(str.isalnum, piece))]
    query, key = cell or (words[-1] if words else 0, -1)
    key = key if cell else int(np.argmax(attention.weights(head)[query]))
    dim = int(np.argmax(np.abs(walk.take_apart(f"{stack}.products.{head}", query, key).product)))
    name = f"{stack}.q.{head}"
    if walk.spots[name].kind == "given":
        return Place(stage=6, query=query, key=key, dim=dim)
    if walk.spots[name].kind == "turn":
        name = f"{stack}.q_straight.{head}"
    column = int(np.argmax(np.abs(walk.take_apart(name, query, dim).product[:-1])))
    unit = int(np.argmax(np.abs(walk.take_apart("narrow", query, column).product[:-1])))
    return Place(query=query, key=key, dim=dim, column=column, unit=unit)


@dataclass(frozen=True)
class Jump:
    """Where following a number leads: perhaps another stack, layer or head."""

    stack: Stack
    layer: int
    head: int
    changes: Mapping[str, int | str]


def follow(walk: Walk, stack: Stack, layer: int, head: int, d_head: int, spot_name: str, row: int, column: int) -> Jump:
    """The place where a cell is made. A number that another layer or sublayer made leads there."""
    spot = walk.spots[spot_name]
    if spot.source is not None and spot.kind == "given":
        there, layer, name = spot.source
        return Jump(there, layer, head, _coordinates("query", "model", row, column) | {"stage": 14, "part": base(name)})
    if spot.source is not None:
        return follow(walk, spot.source[0], layer, head, d_head, spot.source[2], row, column)
    parts = spot_name.split(".")
    changes = _coordinates(spot.rows, spot.columns, row, column)
    if spot.columns == "joined":
        head, changes["dim"] = divmod(column, d_head)
    if len(parts) == 3:
        head = int(parts[2])
    stacks = [stack, *(other for other in walk.walked if other != stack)]
    for there in stacks:
        for stage, name in walk.steps(there, head if head in walk.walked[there] else 0):
            if name == spot_name:
                return Jump(there, layer, head, changes | {"stage": stage, "part": base(name)})
    return Jump(stack, layer, head, changes)


def _coordinates(rows: str, columns: str, row: int, column: int) -> dict[str, int | str]:
    named = {"key": "key", "head": "dim", "model": "column", "embed": "column", "wide": "unit"}
    found: dict[str, int | str] = {"key" if rows == "key" else "query": row}
    if columns in named:
        found[named[columns]] = column
    return found
