"""Heat maps, token lines and the mosaic of all heads on canvases. Hover is answered in the browser; only a choice comes back."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import streamlit as st
from numpy.typing import NDArray

from attnlab.core.trace import Array
from attnlab.core.words import ASSETS
from attnlab.figures import ramp, style
from attnlab.ui.words import t

EXACT = 65_536  # up to so many cells float32 is sent, beyond it float16
ROOM = ASSETS / "components"


def _component(name: str) -> Any:
    shared = (ROOM / "shared.js").read_text("utf-8")
    return st.components.v2.component(
        f"attnlab_{name}",
        html=(ROOM / f"{name}.html").read_text("utf-8"),
        css=(ROOM / "canvas.css").read_text("utf-8"),
        js=shared + (ROOM / f"{name}.js").read_text("utf-8"),
    )


_matrix = _component("matrix")


def matrix(
    values: Array,
    queries: Sequence[str],
    keys: Sequence[str],
    *,
    key: str,
    kind: ramp.Kind = "weights",
    low: float | None = None,
    high: float | None = None,
    pinned: tuple[int, int] | None = None,
    title: str = "",
    note: str = "",
    name: str | None = None,
    axes: tuple[str, str] | None = None,
    link: str | None = None,
    height: int = 470,
    largest: int = 56,
    square: bool = True,
    numbers: bool = True,
) -> tuple[int, int] | None:
    """A heat map; returns the pinned cell (row, column), or None. values: [q k]; NaN and -inf are drawn as hidden.

    kind: "weights" goes from 0 to 1, "signed" diverges around 0 as far as the values go, unless low and high say otherwise.
    pinned: where the pin stands until the visitor moves it; a changed value moves it. name: what one number is, in words.
    axes: what a row and a column are, a query and a key unless said otherwise.
    link: maps and lines of one page with the same link show each other's hover. numbers: write them where they can be read.
    height, largest: pixels of the whole map and of one cell at most. Raises ValueError when labels and values disagree.
    """
    n_q, n_k = values.shape
    if (n_q, n_k) != (len(queries), len(keys)):
        raise ValueError(f"values are {n_q} x {n_k} but labels are {len(queries)} x {len(keys)}")
    low, high = limits(values, kind, low, high)
    pin = _pinned(key, pinned)
    meta = {
        "queries": list(queries),
        "keys": list(keys),
        "low": low,
        "high": high,
        "pinned": list(pin or ()),
        "title": title,
        "note": note,
        "link": link,
        "height": height,
        "largest": largest,
        "square": square,
        "numbers": numbers,
        "words": words()
        | dict(zip(("query", "key"), axes or (), strict=False))
        | {"value": name or t("ui.weight" if kind == "weights" else "ui.value")},
    }
    packed, how = pack(values)
    _matrix(data={"values": packed, "meta": meta | colours(kind) | {"kind": how}}, key=key, on_cell_change=_nothing)
    return pin


def _nothing() -> None:
    """A state that Streamlit is to keep has to have a listener."""


def _pinned(key: str, asked: tuple[int, int] | None) -> tuple[int, int] | None:
    """Where the pin is: where the visitor put it, unless the page asks for another place than the last time."""
    state: Mapping[str, Any] = st.session_state.get(key) or {}
    before = st.session_state.get(f"{key} asked", ())
    st.session_state[f"{key} asked"] = asked
    clicked = state.get("cell")
    if clicked is None or (before != () and before != asked and asked is not None and list(asked) != list(clicked)):
        return asked
    return (int(clicked[0]), int(clicked[1])) if clicked else None


def limits(values: Array, kind: ramp.Kind, low: float | None, high: float | None) -> tuple[float, float]:
    """Both ends of the colour scale."""
    if kind == "weights":
        return (0.0 if low is None else float(low)), (1.0 if high is None else float(high))
    finite = np.abs(values[np.isfinite(values)])
    most = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    return (-most if low is None else float(low)), (most if high is None else float(high))


def pack(values: NDArray[Any]) -> tuple[pa.Table, Literal["f32", "f16", "u8"]]:
    """Numbers as one Arrow column, and how they were packed."""
    if values.dtype == np.uint8:
        return pa.table({"v": pa.array(values.ravel())}), "u8"
    exact = values.size <= EXACT
    flat = np.ascontiguousarray(values, np.float32 if exact else np.float16).ravel()
    return pa.table({"v": pa.array(flat)}), "f32" if exact else "f16"


def colours(kind: ramp.Kind) -> dict[str, Any]:
    """What the browser has to know of the palette."""
    return {"light": ramp.ramp(kind), "dark": ramp.ramp(kind, dark=True), "roles": dict(style.ROLES), "heads": list(ramp.HEADS)}


def words() -> dict[str, str]:
    """The words that the components write."""
    names = (
        *("query", "key", "head", "masked", "pinned", "keys", "nothing", "map", "lines", "mosaic"),
        *("heads", "heads_hint", "lines_hint", "mosaic_hint"),
    )
    return {name: t(f"ui.{name}") for name in names}
