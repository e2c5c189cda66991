"""Widgets that ask, and keep their answer in the link: open the same link anywhere and the same view is there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeVar

import streamlit as st

from attnlab.core.trace import Attention, Stack, Trace
from attnlab.core.words import InputError
from attnlab.models.load import known
from attnlab.models.spec import Spec
from attnlab.ui.traces import DEFAULT_MODEL, DEFAULT_TEXT, get_model, own_specs
from attnlab.ui.words import md_escape, t

Value = TypeVar("Value", bound=str)
Width = int | Literal["stretch"]
LONGEST_LINK = 3000  # characters of text that still go into a link; browsers and servers cut longer ones
STACKS: Mapping[Stack, str] = {"encoder": "ui.encoder", "decoder": "ui.decoder", "cross": "ui.cross"}


def ask_model(only: Callable[[Spec], bool] | None = None, *, width: Width = "stretch") -> str:
    """Which model, by name; anything the hub or a folder holds may be typed. Raises InputError for one that cannot do what `only` needs."""
    specs = [spec for spec in [*known(), *own_specs()] if only is None or only(spec)]
    names = [spec.name for spec in specs]
    here = st.session_state.get("model", st.query_params.get("model"))
    if here and here not in names:  # another page's choice, or a hub name in the link
        names.append(str(here))
    first = names.index(DEFAULT_MODEL) if DEFAULT_MODEL in names else 0
    name = st.selectbox(
        t("ui.model"),
        names,
        index=first,
        key="model",
        bind="query-params",
        accept_new_options=True,
        help=t("ui.model_help"),
        width=width,
    )
    name = (name or DEFAULT_MODEL).strip()
    if only is not None and name not in {spec.name for spec in specs} and not only(get_model(name).spec):
        raise InputError("error.other_model", name=name, known=", ".join(spec.name for spec in specs))
    return name


def ask_text(default: str = DEFAULT_TEXT, key: str = "text", label: str | None = None) -> str:
    """The sentence, shared by all pages. A text too long for a link is kept for this visit only."""
    short = len(st.session_state.get(key) or "") <= LONGEST_LINK
    bind: Literal["query-params"] | None = "query-params" if short else None
    return st.text_input(label or t("ui.text"), default, key=key, bind=bind, persist_state="session")


def ask_stack(trace: Trace, *, width: Width = "stretch") -> Stack:
    """Which stack, where there are several."""
    names: dict[Stack, str] = {stack: t(STACKS[stack]) for stack in trace.stacks}
    return ask_choice("stack", names, label=t("ui.stack"), width=width) if len(names) > 1 else trace.stacks[0]


def ask_attention(trace: Trace, *, width: Width = "stretch") -> Attention:
    """Which sublayer: the stack where there are several, and the layer."""
    layers = trace.layers(ask_stack(trace, width=width))
    return layers[ask_number("layer", 0, len(layers) - 1, 0, label=t("ui.layer"), width=width)]


def ask_head(attention: Attention, *, width: Width = "stretch") -> int:
    """Which head of the layer."""
    return ask_number("head", 0, attention.n_heads - 1, 0, label=t("ui.head"), width=width)


def ask_number(key: str, low: int, high: int, default: int, *, label: str, help: str | None = None, width: Width = "stretch") -> int:
    """A whole number. One that the link asks for and that does not exist is named, and the nearest one is shown."""
    asked = st.query_params.get(key)
    if asked is not None and _outside(asked, low, high):
        st.toast(md_escape(t("ui.outside", label=label, given=asked, low=low, high=high)))
    kept = st.session_state.get(key)
    if kept is not None and not low <= kept <= high:  # the model before had more layers or heads
        st.session_state[key] = min(max(kept, low), high)
    return int(st.number_input(label, low, high, default, key=key, bind="query-params", help=help, disabled=low == high, width=width))


def ask_slider(key: str, low: float, high: float, default: float, *, label: str, step: float = 0.01, help: str | None = None) -> float:
    """A number on a scale."""
    return float(st.slider(label, low, high, default, step, key=key, bind="query-params", help=help))


def ask_switch(key: str, label: str, default: bool = False, *, help: str | None = None) -> bool:
    """Yes or no."""
    return bool(st.toggle(label, default, key=key, bind="query-params", help=help))


def ask_choice(
    key: str,
    options: Mapping[Value, str] | Sequence[Value],
    *,
    label: str,
    default: Value | None = None,
    help: str | None = None,
    width: Width = "stretch",
) -> Value:
    """One of a few. options: the values as the link writes them, or value -> words on the page. The first is the default."""
    names = dict(options) if isinstance(options, Mapping) else {option: option for option in options}
    values = list(names)
    default = values[0] if default is None else default
    asked = st.query_params.get(key, st.session_state.get(f"kept {key}", default))
    chosen = asked if asked in names else default
    widget = f"choice {key}"
    if st.session_state.get(widget) != chosen:
        st.session_state[widget] = chosen

    def remember() -> None:
        # The widget is not bound to the link: a bound one would write the words on the page, which change with the language.
        value = st.session_state[widget]
        st.session_state[f"kept {key}"] = value
        if value == default:
            st.query_params.pop(key, None)
        else:
            st.query_params[key] = value

    st.selectbox(label, values, format_func=lambda value: names[value], key=widget, on_change=remember, help=help, width=width)
    return chosen


def _outside(asked: str, low: int, high: int) -> bool:
    try:
        return not low <= int(float(asked)) <= high
    except (ValueError, OverflowError):
        return True


def ask_pair(model: str) -> str | None:
    """A second text, for encoders that read two; None when there is none."""
    if set(get_model(model).spec.stacks) != {"encoder"}:
        return None
    return ask_text("", key="pair", label=t("ui.pair")).strip() or None


def ask_target(model: str) -> str | None:
    """What the decoder is to be shown; None lets the model write its own."""
    if "cross" not in get_model(model).spec.stacks:
        return None
    return ask_text("", key="target", label=t("ui.target")).strip() or None


def open_head(stack: Stack, layer: int, head: int, *, cell: tuple[int, int] | None = None, text: str | None = None) -> None:
    """Go to the Heads page with this head chosen."""
    st.session_state["layer"], st.session_state["head"] = layer, head
    st.session_state["kept stack"] = stack
    if text is not None:
        st.session_state["text"] = text
    # The address is written anew by the page that opens: what is bound to widgets comes back by itself.
    st.switch_page("look/heads.py", query_params={} if cell is None else {"cell": f"{cell[0]},{cell[1]}"})
