"""Rollout and flow: what has reached each place of a text through all layers."""

from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.measures import flow, rollout
from attnlab.core.trace import Array, Stack, Tokens, Trace
from attnlab.core.views import sheet
from attnlab.ui import canvas
from attnlab.ui.ask import ask_choice
from attnlab.ui.language import md_escape, t
from attnlab.ui.layers.files import TALL, save_map, tell_long

WORK = 400_000  # layers x tokens^3 that attention flow may take: under a second, 2.3 µs each where it was slowest


def show_rollout(trace: Trace, stack: Stack, controls: Any) -> None:
    """What has reached each place after a layer, and for one place the same question asked of the maximum flow."""
    if tell_long(trace.at(stack, 0)):
        return
    count = len(trace.layers(stack))
    ends = {"all": t("measures.upto_all", n=count)} | {str(i): t("measures.upto_layer", layer=i) for i in range(count - 1)}
    with controls:
        upto = ask_choice("upto", ends, label=t("measures.upto"), width=220)
    layer = count - 1 if upto == "all" else int(upto)
    tokens = trace.at(stack, layer).queries
    st.markdown(
        t("measures.what_rollout") + (" " + t("measures.rollout_decoder") if "cross" in trace.stacks and stack == "decoder" else "")
    )
    values = get_rollout(trace, stack, layer)
    first = last_word(tokens)
    left, right = st.columns([4, 3], gap="medium")
    with left:
        title = t("measures.rollout_title", stack=t(f"ui.{stack}"), layer=layer)
        cell = canvas.matrix(
            values,
            tokens.pieces,
            tokens.pieces,
            key="rollout",
            high=float(values.max()),
            pinned=(first, int(values[first].argmax())),
            in_link="token",
            title=title,
            name=t("measures.rollout"),
            axes=(t("measures.place"), t("measures.input")),
            height=TALL,
        )
        save_map(trace, stack, layer, None, values, title, legend=t("measures.rollout"), measure="rollout")
    with right:
        compare_flow(trace, stack, layer, first if cell is None else cell[0], values)


def last_word(tokens: Tokens) -> int:
    """The last place that is not a special token: what a text has come to."""
    return max((i for i, special in enumerate(tokens.special) if not special), default=len(tokens) - 1)


def get_rollout(trace: Trace, stack: Stack, layer: int) -> Array:
    """Rollout up to a layer: computed once for a text. [n n]"""
    return _rollout(trace, stack, layer, trace.key)


@st.cache_resource(max_entries=32, show_spinner=False)
def _rollout(_trace: Trace, stack: Stack, layer: int, key: tuple[Any, ...]) -> Array:
    return rollout(means(_trace, stack, layer))


def means(trace: Trace, stack: Stack, layer: int) -> list[Array]:
    """The mean over heads of each layer up to this one, as a layer with one head: never all heads of all layers at once. Each [1 n n]"""
    return [sheet(trace, attention, 0, over="mean")[None] for attention in trace.layers(stack)[: layer + 1]]


def most_tokens(layers: int) -> int:
    """How many tokens attention flow is computed for."""
    return int(np.cbrt(WORK / layers))


@st.cache_resource(max_entries=64, show_spinner=False)
def _flow(_trace: Trace, stack: Stack, layer: int, row: int, key: tuple[Any, ...]) -> Array:
    return flow(means(_trace, stack, layer), row)


def compare_flow(trace: Trace, stack: Stack, layer: int, row: int, values: Array) -> None:
    """Rollout and flow for one place, token by token."""
    tokens = trace.at(stack, layer).queries
    n, limit = len(tokens), most_tokens(layer + 1)
    st.markdown(t("measures.flow_title", token=md_escape(tokens.pieces[row]), place=row, layer=layer))
    columns: dict[str, Any] = {"token": list(tokens.pieces), "rollout": values[row].tolist()}
    if n <= limit:
        with st.spinner(t("measures.flow_busy")):
            columns["flow"] = _flow(trace, stack, layer, row, trace.key).tolist()
    top = max(max(columns["rollout"]), max(columns.get("flow", [0.0])))
    bars: dict[str, Any] = {
        name: st.column_config.ProgressColumn(t(f"measures.{name}"), format="%.4f", min_value=0.0, max_value=top)
        for name in ("rollout", "flow")
        if name in columns
    }
    config = {"token": st.column_config.TextColumn(t("measures.input"), width="small"), **bars}
    st.dataframe(
        columns, hide_index=True, height=min(TALL - 40, 38 + 35 * n), column_config=config, key="flow table", alt=t("measures.flow_alt")
    )
    if n > limit:
        st.info(t("measures.flow_long", n=n, layers=layer + 1, limit=limit))
    else:
        st.caption(t("measures.what_flow"))
    st.caption(t("measures.flow_pick"))
