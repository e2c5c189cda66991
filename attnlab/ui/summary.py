"""What a picture shows, in one sentence computed from its numbers: for everybody, and read aloud for those who do not see it."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from attnlab.core.trace import Array
from attnlab.ui.language import isolate, number, percent, t

if TYPE_CHECKING:
    from attnlab.figures.picture import Series


def map_sentence(
    values: Array,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    name: str,
    axes: tuple[str, str] | None = None,
    share: bool = False,
    special: Sequence[bool] | None = None,
) -> str:
    """The cell that is farthest from 0, and its opposite. name: what one number is; axes: what a row and a column are, if not tokens.

    share: numbers are parts of a whole. special: which columns are special tokens; where they take a part of the whole, it is said.
    """
    known = np.where(np.isfinite(values), values, np.nan)
    if not np.isfinite(known).any():
        return t("ui.say_nothing")
    write = percent if share else number
    size = np.abs(known)

    def at(cell: int) -> tuple[str, str]:
        row, column = divmod(cell, size.shape[1])
        return write(float(known[row, column])), cell_name(rows[row], columns[column], axes, alone=len(rows) == 1)

    (most, at_most), (least, at_least) = at(int(np.nanargmax(size))), at(int(np.nanargmin(size)))
    facts = {"name": name, "most": most, "at_most": at_most}
    if special is not None and any(special) and (total := float(np.nansum(known))) > 0:
        taken = float(np.nansum(known[:, np.asarray(special, bool)])) / total
        names = ", ".join(dict.fromkeys(isolate(column) for column, flag in zip(columns, special, strict=True) if flag))
        return t("ui.say_most", **facts) + " " + t("heads.special", names=names, percent=percent(taken))
    return t("ui.say_most", **facts) if most == least else t("ui.say_both", **facts, least=least, at_least=at_least)


def cell_name(row: str, column: str, axes: tuple[str, str] | None, *, alone: bool) -> str:
    """Where a cell is: a head by its name, the only row by its column; an arrow only leads from a query to a key."""
    if re.fullmatch(r"L\d+", row) and re.fullmatch(r"H\d+", column):
        return row + column
    if alone:
        return isolate(column)
    if axes is None:
        return f"{isolate(row)} → {isolate(column)}"
    return t("ui.say_cell", down=axes[0], row=isolate(row), across=axes[1], column=isolate(column))


def chart_sentence(series: "Sequence[Series]", axes: tuple[str, str]) -> str:
    """The highest and the lowest point of all curves, each with its curve and place. axes: what x and y are."""
    points = [(float(y), one, i) for one in series for i, y in enumerate(one.y) if np.isfinite(y)]
    if not points:
        return t("ui.say_nothing")
    high, low = max(points, key=lambda point: point[0]), min(points, key=lambda point: point[0])
    facts = {"highest": number(high[0]), "at_highest": place(high[1], high[2], axes[0])}
    return t("ui.say_chart", axis=axes[1], lowest=number(low[0]), at_lowest=place(low[1], low[2], axes[0]), **facts)


def place(series: "Series", i: int, axis: str) -> str:
    """Where a point is: its curve, and its own name or its x."""
    where = series.texts[i] if series.texts else f"{axis} {number(float(series.x[i]))}"
    return f"{isolate(series.name)}, {isolate(where)}"
