"""Scratch mode: change a number of one head and watch what follows. Never the model's own, and never kept in the link."""

from dataclasses import replace

import streamlit as st

from attnlab.core.trace import Attention, MaskedRowError, Trace
from attnlab.core.walk.walk import Change, Walk
from attnlab.figures.walks import Seen
from attnlab.ui import choices
from attnlab.ui.language import md_escape, t

CHANGE, WHOSE = "scratch change", "scratch whose"


def change_of(walk: Walk, trace: Trace, attention: Attention, head: int) -> Walk:
    """The walk with the visitor's changes, which belong to one head of one sentence; another one starts from the model's own."""
    whose = (*trace.key, attention.stack, attention.layer, head)
    if choices.differs(WHOSE, whose):
        reset()
    change = choices.visit(CHANGE, Change)
    if change.nothing:
        return walk
    changed = walk.changed(replace(change, head=head))
    try:
        changed.values(f"{attention.stack}.weights.{head}")
    except MaskedRowError:
        st.warning(t("steps.try_all_hidden"))
        choices.keep(CHANGE, replace(change, hidden={}))
        return walk.changed(replace(change, head=head, hidden={}))
    return changed


def reset() -> None:
    """Back to the model's own numbers."""
    choices.forget([CHANGE])


def ask_change(seen: Seen) -> None:
    """The controls of scratch mode: they speak of the chosen query and key."""
    change = choices.visit(CHANGE, Change)
    cell = seen.place.query, seen.place.key
    stack, head = seen.attention.stack, seen.head
    facts = {"query": md_escape(seen.attention.queries.pieces[cell[0]]), "key": md_escape(seen.attention.keys.pieces[cell[1]])}
    if not change.nothing:
        left, right = st.columns([3, 1], vertical_alignment="center")
        left.error(t("steps.try_on", head=head, layer=seen.attention.layer))
        right.button(t("steps.try_reset"), on_click=reset, type="primary", key="scratch reset")
    with st.expander(t("steps.try"), expanded=not change.nothing):
        st.caption(t("steps.try_hint"))
        score, hide, scale, heat = st.columns(4, vertical_alignment="bottom")
        now = float(seen.walk.values(f"{stack}.products.{head}")[cell])
        hidden = bool(seen.walk.values(f"{stack}.mask.{head}")[cell] < 0)
        asked = score.number_input(t("steps.try_score", **facts), value=now, format="%.3f", step=1.0, key=f"scratch score {cell} {now}")
        hides = hide.toggle(t("steps.try_hide", **facts), hidden, key=f"scratch hide {cell} {hidden}")
        scaled = scale.toggle(t("steps.try_scale"), change.scaled, key=f"scratch scale {change.scaled}")
        heated = heat.slider(t("steps.try_heat"), 0.1, 5.0, change.temperature, 0.1, key=f"scratch heat {change.temperature}")
    new = Change(
        head,
        change.scores if asked == now else {**change.scores, cell: asked},
        change.hidden if hides == hidden else {**change.hidden, cell: hides},
        scaled,
        heated,
    )
    if new != replace(change, head=head):
        choices.keep(CHANGE, new)
        st.rerun()
