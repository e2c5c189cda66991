"""Models and traces for the pages: computed once for everybody, kept within bounds, never in a visitor's own memory."""

import gc
import threading
from contextlib import nullcontext
from importlib import import_module
from typing import Any

import streamlit as st

from attnlab.core.trace import Stack, Trace
from attnlab.core.views import Thumbnails, thumbnails
from attnlab.models import tokens
from attnlab.models.first_look import DEFAULT_MODEL, DEFAULT_TEXT
from attnlab.models.load import load
from attnlab.models.spec import Model, PositionChange, Spec, trained_name
from attnlab.models.untrained import untrained
from attnlab.ui import choices
from attnlab.ui.language import t
from attnlab.words import InputError

DRAWS = ("pandas", "plotly.graph_objects", "seaborn")  # what Streamlit and figures import at their first use, a second together
LONG = 500  # characters: reading more than this may take long enough to say so
OWN = "own_models"  # models trained or uploaded in this visit, by name
BEFORE = "own_models before"  # the same before their training, each beside the trained one that it was made from


def get_model(name: str) -> Model:
    """A model by name: this visit's own, else one that everybody shares. Raises InputError for an unknown one."""
    own = own_models()
    if name in own:
        return own[name]
    return _before(own[trained_name(name)]) if trained_name(name) in own else load(name)


def _before(trained: Model) -> Model:
    """One of this visit's own models before its training, made once."""
    made = choices.visit(BEFORE, dict[str, tuple[Model, Model]])
    name = trained.spec.name
    if name not in made or made[name][0] is not trained:
        made[name] = (trained, untrained(trained))
    return made[name][1]


def own_specs() -> list[Spec]:
    """The models that this visit made or uploaded."""
    return [model.spec for model in own_models().values()]


def own_models() -> dict[str, Model]:
    """Models trained or uploaded in this visit, by name."""
    return choices.visit(OWN, dict[str, Model])


def keep_model(model: Model) -> None:
    """Put a model into the menu of this visit, under its own name."""
    own_models()[model.spec.name] = model


def get_trace(model_name: str, text: str, pair: str | None = None, target: str | None = None, positions: PositionChange = None) -> Trace:
    """One forward pass, or the one already made of the same words. Raises InputError for empty or too long text."""
    own = own_models()
    if model_name in own or trained_name(model_name) in own:  # the name alone would mix two visitors' models
        return get_model(model_name).trace(text, pair, target=target, positions=positions)
    with st.spinner(t("ui.reading")) if len(text) > LONG else nullcontext():
        return _trace(model_name, text, pair, target, positions)


@st.cache_resource(max_entries=32, show_spinner=False)
def _trace(model_name: str, text: str, pair: str | None, target: str | None, positions: PositionChange) -> Trace:
    return load(model_name).trace(text, pair, target=target, positions=positions)


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
    try:
        load(DEFAULT_MODEL).trace(DEFAULT_TEXT)
    except InputError:
        return  # the page itself will say what is wrong with the model
    for name in DRAWS:
        import_module(name)
    gc.collect()
    gc.freeze()  # what is loaded by now stays: later collections need not look at it
