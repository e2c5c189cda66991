"""What a picture shows, in one sentence computed from its numbers: for everybody, and read aloud for those who do not see it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from attnlab.core.trace import Array
from attnlab.ui.language import isolate, number, percent, t

if TYPE_CHECKING:
    from attnlab.figures.picture import Series


def map_sentence(
    values: Array, rows: Sequence[str], columns: Sequence[str], *, name: str, share: bool = False, special: Sequence[bool] | None = None
) -> str:
    """The cell that is farthest from 0 with its row and column, and its opposite. name: what one number is.

    share: numbers are parts of a whole. special: which columns are special tokens; where they take a part of the whole, it is said.
    """
    known = np.where(np.isfinite(values), values, np.nan)
    if not np.isfinite(known).any():
        return t("ui.say_nothing")
    write = percent if share else number
    size = np.abs(known)

    def said_of(cell: int) -> dict[str, str]:
        row, column = divmod(cell, size.shape[1])
        return {"row": isolate(rows[row]), "column": isolate(columns[column]), "value": write(float(known[row, column]))}

    ends = {"most": said_of(int(np.nanargmax(size))), "least": said_of(int(np.nanargmin(size)))}
    said = t("ui.say_most", name=name, **ends["most"])
    if special is not None and any(special) and (total := float(np.nansum(known))) > 0:
        taken = float(np.nansum(known[:, np.asarray(special, bool)])) / total
        names = ", ".join(dict.fromkeys(isolate(column) for column, flag in zip(columns, special, strict=True) if flag))
        return said + " " + t("heads.special", names=names, percent=percent(taken))
    return said if known.size == 1 or ends["most"]["value"] == ends["least"]["value"] else said + " " + t("ui.say_least", **ends["least"])


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
