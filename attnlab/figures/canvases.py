"""What the components of the browser draw, whoever shows them: arrays and labels in, numpy arrays and plain JSON out.

Each function is named for its component in assets/components and gives {"values": array, "meta": {...}}; the host packs the array.
words: what the component writes, by name (see WORDS).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attnlab.core.trace import Array
from attnlab.core.translation import Next
from attnlab.core.views import Thumbnails
from attnlab.figures import ramp

EXACT = 65_536  # up to so many cells float32 is sent, beyond it float16
WORDS = (
    *("query", "key", "head", "weight", "value", "masked", "pinned", "keys", "nothing", "map", "lines", "mosaic"),
    *("heads", "heads_hint", "lines_hint", "mosaic_hint", "keys_open", "most", "own_most", "keys_lens", "lens_hint"),
)
Words = Mapping[str, str]
Data = dict[str, Any]


def matrix(
    values: Array,
    queries: Sequence[str],
    keys: Sequence[str],
    *,
    words: Words,
    kind: ramp.Kind = "weights",
    low: float | None = None,
    high: float | None = None,
    pinned: tuple[int, int] | None = None,
    title: str = "",
    note: str = "",
    name: str | None = None,
    link: str | None = None,
    height: int | None = None,
    largest: int = 56,
    square: bool = True,
    numbers: bool = True,
    exact: bool = False,
) -> Data:
    """A heat map. values: [q k]; NaN and -inf are drawn as hidden.

    kind: "weights" goes from 0 to 1, "signed" diverges around 0 as far as the values go, unless low and high say otherwise.
    name: what one number is, in words. link: maps and lines of one page with the same name here show each other's hover.
    numbers: write them where they can be read. exact: say every digit of a float32 instead of four.
    height, largest: pixels of the whole map (None: what the window has room for) and of one cell at most.
    Raises ValueError when labels and values disagree.
    """
    n_q, n_k = values.shape
    if (n_q, n_k) != (len(queries), len(keys)):
        raise ValueError(f"values are {n_q} x {n_k} but labels are {len(queries)} x {len(keys)}")
    low, high = limits(values, kind, low, high)
    meta = {
        "queries": list(queries),
        "keys": list(keys),
        "low": low,
        "high": high,
        "pinned": list(pinned or ()),
        "title": title,
        "note": note,
        "link": link,
        "height": height,
        "largest": largest,
        "square": square,
        "numbers": numbers,
        "exact": exact,
        "words": {**words, "value": name or words["weight" if kind == "weights" else "value"]},
    }
    return {"values": narrow(values), "meta": meta | colours(kind)}


def lines(
    weights: Array,
    queries: Sequence[str],
    keys: Sequence[str],
    *,
    words: Words,
    active: Sequence[int],
    names: Sequence[str],
    slots: Sequence[int] | None = None,
    threshold: float = 0.0,
    high: float = 1.0,
    title: str = "",
    note: str = "",
    link: str | None = None,
    height: int | None = None,
) -> Data:
    """Tokens on two sides and a line for each weight of at least `threshold`. weights: [slot q k].

    names: of all heads that can be switched on; active: those that are; slots: which head each map of `weights` is (all of them: None).
    """
    meta = {
        "queries": list(queries),
        "keys": list(keys),
        "names": list(names),
        "active": [int(head) for head in active],
        "slots": [int(slot) for slot in (range(len(names)) if slots is None else slots)],
        "threshold": float(threshold),
        "high": float(high),
        "title": title,
        "note": note,
        "link": link,
        "height": height,
        "words": dict(words),
    }
    return {"values": narrow(weights), "meta": meta | colours("weights")}


def mosaic(
    small: Thumbnails,
    *,
    words: Words,
    own: bool = False,
    order: Sequence[tuple[int, int]] | None = None,
    captions: Sequence[Sequence[str]] | None = None,
    bars: Array | None = None,
    title: str = "",
    note: str = "",
    height: int | None = None,
) -> Data:
    """Every layer and head as one canvas.

    own: colours go up to each head's own largest weight instead of 1. order: heads in another order than layer by layer.
    captions: [l h], what is said of a head under the pointer. bars: [l h], numbers from 0 to 1 drawn as a bar under each head.
    """
    n_layers, n_heads, rows, columns = small.pixels.shape
    meta = {
        "layers_n": n_layers,
        "heads_n": n_heads,
        "rows": rows,
        "columns": columns,
        "own": own,
        "most": small.most.tolist(),
        "order": [[int(layer), int(head)] for layer, head in (order or np.ndindex(n_layers, n_heads))],
        "sorted": order is not None,
        "captions": None if captions is None else [list(row) for row in captions],
        "bars": None if bars is None else bars.tolist(),
        "title": title,
        "note": note,
        "height": height,
        "words": {**words, "value": words["weight"]},
    }
    return {"values": narrow(small.pixels), "meta": meta | colours("weights")}


def overview(
    pooled: Array,
    n_q: int,
    n_k: int,
    *,
    words: Words,
    window: int,
    at: tuple[int, int] = (0, 0),
    title: str = "",
    note: str = "",
    height: int | None = None,
) -> Data:
    """A long text's map in blocks with a lens on it, `window` cells wide; at: the first row and column under it.

    Colours go up to the largest pooled value; what is no number, and what is below 0, has the colour of 0.
    """
    high = float(pooled[np.isfinite(pooled)].max(initial=0.0)) or 1.0
    shares = np.nan_to_num(pooled / high, nan=0.0, posinf=1.0, neginf=0.0).clip(0.0, 1.0)
    meta = {
        "n_q": n_q,
        "n_k": n_k,
        "down": pooled.shape[0],
        "across": pooled.shape[1],
        "window": window,
        "high": high,
        "at": [int(at[0]), int(at[1])],
        "title": title,
        "note": note,
        "height": height,
        "words": {**words, "value": words["weight"]},
    }
    return {"values": np.rint(shares * 255).astype(np.uint8).ravel(), "meta": meta | colours("weights")}


def next_tokens(found: Next, piece: Callable[[int], str], chosen: int) -> Data:
    """What the decoder lists beside a step. piece: how a token is shown."""
    rows = zip(found.ids, found.probabilities, strict=True)
    listed = [{"id": i, "token": piece(i), "p": p, "chosen": i == chosen} for i, p in rows]
    return {"listed": listed, "rest": {"n": found.rest[0], "p": found.rest[1]}}


def limits(values: Array, kind: ramp.Kind, low: float | None, high: float | None) -> tuple[float, float]:
    """Both ends of the colour scale."""
    if kind == "weights":
        return (0.0 if low is None else float(low)), (1.0 if high is None else float(high))
    finite = np.abs(values[np.isfinite(values)])
    most = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    return (-most if low is None else float(low)), (most if high is None else float(high))


def narrow(values: NDArray[Any]) -> NDArray[Any]:
    """Numbers one after the other, in as few bytes as the screen needs."""
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values).ravel()
    return np.ascontiguousarray(values, np.float32 if values.size <= EXACT else np.float16).ravel()


def colours(kind: ramp.Kind) -> dict[str, Any]:
    """What the browser has to know of the palette."""
    inks = {"light": ramp.inks("light"), "dark": ramp.inks("dark")}
    return {"kind": kind, "light": ramp.ramp(kind, "light"), "dark": ramp.ramp(kind, "dark"), "inks": inks}
