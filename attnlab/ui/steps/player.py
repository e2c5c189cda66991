"""Walks for the page: kept for everybody, moved about by clicks, compared with the model, and given away as code."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from attnlab.core.trace import Attention, Stack, Trace
from attnlab.core.walk.place import follow, start_place, step_of
from attnlab.core.walk.proof import Proof, proof
from attnlab.core.walk.script import archive, script
from attnlab.core.walk.spot import base
from attnlab.core.walk.walk import Walk
from attnlab.figures.captions import trace_caption
from attnlab.figures.style import Look, Words
from attnlab.figures.walks import Seen, still, symbol_of
from attnlab.models.weights import walk_of
from attnlab.ui import choices
from attnlab.ui.examples import example_cell
from attnlab.ui.language import language, md_escape, t
from attnlab.ui.save import facts_of, save_bar
from attnlab.ui.steps.page import copy_button
from attnlab.ui.steps.place import ask_place, keep_place
from attnlab.ui.steps.scratch import change_of
from attnlab.ui.traces import get_model

CLOSE = 1e-4  # what float32 allows a layer to differ by
LONGEST = 512  # tokens: every head of the layer is worked out twice as exactly as the model did
SEQ = "walk seq"  # the number of the visitor's last move: the player ignores what it has sent itself
Move = Callable[[], None]


@st.cache_resource(max_entries=24, show_spinner=False)
def _walk(model: str, stack: Stack, layer: int, _trace: Trace, key: tuple[Any, ...]) -> tuple[Walk, Proof]:
    """A walk and its comparison."""
    walk = walk_of(get_model(model), _trace, stack, layer)
    return walk, proof(walk, _trace, stack, layer)


def get_walk(trace: Trace, model: str, attention: Attention) -> tuple[Walk, Proof]:
    """The walk through the layer of this sublayer, and how far it is from the model's own forward pass."""
    return _walk(model, attention.stack, attention.layer, trace, trace.key)


def look(trace: Trace, model: str, attention: Attention, head: int) -> tuple[Seen, Move, Move]:
    """What is looked at, and what to call when the visitor moves in the picture or follows a number."""
    own, _ = get_walk(trace, model, attention)
    walk = change_of(own, trace, attention, head)
    cell = example_cell(model, trace.text, attention.layer, head)
    place = ask_place(start_place(own, attention, head, cell), attention, own)
    stage, name = step_of(walk.steps(attention.stack, head), place)
    seen = Seen(walk, attention, head, replace(place, stage=stage, part=base(name)), language())

    def move() -> None:
        go = choices.report("walk", "go")
        if go is not None:
            choices.keep(SEQ, int(go["seq"]))
            changes = dict(go)
            if "joined" in changes:
                other, changes["dim"] = divmod(int(changes["joined"]), attention.d_head)
                choices.keep("head", other)
            keep_place(changes)

    def jump() -> None:
        chosen = choices.report("apart", "follow")
        if chosen is not None:
            place = str(chosen["spot"]), int(chosen["row"]), int(chosen["column"])
            there = follow(own, attention.stack, attention.layer, head, attention.d_head, *place)
            for name in ("stack", "layer", "head"):
                choices.keep(name, getattr(there, name))
            choices.keep(SEQ, int(chosen["seq"]))
            keep_place(there.changes)

    return seen, move, jump


def save_step(trace: Trace, seen: Seen, name: str) -> None:
    """The matrix of this step as files and as a table."""
    attention, title = seen.attention, f"{trace.model} · {seen.attention.stack} L{seen.attention.layer}H{seen.head} · {symbol_of(name)}"

    columns = t("ui.key") if seen.walk.spots[name].columns == "key" else t("variants.dimension")

    def draw(look: Look, words: Words) -> Any:
        return still(seen, name, title=title, caption=trace_caption(trace), look=look, words=replace(words, key=columns))

    file = f"{trace.model}-{attention.stack}-L{attention.layer}H{seen.head}-{base(name)}"
    facts = facts_of(trace, attention, seen.head, stage=seen.place.stage, part=seen.place.part)
    save_bar(draw, key="walk", name=file, facts=facts, linked=seen.walk.change.nothing)


def show_proof(trace: Trace, model: str, attention: Attention) -> None:
    """The largest difference between the walk and the model, with a tick or a warning."""
    _, found = get_walk(trace, model, attention)
    facts: dict[str, Any] = {
        "layer": attention.layer,
        "model": md_escape(model),
        "heads": attention.n_heads,
        "n": len(attention.queries),
        "weights": f"{found.weights:.1e}",
        "z": f"{found.z:.1e}",
        "output": "–" if found.output is None else f"{found.output:.1e}",
        "largest": f"{found.largest:.0f}",
        "share": f"{found.worst / found.largest:.0e}",
    }
    if found.worst >= CLOSE:
        st.warning(t("steps.proof_bad", **facts))
    else:
        st.success(t("steps.proof_short" if found.output is None else "steps.proof_ok", **facts))


def show_code(seen: Seen, name: str) -> None:
    """The source of exactly the function that made the matrix on screen."""
    with st.expander(t("steps.code")):
        st.caption(t("steps.code_hint"))
        st.code(inspect.getsource(seen.walk.spots[name].run), language="python")


def show_script(trace: Trace, model: str, attention: Attention, head: int) -> None:
    """The numbers of this head, and a script that works it out again without attnlab."""
    walk, _ = get_walk(trace, model, attention)
    file = f"{model.replace('/', '-')}-{attention.stack}-L{attention.layer}H{head}.npz"
    with st.expander(t("steps.script_title")):
        st.caption(t("steps.script_hint"))
        code = script(walk, attention, head, file)
        left, right, _ = st.columns([1, 1, 2])
        how: dict[str, Any] = {"mime": "application/octet-stream", "on_click": "ignore", "key": "npz"}
        left.download_button(t("steps.npz"), lambda: archive(walk, attention, head), file_name=file, **how)
        with right:
            copy_button(code)
        st.code(code, language="python")
