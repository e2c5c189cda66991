"""A matrix or a curve of this page, always with its legend, its hover values and its export row."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.trace import Array
from attnlab.ui.canvas import matrix
from attnlab.ui.language import t
from attnlab.ui.pictures import save_matrix

Cell = tuple[int, int]


def chart(
    values: Array,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    key: str,
    title: str,
    name: str,
    axes: tuple[str, str] | None = None,
    signed: bool = False,
    low: float | None = None,
    high: float | None = None,
    pinned: Cell | None = None,
    note: str = "",
    facts: Mapping[str, Any] | None = None,
    link: str | None = None,
    height: int = 400,
    square: bool = True,
) -> Cell | None:
    """A matrix on the shared canvas. name: what one number is. facts: fields of figures.record. Returns the pinned cell, if it exists."""
    limit = None if low is None or high is None else (low, high)
    cell = matrix(
        values,
        rows,
        columns,
        key=key,
        kind="signed" if signed else "weights",
        low=low,
        high=high,
        pinned=pinned,
        title=title,
        note=note,
        name=name,
        axes=axes,
        link=link,
        height=height,
        square=square,
    )
    about = " · ".join(filter(None, (caption(facts), note)))
    told: dict[str, Any] = {"title": title, "caption": about, "legend": name, "axes": axes}
    save_matrix(values, rows, columns, key=key, name=f"attnlab-{key}", facts=facts or {}, limit=limit, signed=signed, **told)
    return cell if cell is not None and cell[0] < len(rows) and cell[1] < len(columns) else None


def caption(facts: Mapping[str, Any] | None) -> str:
    """What a picture shows, for its lower edge."""
    flat = {k: v for k, v in (facts or {}).items() if k != "options"} | dict((facts or {}).get("options") or {})
    return " · ".join(f"{key} {value}" for key, value in flat.items() if value is not None)


def head_map(
    values: Array, *, key: str, title: str, name: str, pinned: Cell, facts: Mapping[str, Any] | None = None, signed: bool = False
) -> Cell | None:
    """One number per head: layers down, heads across."""
    n_layers, n_heads = values.shape
    layers, heads = [f"L{i}" for i in range(n_layers)], [f"H{i}" for i in range(n_heads)]
    axes = (t("ui.layer"), t("ui.head"))
    return chart(values, layers, heads, key=key, title=title, name=name, axes=axes, pinned=pinned, facts=facts, height=260, signed=signed)


def ranking(values: Array, *, column: str) -> None:
    """All heads of a [layers heads] matrix, the largest first."""
    order = np.argsort(-values, axis=None, kind="stable")
    places = [np.unravel_index(i, values.shape) for i in order]
    rows = {t("ui.head"): [f"L{a}H{b}" for a, b in places], column: [float(values[a, b]) for a, b in places]}
    bar = st.column_config.ProgressColumn(format="%.3f", min_value=0.0, max_value=float(max(values.max(), 1e-9)))
    st.dataframe(rows, hide_index=True, height=290, column_config={column: bar})


def short(wave: float) -> str:
    """A wavelength as a label: 6.283, 111.7, 62,832."""
    return f"{wave:.4g}" if wave < 1000 else f"{wave:,.0f}"
