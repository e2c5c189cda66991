"""Heat maps, token lines and the mosaic of all heads on canvases. Hover is answered in the browser; only a choice comes back."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st

from attnlab.core.trace import Array
from attnlab.core.views import Thumbnails
from attnlab.figures import canvases, ramp
from attnlab.figures.components import script, styles
from attnlab.ui import choices, pins
from attnlab.ui.language import t
from attnlab.ui.screen import dress

LONG = 512  # tokens a side: beyond this an overview and a lens are shown instead of a map
FRAME = '<div class="frame"></div>'


def component(name: str, *css: str) -> Any:
    """A component of assets/components in Streamlit: NAME.js with these styles, called as `show_component` calls it."""
    own = f"attnlab_{name.replace('/', '_')}"
    return st.components.v2.component(own, html=FRAME, css=styles("streamlit", *css), js=script("streamlit", name))


def show_component(mounted: Any, data: canvases.Data, *, key: str, **more: Any) -> Any:
    """A component on the page with this data, arrays as Arrow columns. more: what is called on a choice, and its height."""
    data = data | {"meta": dress(data["meta"])}
    packed = {name: pa.table({"v": pa.array(each)}) if isinstance(each, np.ndarray) else each for name, each in data.items()}
    return mounted(data=packed, key=key, **more)


_matrix = component("matrix")
_lines = component("lines")
_mosaic = component("mosaic")
_overview = component("overview")
_bars = component("bars", "bars")


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
    in_link: str | None = None,
    height: int | None = None,
    largest: int = 56,
    square: bool = True,
    numbers: bool = True,
    missing: str | None = None,
    hint: str | None = None,
) -> tuple[int, int] | None:
    """A heat map; returns the pinned cell (row, column), or None. values: [q k]; NaN and -inf are drawn as hidden.

    kind: "weights" goes from 0 to 1, "signed" diverges around 0 as far as the values go, unless low and high say otherwise.
    pinned: where the pin stands until the visitor moves it; a changed value moves it. name: what one number is, in words.
    axes: what a row and a column are, a query and a key unless said otherwise.
    link: maps and lines of one page with the same name here show each other's hover. in_link: the pin's name in the address.
    numbers: write them where they can be read. missing: what a cell without a number is, masked unless said otherwise.
    hint: what is said while no cell is pointed at, that a click pins unless said otherwise.
    height, largest: pixels of the whole map (None: what the window has room for) and of one cell at most.
    Raises ValueError when labels and values disagree.
    """
    said = words() | dict(zip(("query", "key"), axes or (), strict=False))
    said |= {"joint": "·"} if axes and not link else {}  # an arrow leads to a key
    said |= {own: text for own, text in (("masked", missing), ("nothing", hint)) if text is not None}
    pin = pins.pin(key, values.shape, start=pinned, in_link=in_link)
    data = canvases.matrix(
        values, queries, keys, words=said, kind=kind, low=low, high=high, pinned=pin, title=title, note=note, name=name, link=link,
        height=height, largest=largest, square=square, numbers=numbers,
    )  # fmt: skip
    show_component(_matrix, data, key=key, on_cell_change=_nothing)
    return pin


def lines(
    weights: Array,
    queries: Sequence[str],
    keys: Sequence[str],
    *,
    key: str,
    active: Sequence[int],
    names: Sequence[str],
    slots: Sequence[int] | None = None,
    threshold: float = 0.0,
    high: float = 1.0,
    title: str = "",
    note: str = "",
    link: str | None = None,
    height: int | None = None,
) -> None:
    """Tokens on two sides and a line for each weight of at least `threshold`. weights: [slot q k].

    names: of all heads that can be switched on; active: those that are; slots: which head each map of `weights` is (all of them: None).
    The heads the visitor switches on are reported as "heads" (see `pins.heads_on`).
    """
    data = canvases.lines(
        weights, queries, keys, words=words(), active=active, names=names, slots=slots, threshold=threshold, high=high, title=title,
        note=note, link=link, height=height,
    )  # fmt: skip
    show_component(_lines, data, key=key, on_heads_change=_nothing)


def mosaic(
    small: Thumbnails,
    *,
    key: str,
    own: bool = False,
    order: Sequence[tuple[int, int]] | None = None,
    captions: Sequence[Sequence[str]] | None = None,
    bars: Array | None = None,
    note: str = "",
    height: int | None = None,
) -> tuple[int, int] | None:
    """Every layer and head as one canvas; returns (layer, head) in the run after one was clicked.

    own: colours go up to each head's own largest weight instead of 1. order: heads in another order than layer by layer.
    captions: [l h], what is said of a head under the pointer. bars: [l h], numbers from 0 to 1 drawn as a bar under each head.
    """
    data = canvases.mosaic(small, words=words(), own=own, order=order, captions=captions, bars=bars, note=note, height=height)
    clicked = show_component(_mosaic, data, key=key, on_head_change=_nothing).head
    return None if clicked is None else (int(clicked["layer"]), int(clicked["head"]))


def overview(
    pooled: Array, n_q: int, n_k: int, *, key: str, window: int, title: str = "", note: str = "", height: int | None = None
) -> tuple[int, int]:
    """A long text's map in blocks with a lens on it; returns the first row and column under the lens, which is `window` cells wide.

    Colours go up to the largest pooled value.
    """
    at = choices.report(key, "at") or (0, 0)
    row, column = min(int(at[0]), max(0, n_q - window)), min(int(at[1]), max(0, n_k - window))
    data = canvases.overview(
        pooled, n_q, n_k, words=words(), window=window, at=(row, column), title=title, note=note, height=height
    )  # fmt: skip
    show_component(_overview, data, key=key, on_at_change=_nothing)
    return row, column


def bars(labels: Sequence[str], *, key: str, hint: str) -> list[float] | None:
    """A row that is drawn with a finger, a bar for each label; returns the shares, which sum to 1, or None before anything is drawn."""
    show_component(_bars, {"meta": {"labels": list(labels), "words": {"draw_hint": hint}}}, key=key, on_row_change=_nothing)
    drawn = choices.report(key, "row")
    return None if drawn is None else [float(each) for each in drawn]


def row(now: Array, labels: Sequence[str], *, key: str, hint: str, whole: bool, on_change: Callable[[list[float]], None]) -> None:
    """A row that is there already, its bars moved by hand; on_change is called with each new row. now: [k]

    whole: the numbers given are shares, which sum to 1; else they are given as they were drawn.
    """
    meta = {"labels": list(labels), "start": [float(each) for each in now], "whole": whole, "words": {"draw_hint": hint}}

    def changed() -> None:
        drawn = choices.report(key, "row")
        if drawn is not None:
            on_change([float(each) for each in drawn])

    show_component(_bars, {"meta": meta}, key=key, on_row_change=changed)


def _nothing() -> None:
    """A state that Streamlit is to keep has to have a listener."""


def words() -> dict[str, str]:
    """The words that the components write."""
    return {name: t(f"ui.{name}") for name in canvases.WORDS}
