"""Another sentence's numbers carried over: the map of what comes back, the guess from one gradient beside it, one cell opened."""

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.trace import Stack, Trace
from attnlab.models.answers import answers
from attnlab.models.patching import LONGEST, PLACES, PatchMap, patch_map
from attnlab.models.spec import Model
from attnlab.ui.ask import ask_choice, ask_row, ask_switch, ask_text
from attnlab.ui.change.results import draw_map, show_answers
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import md_escape, t
from attnlab.ui.traces import get_trace
from attnlab.ui.turns import Kept, made_in_turn

PATCHES = Kept[PatchMap](32)


def show_patching(model: Model, trace: Trace, stack: Stack) -> None:
    """The second sentence, what is carried over and which way, the map, and what a clicked cell makes the model say."""
    other = ask_text("", key="other", label=t("change.other")).strip()
    if not other:
        st.caption(t("change.other_help", most=LONGEST))
        return
    with mistake_box():
        corrupt = get_trace(model.spec.name, other, target=trace.target_text)
        places = [place for place in PLACES if place != "stream" or stack != "cross"]
        place: Any = ask_choice("place", {name: t(f"change.place_{name}") for name in places}, label=t("change.place"))
        ways = {"denoise": t("change.denoise"), "noise": t("change.noise")}
        noise = ask_row("way", ways, label=t("change.way")) == "noise"
        st.caption(t("change.way_help"))
        align = ask_switch("align", t("change.align"), help=t("change.align_help")) if len(trace.source) != len(corrupt.source) else False
        make = partial(patch_map, model, trace, corrupt, place=place, stack=stack, noise=noise, align=align)
        key = (trace.key, corrupt.key, place, stack, noise, align)
        found = made_in_turn(PATCHES, key, lambda breathe: make(between=breathe))
    facts = {"clean": f"{found.clean:.3f}", "corrupt": f"{found.corrupt:.3f}", "says": md_escape(found.says)}
    st.markdown(t("change.patched", **facts))
    rows = [f"L{i}" for i in range(len(found.shares))]
    cell = draw_map(found.shares, rows, found.places, trace, key="patch", name=t("change.share"), limit=(-1.0, 1.0))
    st.caption(t("change.agreement", agreement=f"{found.agreement:.2f}"))
    if ask_switch("guess map", t("change.guess_map"), help=t("change.guess_map_help")):
        draw_map(found.guess, rows, found.places, trace, key="guessed", name=t("change.guessed"), limit=(-1.0, 1.0))
    if cell is not None:
        show_cell(model, (corrupt, trace) if noise else (trace, corrupt), found, cell)
    else:
        st.caption(t("change.click_patch"))


def show_cell(model: Model, runs: tuple[Trace, Trace], found: PatchMap, cell: tuple[int, int]) -> None:
    """What the run says that is given one place of the other one."""
    giver, taker = runs
    edit = found.edits[cell[0] * len(found.places) + cell[1]]
    if edit is None or not np.isfinite(found.shares[cell]):
        return
    patched = model.trace(taker.text, target=taker.target_text, edits=[edit])
    place = f"L{cell[0]} {md_escape(found.places[cell[1]])}"
    st.markdown(t("change.cell", place=place, share=f"{found.shares[cell]:.3f}", guess=f"{found.guess[cell]:.3f}"))
    clean = giver if found.says == "cosine" else taker
    show_answers({t("change.taker"): answers(model, taker, clean), t("change.patched_run"): answers(model, patched, clean)})
