"""One row of buttons, one of which is pressed, or several, and scales of whole numbers; all keep their answer in the link."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import streamlit as st

from attnlab.ui import link
from attnlab.ui.language import language
from attnlab.untrusted import whole_number

Value = TypeVar("Value")


def ask_row(key: str, options: Mapping[str, str], *, label: str, default: str | None = None, hidden: bool = False) -> str:
    """One of a few, all in sight. options: value -> words on the page. The first is the default. hidden: the label is only read aloud."""
    default = next(iter(options)) if default is None else default
    chosen = _kept(key, default, lambda asked: asked if asked in options else default)
    if chosen not in options:  # another page offers other choices under this name
        chosen = default
    widget = _widget(key)
    st.segmented_control(
        label,
        list(options),
        default=chosen,
        required=True,
        format_func=options.__getitem__,
        key=widget,
        on_change=_remember,
        args=(key, widget),
        label_visibility="collapsed" if hidden else "visible",
    )
    link.put(key, None if chosen == default else chosen)
    return chosen


def ask_rows(key: str, options: Mapping[str, str], *, label: str) -> list[str]:
    """Some of a few, all of them at first; in the order of `options`. The link lists them with commas."""
    everything = list(options)
    kept = _kept(key, everything, lambda asked: asked.split(","))
    chosen = [value for value in options if value in kept]
    widget = _widget(key)
    st.pills(
        label,
        everything,
        selection_mode="multi",
        default=chosen,
        format_func=options.__getitem__,
        key=widget,
        on_change=_remember,
        args=(key, widget),
    )
    link.put(key, None if chosen == everything else ",".join(chosen))
    return chosen


def ask_whole(key: str, low: int, high: int, default: int, *, label: str, step: int = 1) -> int:
    """A whole number on a scale."""
    asked = _kept(key, default, lambda asked: default if (number := whole_number(asked)) is None else number)
    number = low + (min(max(asked, low), high) - low) // step * step
    if st.session_state.get(f"scale {key}", number) != number:  # the link says so, or the scale has become shorter
        del st.session_state[f"scale {key}"]
    number = int(st.slider(label, low, high, number, step, key=f"scale {key}", on_change=_remember, args=(key, f"scale {key}")))
    link.put(key, None if number == default else str(number))
    return number


def ask_step(key: str, steps: Sequence[int], default: int, *, label: str) -> int:
    """One of a few numbers on a scale."""
    asked = _kept(key, default, lambda asked: default if (number := whole_number(asked)) is None else number)
    number = asked if asked in steps else default
    widget = _widget(key)
    number = int(st.select_slider(label, steps, number, key=widget, on_change=_remember, args=(key, widget)))
    link.put(key, None if number == default else str(number))
    return number


def _kept(key: str, default: Value, read: Callable[[str], Value]) -> Value:
    """What was chosen: what the address says where that leads, else as it was, else the default."""
    name = f"row {key}"
    if link.leads() or name not in st.session_state:
        asked = link.given(key)
        value = default if asked is None else read(asked)
        if st.session_state.get(name, value) != value:
            st.session_state[f"turn {key}"] = st.session_state.get(f"turn {key}", 0) + 1
        st.session_state[name] = value
    kept: Value = st.session_state[name]
    return kept


def _widget(key: str) -> str:
    """A widget's own key: a new one for each language, and when the address changed under it, for then its default counts again."""
    return f"row {key} {language()} {st.session_state.get(f'turn {key}', 0)}"


def _remember(key: str, widget: str) -> None:
    st.session_state[f"row {key}"] = st.session_state[widget]
