"""A text too long to draw cell by cell: the whole map in blocks, and a lens that shows exact weights where the pointer is."""

from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.trace import Array, Attention, Trace
from attnlab.core.views import Pool, View, keep_mask, overview, sheet, sides
from attnlab.figures.captions import trace_caption
from attnlab.ui import canvas
from attnlab.ui.ask import ask_choice
from attnlab.ui.heads.view import changed, file_of, title
from attnlab.ui.language import t
from attnlab.ui.pictures import save_matrix
from attnlab.ui.save import facts_of

SIDE = 512  # pixels of the overview at most
WINDOW = 32  # tokens a side under the lens: as many as can be read


@st.fragment
def show_long(trace: Trace, attention: Attention, head: int, view: View) -> None:
    """The overview and the lens. Moving the lens computes its rows and nothing else."""
    name = title(trace, attention, head, view)
    kept_q, kept_k = (
        np.flatnonzero(keep_mask(tokens, view, side)) for tokens, side in zip((attention.queries, attention.keys), sides(view), strict=True)
    )
    hows: dict[Pool, str] = {"max": t("heads.pool_max"), "mean": t("heads.pool_mean")}
    how = ask_choice("pool", hows, label=t("heads.pool"), width=220)
    with st.spinner(t("heads.pooling")):
        pooled = _pool(trace, attention, head, view, how, kept_q, kept_k, _key(trace, attention, head, view))
    block = -(-max(len(kept_q), len(kept_k)) // SIDE)
    left, right = st.columns(2)
    with left:
        note = t(f"heads.overview_{how}", block=block)
        at = canvas.overview(pooled, len(kept_q), len(kept_k), key="overview", window=WINDOW, title=name, note=note)
    rows, columns = kept_q[at[0] : at[0] + WINDOW], kept_k[at[1] : at[1] + WINDOW]
    with right:
        weights = _rows(trace, attention, head, view, kept_q, kept_k, slice(at[0], at[0] + WINDOW))[:, at[1] : at[1] + WINDOW]
        names = [attention.queries.pieces[i] for i in rows], [attention.keys.pieces[i] for i in columns]
        high = float(weights.max()) or 1.0 if view.auto or weights.max() < 0.5 else 1.0
        lens = t("heads.lens", q=int(rows[0]), k=int(columns[0]))
        canvas.matrix(weights, *names, key="lens", high=high, title=lens, numbers=False)
        told: dict[str, Any] = {"title": f"{trace.model} · {name}", "caption": f"{lens} · {trace_caption(trace)}", "limit": (0.0, high)}
        told |= {"share": True, "special": [attention.keys.special[i] for i in columns]}
        facts = facts_of(trace, attention, head, **changed(view))
        save_matrix(
            weights, *names, key="lens", name=f"{file_of(trace, attention, head, view)}-lens", legend=t("ui.weight"), facts=facts, **told
        )


def _key(trace: Trace, attention: Attention, head: int, view: View) -> tuple[Any, ...]:
    return (*trace.key, attention.stack, attention.layer, head, view)


@st.cache_resource(max_entries=16, show_spinner=False)
def _pool(_trace: Trace, _attention: Attention, _head: int, _view: View, how: Pool, _q: Any, _k: Any, key: tuple[Any, ...]) -> Array:
    return overview(lambda rows: _rows(_trace, _attention, _head, _view, _q, _k, rows), len(_q), len(_k), side=SIDE, how=how)


def _rows(trace: Trace, attention: Attention, head: int, view: View, kept_q: Any, kept_k: Any, rows: slice) -> Array:
    """Some rows of the view. Kept tokens are nearly all of them, so the block from the first to the last is computed whole."""
    wanted = kept_q[rows]
    first, last = int(wanted[0]), int(wanted[-1]) + 1
    weights = sheet(trace, attention, head, over=view.over, temperature=view.temperature, rows=slice(first, last))
    weights = weights[wanted - first]
    if len(kept_k) < weights.shape[1]:
        weights = weights[:, kept_k]
    return weights / weights.sum(-1, keepdims=True) if view.renormalise else weights
