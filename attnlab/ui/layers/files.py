"""What the measures of a whole model share: when a text is too long, and how a map is saved."""

from typing import Any

import streamlit as st

from attnlab.core.trace import Array, Attention, Stack, Trace
from attnlab.figures.captions import trace_caption
from attnlab.ui.canvas import LONG
from attnlab.ui.language import t
from attnlab.ui.pictures import save_matrix
from attnlab.ui.save import facts_of

TALL = 470  # pixels of a map


def tell_long(attention: Attention) -> bool:
    """Whether a text is too long to be drawn, and then a sentence that says so."""
    n = max(len(attention.queries), len(attention.keys))
    if n > LONG:
        st.info(t("measures.whole_long", n=n, limit=LONG))
    return n > LONG


def save_map(trace: Trace, stack: Stack, layer: int, head: int | None, values: Array, title: str, *, legend: str, measure: str) -> None:
    """One map as files, on the scale of the screen."""
    seen, limit = trace.at(stack, layer), (0.0, float(values.max()) or 1.0)
    axes = (t("measures.place"), t("measures.input")) if measure == "rollout" else (t("ui.query"), t("ui.key"))
    name = f"{trace.model}-{stack}-L{layer}{'' if head is None else f'H{head}'}-{measure}"
    told: dict[str, Any] = {"title": title, "caption": trace_caption(trace), "legend": legend, "limit": limit, "axes": axes}
    told |= {"special": seen.keys.special, "share": measure == "rollout"}
    facts = facts_of(trace, seen, head, measure=measure)
    save_matrix(values, seen.queries.pieces, seen.keys.pieces, key=measure.replace(" ", "-"), name=name, facts=facts, **told)
