"""How far each layer looks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.guide import Head
from attnlab.core.measures import mean_distance
from attnlab.core.trace import Array, Stack, Trace, frozen
from attnlab.figures.captions import trace_caption
from attnlab.figures.style import words_in
from attnlab.ui.ask import open_head
from attnlab.ui.language import language, t
from attnlab.ui.layers.sentences import Measured
from attnlab.ui.pictures import save_chart
from attnlab.ui.save import facts_of
from attnlab.ui.show import BARE


def show_distance(trace: Trace, stack: Stack, many: Measured | None) -> None:
    """How far heads look, one dot a head and the mean of each layer as a line; a click opens the head."""
    from attnlab.figures.curves import curves
    from attnlab.figures.picture import Series

    seen = distances(trace, stack) if many is None else far(many.of(stack))  # [L h]
    layers = np.arange(len(seen))
    places = [(layer, head) for layer, heads in enumerate(seen) for head in range(len(heads))]
    heads = Series(
        t("measures.distance_heads"),
        frozen([layer for layer, _ in places]),
        frozen(seen.ravel()),
        texts=tuple(f"L{a}H{b}" for a, b in places),
    )
    mean = Series(t("measures.distance_mean"), frozen(layers), frozen(seen.mean(-1)))
    title = t("measures.distance_title", stack=t(f"ui.{stack}"))
    what = t("measures.this_text") if many is None else t("measures.these", n=many.sentences)
    st.markdown(t("measures.what_layers") + " " + t("measures.distance_on", sentences=what))
    chart = curves(
        [mean],
        dots=[heads],
        axes=(t("measures.layer"), t("measures.distance_axis")),
        title=title,
        caption=trace_caption(trace),
        ticks=[f"L{layer}" for layer in layers],
        words=words_in(language()),
    )
    chart.update_xaxes(tickangle=0)
    event: Any = st.plotly_chart(chart, key="distance-chart", on_select="rerun", selection_mode="points", config=BARE, alt=title)
    st.caption(t("measures.distance_open"))
    facts = facts_of(trace, measure="distance") | {"stack": stack}
    save_chart(chart, key="distance", name=f"{trace.model}-{stack}-distance", facts=facts, linked=many is None)
    for point in event.selection.points:
        if point["curve_number"] == 0:
            open_head(stack, *places[int(point["point_index"])])


def distances(trace: Trace, stack: Stack) -> Array:
    """The mean distance of every head of a stack: computed once for a text. [L h]"""
    return _distances(trace, stack, trace.key)


@st.cache_resource(max_entries=32, show_spinner=False)
def _distances(_trace: Trace, stack: Stack, key: tuple[Any, ...]) -> Array:
    return frozen([[mean_distance(a.weights(head)[None])[0] for head in range(a.n_heads)] for a in _trace.layers(stack)])


def far(heads: Sequence[Head]) -> Array:
    """The same of sentences that were measured. [L h]"""
    shape = 1 + max(h.layer for h in heads), 1 + max(h.head for h in heads)
    values = np.full(shape, np.nan, np.float32)
    for head in heads:
        values[head.layer, head.head] = head.measures["distance"]
    return frozen(values)
