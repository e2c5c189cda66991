"""The one owner of what a visitor chose: as the address says where that leads, else as it was in this visit, else the default.

Widgets that keep their own value follow a choice (`follow`); everything else is read as the address writes it (`read`) and kept (`keep`).
What a visit makes and needs again, its models and measurements, is held here too (`visit`): nobody else writes into Streamlit's state.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import streamlit as st

from attnlab.ui import link

Value = TypeVar("Value")
TURNS = "choice turns"  # by name, how often the address changed a choice under its widget


def read(name: str, default: str = "") -> str:
    """A choice as the address writes it, which goes on saying it."""
    state = st.session_state
    if link.leads() or name not in state:
        value = link.given(name)
        if name in state and state[name] != value:
            visit(TURNS, dict[str, int])[name] = turn(name) + 1
        state[name] = value
    chosen = default if state[name] is None else str(state[name])
    link.put(name, None if chosen == default else chosen)
    return chosen


def turn(name: str) -> int:
    """How often the address has changed this choice: a widget of another turn is another widget, whose default counts again."""
    return visit(TURNS, dict[str, int]).get(name, 0)


def follow(name: str, default: Value, parse: Callable[[str], Value]) -> Value:
    """Give the widget of this name its value before it is drawn."""
    state = st.session_state
    if link.leads() or name not in state:
        asked = link.given(name)
        value = default if asked is None else parse(asked)
    else:  # said once more: a widget that a page draws for the first time takes only what is set in this very run
        value = state[name]
        if isinstance(value, str) and not isinstance(default, str | None):  # another page keeps another kind of choice under this name
            value = parse(value)
    state[name] = value
    return value


def last(name: str, default: Any = None) -> Any:
    """A choice as it was when somebody last chose, whatever the address says."""
    return st.session_state.get(name, default)


def keep(name: str, value: object) -> None:
    """Choose this for the visit. A widget of this name must not have been drawn yet in this run."""
    st.session_state[name] = value


def take(name: str, widget: str) -> None:
    """Choose what this widget says."""
    keep(name, st.session_state[widget])


def forget(names: Iterable[str]) -> None:
    """As if nothing had been chosen."""
    for name in names:
        st.session_state.pop(name, None)


def group(name: str, fields: Iterable[str]) -> dict[str, Any]:
    """Choices that belong together, by field: what the address gives where that leads, else as they were."""
    if link.leads() or name not in st.session_state:
        st.session_state[name] = {field: value for field in fields if (value := link.given(field)) is not None}
    return dict(st.session_state[name])


def regroup(name: str, **changes: object) -> None:
    """Choose some of a group's fields anew; the others stay."""
    st.session_state[name] = {**st.session_state.get(name, {}), **changes}


def report(component: str, field: str) -> Any:
    """What a component says that the visitor did to it last, None before."""
    return (st.session_state.get(component) or {}).get(field)


def differs(name: str, now: object) -> bool:
    """Whether something is not what it was when this was asked before; at first it does not differ."""
    before = st.session_state.get(name, now)
    st.session_state[name] = now
    return bool(before != now)


def visit(name: str, make: Callable[[], Value]) -> Value:
    """What this visit holds under a name, made when it is first asked for."""
    if name not in st.session_state:
        st.session_state[name] = make()
    value: Value = st.session_state[name]
    return value
