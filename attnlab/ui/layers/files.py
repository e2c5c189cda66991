"""What the measures of a whole model share: when a text is too long, and how a map is saved."""

from dataclasses import replace
from typing import Any

import streamlit as st

from attnlab.core.trace import Array, Attention, Stack, Trace
from attnlab.figures.captions import trace_caption
from attnlab.figures.style import Look, Words
from attnlab.ui.canvas import LONG
from attnlab.ui.language import t
from attnlab.ui.save import facts_of, save_bar

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
    rows, columns = (t("measures.place"), t("measures.input")) if measure == "rollout" else (t("ui.query"), t("ui.key"))

    def draw(look: Look, words: Words) -> Any:
        from attnlab.figures import heatmap

        how: dict[str, Any] = {"title": title, "caption": trace_caption(trace), "legend": legend, "limit": limit}
        sides = seen.queries.pieces, seen.keys.pieces
        return heatmap(values, *sides, look=look, words=replace(words, query=rows, key=columns), **how)

    name = f"{trace.model}-{stack}-L{layer}{'' if head is None else f'H{head}'}-{measure}"
    save_bar(draw, key=measure.replace(" ", "-"), name=name, facts=facts_of(trace, seen, head, measure=measure))
