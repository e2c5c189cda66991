"""What a word in a hole changes elsewhere on the page Fill: the probability of every other word, and where a head looks."""

from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.trace import Trace, frozen
from attnlab.figures.captions import trace_caption
from attnlab.models.filling import Hole, PseudoLikelihood, fillers
from attnlab.ui import canvas
from attnlab.ui.ask import ask_attention, ask_choice, ask_head
from attnlab.ui.chips import chips
from attnlab.ui.fill.holes import Holes, punched
from attnlab.ui.fill.likelihoods import likelihoods
from attnlab.ui.language import md_escape, percent, signed, t
from attnlab.ui.pictures import save_matrix, save_row
from attnlab.ui.save import facts_of
from attnlab.ui.traces import get_trace

SHOWN = 10


def show_changes(here: Holes) -> None:
    """One hole, the word that stood there and another: both sentences, and what is different in the second."""
    open_holes = [hole for hole in here.found if hole.place in here.places and here.whole.offsets[hole.place] is not None]
    if not open_holes:
        st.info(t("fill.changes_none"))
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        hole = ask_hole(here, open_holes)
        was = here.whole.ids[hole.place]
        best = [each for each in fillers(here.model, hole, n=SHOWN + 1) if each.id != was][:SHOWN]
        names = {str(each.id): f"{each.piece} {percent(each.probability)}" for each in best}
        new = int(ask_choice("put", names, label=t("fill.put"), width=190))
    piece = here.model.show(new)
    ids = tuple(new if i == hole.place else token for i, token in enumerate(here.whole.ids))
    found = likelihoods(here.model, [replace(here.whole, ids=each) for each in (here.whole.ids, ids)])
    if found is not None:
        show_words(here, hole, piece, *found)
    old, filled = (
        get_trace(here.model.spec.name, punched(here.text, here.whole, [hole.place], word)) for word in (said(here, hole), piece)
    )
    show_heads(old, filled, piece)


def ask_hole(here: Holes, found: list[Hole]) -> Hole:
    """Which of the holes."""
    names = {str(hole.place): f"{hole.place}: {here.whole.pieces[hole.place]}" for hole in found}
    place = int(ask_choice("hole", names, label=t("fill.which"), width=160))
    return next(hole for hole in found if hole.place == place)


def said(here: Holes, hole: Hole) -> str:
    """The word of the text that stands where the hole is."""
    start, end = here.whole.offsets[hole.place] or (0, 0)
    return here.text[start:end]


def show_words(here: Holes, hole: Hole, piece: str, before: PseudoLikelihood, after: PseudoLikelihood) -> None:
    """How much likelier or less likely every other word has become, each hidden in turn."""
    places = [i for i, special in enumerate(here.whole.special) if not special and i != hole.place]
    gained = frozen([after.log_probabilities[i] - before.log_probabilities[i] for i in places])
    pieces = [here.whole.pieces[i] for i in places]
    p = [[float(np.exp(one.log_probabilities[i])) for i in places] for one in (before, after)]
    facts = {"old": md_escape(here.whole.pieces[hole.place]), "new": md_escape(piece)}
    st.markdown(t("fill.changes_what", **facts))
    chips(
        gained,
        pieces,
        [[signed(float(x), 2) for x in gained]],
        [
            t("fill.change_label", piece=word, before=percent(a), after=percent(b), gained=signed(float(x), 2))
            for word, a, b, x in zip(pieces, *p, gained, strict=True)
        ],
        key="changed words",
        name=t("fill.change_name"),
        high=max(1.0, float(np.abs(gained).max(initial=0))),
        hint=t("fill.change_hint"),
        kind="signed",
    )
    spec, named = here.model.spec, t("fill.change_name")
    how: dict[str, Any] = {"title": named, "caption": here.text, "legend": named, "signed": True, "say": False}
    about = {"model": spec.name, "revision": spec.revision, "text": here.text}
    save_row(gained, pieces, piece, key="changed words", name=f"{spec.name}-changed-words", facts=about, **how)
    order = np.argsort(-np.abs(gained))[:3]
    named = ", ".join(f"“{md_escape(pieces[i])}” {percent(p[0][i])} → {percent(p[1][i])}" for i in order)
    st.markdown(t("fill.change_says", named=named))


def show_heads(old: Trace, new: Trace, piece: str) -> None:
    """Where one head looks after the change, less where it looked before."""
    if len(old.source) != len(new.source):
        st.caption(t("fill.changes_length"))
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        attention = ask_attention(new, width=130)
        head = ask_head(attention, new.model, width=130)
    earlier = old.at(attention.stack, attention.layer)
    difference = frozen(attention.weights(head) - earlier.weights(head))
    title = t("fill.change_map", name=f"L{attention.layer}H{head}", piece=piece)
    pieces = new.source.pieces
    canvas.matrix(difference, pieces, pieces, key="changed map", kind="signed", title=title, name=t("fill.change_weight"))
    told: dict[str, Any] = {"title": f"{new.model} · {title}", "caption": trace_caption(new), "legend": t("fill.change_weight")}
    facts, file = facts_of(new, attention, head), f"{new.model}-changed-L{attention.layer}H{head}"
    save_matrix(difference, pieces, pieces, key="changed", name=file, facts=facts, signed=True, **told)
    every = [(float(np.abs(a.all_weights()[h] - old.at(a.stack, a.layer).all_weights()[h]).sum(-1).mean()) / 2, a.layer, h)
             for a in new.layers(attention.stack) for h in range(a.n_heads)]  # fmt: skip
    most = ", ".join(f"L{layer}H{h} {percent(share)}" for share, layer, h in sorted(every, reverse=True)[:3])
    st.markdown(t("fill.change_heads", heads=most))
