"""Heads: one head as a heat map and as lines, side by side, with everything it is and is not said in words."""

import streamlit as st

from attnlab.core.views import see
from attnlab.ui import canvas, link, pins
from attnlab.ui.ask import control_bar
from attnlab.ui.errors import mistake_box
from attnlab.ui.examples import example_cell
from attnlab.ui.heads.evidence import show_evidence
from attnlab.ui.heads.long import show_long
from attnlab.ui.heads.view import SAVED, all_heads, ask_view, fits, hidden_note, link_sentence, save_lines, save_map, title
from attnlab.ui.language import md_escape, t

MANY = 200_000  # weights sent for the lines at once; beyond it only the heads that are switched on

with mistake_box():
    bar = control_bar()
    trace, attention, head = bar.trace, bar.attention, bar.head
    with bar.more:
        view = ask_view(attention, bar.pair is not None)

name = title(trace, attention, head, view)
if trace.made == "decoded":
    st.caption(t("heads.decoded", text=md_escape(trace.target_text or "")))
if not fits(attention):
    show_long(trace, attention, head, view)
    if max(len(attention.queries), len(attention.keys)) <= SAVED:
        save_map(trace, attention, head, view, None)
    link.stop()

seen = see(trace, attention, head, view)
if not seen.weights.size:
    st.info(t("heads.nothing"))
    link.stop()
high = (float(seen.weights.max()) or 1.0) if view.auto else 1.0
st.markdown(t("heads.say", name=md_escape(name), link=md_escape(link_sentence(seen)), hidden=hidden_note(seen, view)))
plain = (view.over, view.between, view.temperature) == ("head", "all", 1.0) and not (view.words or view.bare or view.renormalise)
start = example_cell(trace.model, trace.text, attention.layer, head) if plain else None
left, right = st.columns(2, gap="medium")
with left:
    cell = canvas.matrix(seen.weights, seen.queries, seen.keys, key="map", high=high, pinned=start, link="heads", in_link="cell")
    save_map(trace, attention, head, view, seen)
with right:
    if view.over == "head":
        on = pins.heads_on("lines", head, attention.n_heads)
        every = range(attention.n_heads)
        sent = list(every) if seen.weights.size * attention.n_heads <= MANY else on
        weights, names = all_heads(trace, attention, view, sent), [f"H{each}" for each in every]
    else:
        on, sent, weights, names = [0], [0], seen.weights[None], [t(f"heads.over_{view.over}")]
    canvas.lines(
        weights,
        seen.queries,
        seen.keys,
        key="lines",
        active=on,
        names=names,
        slots=sent,
        threshold=view.threshold,
        high=high,
        link="heads",
        note=t("heads.lines_note", threshold=f"{view.threshold:g}"),
    )
    save_lines(trace, attention, head, view, seen, on if view.over == "head" else [head])

show_evidence(trace, attention, head, cell, plain=plain)
