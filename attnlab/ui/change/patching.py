"""Another sentence's numbers carried over: the map of what comes back, the guess from one gradient beside it, one cell opened."""

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.trace import Stack, Trace
from attnlab.models.answers import answers
from attnlab.models.patching import LONGEST, PLACES, Patching, PatchMap, begin
from attnlab.models.spec import Model
from attnlab.ui import choices
from attnlab.ui.ask import ask_choice, ask_row, ask_switch, ask_text
from attnlab.ui.change.results import draw_map, show_answers
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import md_escape, t
from attnlab.ui.traces import get_trace
from attnlab.ui.turns import Kept, my_turn

PATCHES = Kept[PatchMap](32)
PIECE = 0.5  # seconds after which the cells that there are are drawn


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
        make = partial(begin, model, trace, corrupt, place=place, stack=stack, noise=noise, align=align)
        key = (trace.key, corrupt.key, place, stack, noise, align)
        found = PATCHES.get(key) or so_far(key, make)
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
    if found.done < 1 and not desk().stopped:
        st.rerun()  # what is drawn stays, and the next cells come


@dataclass(eq=False)
class Desk:
    """The map that a visit is at. A click starts the next run of the page while the one before still computes, hence the lock."""

    key: Hashable = None
    begun: Patching | None = None
    outputs: list[float] = field(default_factory=list)
    stopped: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, key: Hashable, first: int, found: Sequence[float]) -> None:
        """Add what follows the first so many outputs, unless another run has added it meanwhile, or begun another map."""
        with self.lock:
            if (key, first) == (self.key, len(self.outputs)):
                self.outputs += found


def desk() -> Desk:
    """This visit's own."""
    return choices.visit("patch desk", Desk)


def so_far(key: Hashable, make: Callable[[], Patching]) -> PatchMap:
    """The map with the cells that there are, some more than in the run of the page before; kept for everybody once it is whole."""
    here = desk()
    if here.key != key:
        with my_turn(key):
            begun = make()
        here.key, here.begun, here.outputs, here.stopped = key, begun, [], False
    assert here.begun is not None
    began, begun = time.monotonic(), here.begun
    while not here.stopped and (first := len(here.outputs)) < len(begun.changes):
        with my_turn((key, first)):
            here.add(key, first, begun.batch(first).tolist())
        if time.monotonic() - began > PIECE:
            break
    found = begun.map(here.outputs)
    if found.done == 1:
        PATCHES.put(key, found)
    else:
        ask_stop(here, found.done)
    return found


def ask_stop(here: Desk, done: float) -> None:
    """How much is drawn, and the button that stops it or goes on."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.progress(done, t("change.drawn_share", percent=f"{100 * done:.0f}"))
        said = t("change.go_on" if here.stopped else "change.stop")
        st.button(said, key="stop patching", on_click=lambda: setattr(here, "stopped", not here.stopped))


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
