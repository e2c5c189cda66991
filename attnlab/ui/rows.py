"""One row of buttons, one of which is pressed, or several; the answer stands in the link under its own name, not under its words."""

from collections.abc import Callable, Mapping

import streamlit as st

from attnlab.ui.words import language


def ask_row(key: str, options: Mapping[str, str], *, label: str, default: str | None = None, hidden: bool = False) -> str:
    """One of a few, all in sight. options: value -> words on the page. The first is the default. hidden: only screen readers get the label."""
    default = next(iter(options)) if default is None else default
    asked = st.query_params.get(key, st.session_state.get(f"kept {key}", default))
    chosen = asked if asked in options else default
    widget = _widget(key, chosen)
    st.segmented_control(
        label,
        list(options),
        default=chosen,
        required=True,
        format_func=lambda value: options[value],
        key=widget,
        on_change=_remember(key, widget, default),
        label_visibility="collapsed" if hidden else "visible",
    )
    return chosen


def ask_rows(key: str, options: Mapping[str, str], *, label: str) -> list[str]:
    """Some of a few, all of them at first; in the order of `options`. The link lists them with commas."""
    everything = ",".join(options)
    asked = st.query_params.get(key, st.session_state.get(f"kept {key}", everything)).split(",")
    chosen = [value for value in options if value in asked]
    widget = _widget(key, chosen)
    st.pills(
        label,
        list(options),
        selection_mode="multi",
        default=chosen,
        format_func=lambda value: options[value],
        key=widget,
        on_change=_remember(key, widget, everything, list(options)),
    )
    return chosen


def _widget(key: str, chosen: str | list[str]) -> str:
    """The widget's own key, a new one for each language; a link that changed under it is followed."""
    widget = f"row {key} {language()}"
    if st.session_state.get(widget, chosen) != chosen:
        st.session_state[widget] = chosen
    return widget


def _remember(key: str, widget: str, default: str, order: list[str] | None = None) -> Callable[[], None]:
    def remember() -> None:
        value = st.session_state[widget]
        written = value if order is None else ",".join(option for option in order if option in value)
        st.session_state[f"kept {key}"] = written
        if written == default:
            st.query_params.pop(key, None)
        else:
            st.query_params[key] = written

    return remember
