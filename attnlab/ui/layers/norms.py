"""Norm-based weights: what a head really sends, beside what its weights say."""

from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.trace import Array, Attention, Stack, Tokens, Trace, frozen
from attnlab.figures.captions import trace_caption
from attnlab.figures.style import Look, Words
from attnlab.models.effects import norms_of
from attnlab.models.first_look import first_look
from attnlab.models.spec import Model
from attnlab.ui import canvas
from attnlab.ui.ask import ask_head, ask_number, ask_switch
from attnlab.ui.language import md_escape, percent, t
from attnlab.ui.layers.files import TALL, save_map, tell_long
from attnlab.ui.pins import shared_pin
from attnlab.ui.save import facts_of, save_bar
from attnlab.ui.traces import get_model

MAPS = ("norm-raw", "norm-sent")


def show_norms(trace: Trace, stack: Stack, controls: Any) -> None:
    """The weights of one head, and beside them what is really sent: as a share of each row, or as lengths."""
    layers = trace.layers(stack)
    with controls:
        attention = layers[ask_number("layer", 0, len(layers) - 1, first_look(trace.model, stack)[0], label=t("ui.layer"), width=125)]
        head = ask_head(attention, trace.model, width=125)
        lengths = ask_switch("lengths", t("measures.lengths"), help=t("measures.lengths_help"))
    st.markdown(t("measures.what_norm"))
    if tell_long(attention):
        return
    weights, sent = attention.weights(head), get_norms(trace, attention)
    pin = shared_pin("cell", MAPS, weights.shape)
    left, right = st.columns(2, gap="medium")
    with left:
        draw_map(weights, attention, MAPS[0], t("measures.norm_raw", layer=attention.layer, head=head), t("ui.weight"), pinned=pin)
    with right:
        if sent is None:
            st.info(t("measures.norm_none", model=md_escape(trace.model)))
            return
        norms = sent[head]
        shares = frozen(norms / norms.sum(-1, keepdims=True))
        name = t("measures.norm_length" if lengths else "measures.norm_share")
        title = t("measures.norm_lengths" if lengths else "measures.norm_shares", layer=attention.layer, head=head)
        high = float(norms.max()) if lengths else 1.0
        draw_map(norms if lengths else shares, attention, MAPS[1], title, name, high=high, pinned=pin)
    st.markdown(norm_sentence(weights, shares, attention.keys))
    if lengths:
        save_map(trace, stack, attention.layer, head, norms, title, legend=name, measure="norm lengths")
    else:
        save_norms(trace, attention, head, weights, shares)


def draw_map(values: Array, attention: Attention, key: str, title: str, name: str, **how: Any) -> None:
    """One of the two maps; hover and pins are shown on both. how: options of canvas.matrix."""
    queries, keys = attention.queries.pieces, attention.keys.pieces
    canvas.matrix(values, queries, keys, key=key, link="norms", title=title, name=name, height=TALL, **how)


def get_norms(trace: Trace, attention: Attention) -> Array | None:
    """‖α·f(x)‖ of a sublayer: computed once for a text. [h q k]"""
    return _norms(get_model(trace.model), trace, attention, (*trace.key, attention.stack, attention.layer))


@st.cache_resource(max_entries=16, show_spinner=False)
def _norms(_model: Model, _trace: Trace, _attention: Attention, key: tuple[Any, ...]) -> Array | None:
    return norms_of(_model, _trace, _attention)


def norm_sentence(weights: Array, shares: Array, keys: Tokens) -> str:
    """The key whose weight says least about what it sends, in words."""
    given, sent = weights.mean(0), shares.mean(0)
    key = int(np.abs(sent - given).argmax())
    if abs(sent[key] - given[key]) < 0.0005:
        return t("measures.norm_same")
    facts = {"key": md_escape(keys.pieces[key]), "place": key, "weight": percent(float(given[key])), "share": percent(float(sent[key]))}
    return t("measures.norm_moved", **facts)


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
