"""Models and traces for the pages: computed once for everybody, kept within bounds, never in a visitor's own memory."""

import gc
import threading
from importlib import import_module
from typing import Any

import streamlit as st

from attnlab.core.trace import Stack, Trace
from attnlab.core.views import Thumbnails, thumbnails
from attnlab.models import tokens
from attnlab.models.first_look import DEFAULT_MODEL, DEFAULT_TEXT
from attnlab.models.load import load, one_thread_each
from attnlab.models.spec import Model, PositionChange
from attnlab.ui.access import allowed, for_others
from attnlab.ui.language import md_escape, t
from attnlab.ui.own_models import own_model
from attnlab.ui.turns import Breathe, Kept, made_in_turn, reporting
from attnlab.words import InputError

DRAWS = ("pandas", "plotly.graph_objects", "seaborn")  # what Streamlit and figures import at their first use, a second together
LONGEST = 100_000  # characters of a text and what goes with it: judged before anything is split into tokens
LONG = 2000  # characters: reading more than this takes seconds where a model lets it, and waits for its turn
LONG_TRACES = Kept[Trace](4)


def get_model(name: str) -> Model:
    """A model by name: this visit's own, else one that everybody shares. Raises InputError for an unknown one."""
    own = own_model(name)
    return open_shared(name) if own is None else own[1]


def open_shared(name: str) -> Model:
    """A model that everybody shares, as far as this visit may open it; one of the hub with a bar while it comes."""
    with reporting() as report:

        def tell(share: float | None, size: int) -> None:
            facts = {"name": md_escape(name), "percent": f"{100 * min(share or 0, 1):.0f}", "size": f"{size / 1e9:.2f}"}
            report(share or 0.0, t("server.fetching_next") if share is None else t("server.fetching", **facts))

        return load(allowed(name), tell=tell)


def get_trace(model_name: str, text: str, pair: str | None = None, target: str | None = None, positions: PositionChange = None) -> Trace:
    """One forward pass, or the one already made of the same words. Raises InputError for empty or too long text."""
    if sum(len(part or "") for part in (text, pair, target)) > LONGEST:
        raise InputError("server.long_text", limit=LONGEST)
    own = own_model(model_name)
    place, model = ((), open_shared(model_name)) if own is None else own
    key = (*place, model.spec.name, model.spec.revision)
    if sum(len(part or "") for part in (text, pair, target)) <= LONG:
        return _trace(model, key, text, pair, target, positions)

    def make(_: Breathe) -> Trace:
        return model.trace(text, pair, target=target, positions=positions)

    return made_in_turn(LONG_TRACES, (key, text, pair, target, positions), make)


@st.cache_resource(max_entries=32, show_spinner=False)
def _trace(_model: Model, key: tuple[str, ...], text: str, pair: str | None, target: str | None, positions: PositionChange) -> Trace:
    return _model.trace(text, pair, target=target, positions=positions)


def get_thumbnails(trace: Trace, stack: Stack) -> Thumbnails:
    """Every head of a stack, small: computed once for a text."""
    return _thumbnails(trace, stack, trace.key)


@st.cache_resource(max_entries=32, show_spinner=False)
def _thumbnails(_trace: Trace, stack: Stack, key: tuple[Any, ...]) -> Thumbnails:
    return thumbnails(_trace.layers(stack))


def first_tokens(model_name: str, text: str, limit: int) -> str:
    """The beginning of a text that a model can read."""
    return tokens.first_tokens(get_model(model_name), text, limit)


def warm_up() -> None:
    """Load the default model in the background, so that the first visitor does not wait for it."""
    threading.Thread(target=_warm, daemon=True, name="warm-up").start()


def _warm() -> None:
    if for_others():
        one_thread_each()
    try:
        load(DEFAULT_MODEL).trace(DEFAULT_TEXT)
    except InputError:
        return  # the page itself will say what is wrong with the model
    for name in DRAWS:
        import_module(name)
    gc.collect()
    gc.freeze()  # what is loaded by now stays: later collections need not look at it
