"""The whole model in the field guide: what reaches what through all layers, what a head really sends, how far each layer looks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.guide import Head
from attnlab.core.measures import flow, mean_distance, rollout
from attnlab.core.trace import Array, Attention, Stack, Tokens, Trace, frozen
from attnlab.core.views import sheet
from attnlab.figures.captions import trace_caption
from attnlab.figures.style import Look, Words, words_in
from attnlab.models.effects import norms_of
from attnlab.models.first_look import first_look
from attnlab.models.spec import Model
from attnlab.ui import canvas
from attnlab.ui.ask import ask_choice, ask_head, ask_number, ask_switch, open_head
from attnlab.ui.heads.view import LONG
from attnlab.ui.language import language, md_escape, t
from attnlab.ui.layers.sentences import Measured
from attnlab.ui.rows import ask_row
from attnlab.ui.save import facts_of, save_bar
from attnlab.ui.show import BARE
from attnlab.ui.traces import get_model

PARTS = ("rollout", "norm", "distance")
WORK = 400_000  # layers x tokens^3 that attention flow may take: under a second, 2.3 µs each where it was slowest
TALL = 470  # pixels of a map


def show_whole(trace: Trace, stack: Stack, many: Measured | None) -> None:
    """One of the measures that need more than one map. many: the sentences measured before, where there are any."""
    names = {part: t(f"measures.whole_{part}") for part in PARTS}
    controls = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    with controls:
        part = ask_row("whole", names, label=t("measures.whole_parts"))
    if part == "norm":
        show_norms(trace, stack, controls)
    elif stack == "cross":
        st.info(t(f"measures.whole_cross_{part}"))
    elif part == "distance":
        show_distance(trace, stack, many)
    elif too_long(trace.at(stack, 0)):
        tell_long(trace.at(stack, 0))
    else:
        show_rollout(trace, stack, controls)


def too_long(attention: Attention) -> bool:
    return max(len(attention.queries), len(attention.keys)) > LONG


def tell_long(attention: Attention) -> None:
    st.info(t("measures.whole_long", n=max(len(attention.queries), len(attention.keys)), limit=LONG))


# Rollout and flow


def show_rollout(trace: Trace, stack: Stack, controls: Any) -> None:
    """What has reached each place after a layer, and for one place the same question asked of the maximum flow."""
    count = len(trace.layers(stack))
    ends = {"all": t("measures.upto_all", n=count)} | {str(i): t("measures.upto_layer", layer=i) for i in range(count - 1)}
    with controls:
        upto = ask_choice("upto", ends, label=t("measures.upto"), width=220)
    layer = count - 1 if upto == "all" else int(upto)
    tokens = trace.at(stack, layer).queries
    st.markdown(
        t("measures.what_rollout") + (" " + t("measures.rollout_decoder") if "cross" in trace.stacks and stack == "decoder" else "")
    )
    values = rolled(trace, stack, layer)
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


def rolled(trace: Trace, stack: Stack, layer: int) -> Array:
    """Rollout up to a layer: computed once for a text. [n n]"""
    return _rolled(trace, stack, layer, trace.key)


@st.cache_resource(max_entries=32, show_spinner=False)
def _rolled(_trace: Trace, stack: Stack, layer: int, key: tuple[Any, ...]) -> Array:
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


# Norm-based weights


def show_norms(trace: Trace, stack: Stack, controls: Any) -> None:
    """The weights of one head, and beside them what is really sent: as a share of each row, or as lengths."""
    layers = trace.layers(stack)
    with controls:
        attention = layers[ask_number("layer", 0, len(layers) - 1, first_look(trace.model, stack)[0], label=t("ui.layer"), width=125)]
        head = ask_head(attention, trace.model, width=125)
        lengths = ask_switch("lengths", t("measures.lengths"), help=t("measures.lengths_help"))
    st.markdown(t("measures.what_norm"))
    if too_long(attention):
        tell_long(attention)
        return
    weights, sent = attention.weights(head), normed(trace, attention)
    left, right = st.columns(2, gap="medium")
    with left:
        cell = draw_map(weights, attention, "raw", t("measures.norm_raw", layer=attention.layer, head=head), t("ui.weight"), in_link="cell")
    with right:
        if sent is None:
            st.info(t("measures.norm_none", model=md_escape(trace.model)))
            return
        norms = sent[head]
        shares = frozen(norms / norms.sum(-1, keepdims=True))
        name = t("measures.norm_length" if lengths else "measures.norm_share")
        title = t("measures.norm_lengths" if lengths else "measures.norm_shares", layer=attention.layer, head=head)
        high = float(norms.max()) if lengths else 1.0
        other = draw_map(norms if lengths else shares, attention, "sent", title, name, high=high, pinned=cell)
    if other != cell:  # clicked on the right: the left one follows
        canvas.keep("cell", None if other is None else f"{other[0]},{other[1]}")
        st.rerun()
    st.markdown(moved(weights, shares, attention.keys))
    if lengths:
        save_map(trace, stack, attention.layer, head, norms, title, legend=name, measure="norm lengths")
    else:
        save_norms(trace, attention, head, weights, shares)


def draw_map(values: Array, attention: Attention, key: str, title: str, name: str, **how: Any) -> tuple[int, int] | None:
    """One of the two maps; hover and pins are shown on both. how: options of canvas.matrix."""
    queries, keys = attention.queries.pieces, attention.keys.pieces
    return canvas.matrix(values, queries, keys, key=f"norm-{key}", link="norms", title=title, name=name, height=TALL, **how)


def normed(trace: Trace, attention: Attention) -> Array | None:
    """‖α·f(x)‖ of a sublayer: computed once for a text. [h q k]"""
    return _normed(get_model(trace.model), trace, attention, (*trace.key, attention.stack, attention.layer))


@st.cache_resource(max_entries=16, show_spinner=False)
def _normed(_model: Model, _trace: Trace, _attention: Attention, key: tuple[str | int | None, ...]) -> Array | None:
    return norms_of(_model, _trace, _attention)


def moved(weights: Array, shares: Array, keys: Tokens) -> str:
    """The key whose weight says least about what it sends, in words."""
    given, sent = weights.mean(0), shares.mean(0)
    key = int(np.abs(sent - given).argmax())
    if abs(sent[key] - given[key]) < 0.0005:
        return t("measures.norm_same")
    facts = {"key": md_escape(keys.pieces[key]), "place": key, "weight": f"{100 * given[key]:.1f}", "share": f"{100 * sent[key]:.1f}"}
    return t("measures.norm_moved", **facts)


# Distance by layer


def show_distance(trace: Trace, stack: Stack, many: Measured | None) -> None:
    """How far heads look, one dot a head and the mean of each layer as a line; a click opens the head."""
    from attnlab.figures.curves import curves
    from attnlab.figures.picture import Series
    from attnlab.figures.plots import static

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
    save_bar(lambda look, words: static(chart, look, words), key="distance", name=f"{trace.model}-{stack}-distance", facts=facts)
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


# Files


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


def save_norms(trace: Trace, attention: Attention, head: int, weights: Array, shares: Array) -> None:
    """Raw weights, shares and their difference in one picture."""
    names = [t("ui.weight"), t("measures.norm_share"), t("measures.norm_difference")]
    legends, title = (t("measures.share_legend"), names[-1]), t("measures.norm_shares", layer=attention.layer, head=head)
    maps, sides = (weights, shares, frozen(shares - weights)), (attention.queries.pieces, attention.keys.pieces)

    def draw(look: Look, words: Words) -> Any:
        from attnlab.figures import triptych

        panels = [(name, values, *sides) for name, values in zip(names, maps, strict=True)]
        return triptych(panels, title=title, caption=trace_caption(trace), legends=legends, look=look, words=words)

    name = f"{trace.model}-{attention.stack}-L{attention.layer}H{head}-norm-shares"
    save_bar(draw, key="norm-shares", name=name, facts=facts_of(trace, attention, head, measure="norm shares"))
