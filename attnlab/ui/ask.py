"""Widgets that ask, and keep their answer in the link: open the same link anywhere and the same view is there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, TypeVar

import streamlit as st

from attnlab.core.trace import Attention, Stack, Trace
from attnlab.models.first_look import DEFAULT_MODEL as DEFAULT_MODEL
from attnlab.models.first_look import DEFAULT_TEXT, MODELS, TEXTS, first_look, first_model, first_text, linked_look
from attnlab.models.inhouse.model import InHouse
from attnlab.models.load import known
from attnlab.models.spec import Spec
from attnlab.ui import choices, link
from attnlab.ui.language import language, md_escape, t
from attnlab.ui.link import LONGEST_LINK as LONGEST_LINK
from attnlab.ui.own_models import own_specs
from attnlab.ui.traces import get_model, get_trace
from attnlab.words import InputError

Value = TypeVar("Value", bound=str)
Width = int | Literal["stretch"]
Look = Callable[[str, Stack], tuple[int, int]]
STACKS: Mapping[Stack, str] = {"encoder": "ui.encoder", "decoder": "ui.decoder", "cross": "ui.cross"}
UNKNOWN = ("[UNK]", "<unk>")
FIRST_TEXTS = {DEFAULT_TEXT, *TEXTS.values()}  # what nobody typed
PLACE = "steps place"  # where a visitor stands on the walk: a group of choices


# What is looked at


@dataclass(frozen=True, eq=False)
class Bar:
    """What a row of controls asked for. more: where a page asks for the rest."""

    model: str
    pair: str | None
    trace: Trace
    attention: Attention
    head: int
    more: Any


def control_bar() -> Bar:
    """Model and sentence, stack, layer and head, in one row; a second text behind "More". Raises InputError for what cannot be shown."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls"):
        model = ask_model(width=190)
        text = ask_text()
        numbers = st.container(horizontal=True, gap="small", width="content")
        more = st.popover(t("ui.more"))
    with more:
        pair = ask_pair(model)
    trace = get_trace(model, text, pair, ask_target(model))
    with numbers:
        first = linked_look if link.asks_beyond("lang", "live", "model") else first_look
        attention = ask_attention(trace, width=125, first=first)
        head = ask_head(attention, trace.model, width=125, first=first)
    for name, chosen in (("layer", attention.layer), ("head", head)):
        link.put(name, str(chosen))  # always: an address without them is from before every address had them
    tell_unknown(trace)
    return Bar(model, pair, trace, attention, head, more)


def tell_unknown(trace: Trace) -> None:
    """Say so where a text is mostly unknown to its model, and which model would know it."""
    pieces = [piece for piece, special in zip(trace.source.pieces, trace.source.special, strict=True) if not special or piece in UNKNOWN]
    strange = [piece for piece in pieces if piece in UNKNOWN]
    if 2 * len(strange) < len(pieces) or not strange:
        return
    facts = {"n": len(strange), "all": len(pieces), "piece": md_escape(strange[0]), "model": md_escape(trace.model)}
    chinese = any("\u4e00" <= letter <= "\u9fff" for letter in trace.text)
    readers = [spec.name for spec in known() if chinese and spec.name in TEXTS and spec.name != trace.model]
    st.warning(t("ui.unknown", **facts) + (" " + t("ui.unknown_try", models=", ".join(readers)) if readers else ""))


def ask_model(
    only: Callable[[Spec], bool] | None = None,
    *,
    width: Width = "stretch",
    key: str = "model",
    default: str | None = None,
    label: str | None = None,
) -> str:
    """Which model, by name; anything the hub or a folder holds may be typed. Raises InputError for one that cannot do what `only` needs."""
    specs = [spec for spec in [*known(), *own_specs()] if only is None or only(spec)]
    names = [spec.name for spec in specs]
    wanted = [own_model_of_language(), DEFAULT_MODEL] if default is None else [default]
    default = next((name for name in wanted if name in names), names[0] if names else wanted[-1])  # a package may leave a model out
    here = choices.follow(key, default, str) or default
    if here not in names:  # another page's choice, or a hub name in the link
        names.append(here)
    name = st.selectbox(
        label or t("ui.model"), names, key=key, accept_new_options=True, help=t("ui.model_help"), width=width, persist_state="session"
    )
    name = (name or default).strip() or default
    link.put(key, None if name == default and language() not in MODELS else name)  # where the first one is another, it is always said
    if only is not None and name not in {spec.name for spec in specs} and not only(get_model(name).spec):
        raise InputError("error.other_model", name=name, known=", ".join(spec.name for spec in specs))
    return name


def own_model_of_language() -> str:
    """The model that a visitor begins with. An address that says something of a view and names no model means the one of all languages."""
    return DEFAULT_MODEL if link.leads() and not link.bare() else first_model(language())


def ask_in_house(key: str, task: str, label: str) -> InHouse:
    """One of the models that do this task: shipped ones and this visit's own."""
    names = [spec.name for spec in [*known(), *own_specs()] if spec.family == "attnlab" and spec.task == task]
    asked = link.given(key) if link.leads() else choices.last(key)
    if asked and asked not in names and "/" in asked:  # a folder in the link
        names.append(asked)
    if not names:
        raise InputError("error.no_model_for", task=task)
    own = [name for name in names if name.endswith(f"-{language()}")]  # of the visitor's language, where there is one
    model = get_model(ask_choice(key, names, label=label, default=own[0] if own else names[0]))
    link.put(key, model.spec.name)  # always: what goes without saying is not the same in every language
    if not isinstance(model, InHouse) or model.spec.task != task:
        raise InputError("error.not_task", model=model.spec.name, wanted=task, task=model.spec.task)
    return model


def ask_text(default: str | None = None, key: str = "text", label: str | None = None, *, model: str | None = None) -> str:
    """The sentence, shared by all pages. A text too long for a link is kept for this visit only.

    default: what stands there until somebody writes, the first text of `model` if not given, which goes where another model is chosen.
    """
    if default is None:
        default = first_text(model or choices.last("model") or own_model_of_language())
        if choices.differs(f"first {key}", default) and choices.last(key) in FIRST_TEXTS and not link.leads():
            choices.keep(key, default)
    choices.follow(key, default, str)
    text = st.text_input(label or t("ui.text"), key=key, help=t("ui.text_help"), persist_state="session")
    link.put(key, None if text == default or len(text) > LONGEST_LINK else text)
    return text


def ask_stack(trace: Trace, *, width: Width = "stretch") -> Stack:
    """Which stack, where there are several."""
    names: dict[Stack, str] = {stack: t(STACKS[stack]) for stack in trace.stacks}
    return ask_choice("stack", names, label=t("ui.stack"), help=t("ui.stack_help"), width=width) if len(names) > 1 else trace.stacks[0]


def ask_attention(trace: Trace, *, width: Width = "stretch", first: Look = first_look) -> Attention:
    """Which sublayer: the stack where there are several, and the layer. first: where nobody has chosen."""
    stack = ask_stack(trace, width=width)
    layers = trace.layers(stack)
    default = first(trace.model, stack)[0]
    return layers[ask_number("layer", 0, len(layers) - 1, default, label=t("ui.layer"), help=t("ui.layer_help"), width=width)]


def ask_head(attention: Attention, model: str, *, width: Width = "stretch", first: Look = first_look) -> int:
    """Which head of the layer."""
    default = min(first(model, attention.stack)[1], attention.n_heads - 1)
    return ask_number("head", 0, attention.n_heads - 1, default, label=t("ui.head"), help=t("ui.head_help"), width=width)


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


# Choices of every kind


def ask_number(key: str, low: int, high: int, default: int, *, label: str, help: str | None = None, width: Width = "stretch") -> int:
    """A whole number. One that the link asks for and that does not exist is named, and the nearest one is shown."""
    asked = link.given(key) if link.leads() or choices.last(key) is None else None
    if asked is not None and not low <= (_whole(asked, low - 1)) <= high:
        st.toast(md_escape(t("ui.outside", label=label, given=asked, low=low, high=high)))
    kept = int(choices.follow(key, default, lambda asked: _whole(asked, default)))
    choices.keep(key, min(max(kept, low), high))  # the link may ask for too much, and the model before may have had more layers or heads
    number = int(st.number_input(label, low, high, key=key, help=help, disabled=low == high, width=width, persist_state="session"))
    link.put(key, None if number == default else str(number))
    return number


def ask_slider(key: str, low: float, high: float, default: float, *, label: str, step: float = 0.01, help: str | None = None) -> float:
    """A number on a scale."""
    choices.follow(key, default, lambda asked: min(max(_real(asked, default), low), high))
    number = float(st.slider(label, low, high, step=step, key=key, help=help, persist_state="session"))
    link.put(key, None if number == default else f"{number:g}")
    return number


def ask_switch(key: str, label: str, default: bool = False, *, help: str | None = None) -> bool:
    """Yes or no."""
    choices.follow(key, default, lambda asked: {"true": True, "false": False}.get(asked.lower(), default))
    on = bool(st.toggle(label, key=key, help=help, persist_state="session"))
    link.put(key, None if on == default else str(on).lower())
    return on


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
    if choices.follow(key, str(default), str) not in names:  # a link from elsewhere, or a page that offers other choices
        choices.keep(key, default)
    value = st.selectbox(label, values, format_func=names.__getitem__, key=key, help=help, width=width, persist_state="session")
    link.put(key, None if value == default else value)
    return value


def ask_row(key: str, options: Mapping[str, str], *, label: str, default: str | None = None, hidden: bool = False) -> str:
    """One of a few, all in sight. options: value -> words on the page. The first is the default. hidden: the label is only read aloud."""
    default = next(iter(options)) if default is None else default
    asked = choices.read(key, default)
    chosen = asked if asked in options else default  # another page offers other choices under this name
    widget = _widget(key)
    st.segmented_control(
        label,
        list(options),
        default=chosen,
        required=True,
        format_func=options.__getitem__,
        key=widget,
        on_change=choices.take,
        args=(key, widget),
        label_visibility="collapsed" if hidden else "visible",
    )
    link.put(key, None if chosen == default else chosen)
    return chosen


def ask_rows(key: str, options: Mapping[str, str], *, label: str) -> list[str]:
    """Some of a few, all of them at first; in the order of `options`. The link lists them with commas."""
    everything = ",".join(options)
    kept = choices.read(key, everything).split(",")
    chosen = [value for value in options if value in kept]
    widget = _widget(key)
    st.pills(
        label,
        list(options),
        selection_mode="multi",
        default=chosen,
        format_func=options.__getitem__,
        key=widget,
        on_change=_take_several,
        args=(key, widget),
    )
    said = ",".join(chosen)
    link.put(key, None if said == everything else said)
    return chosen


def ask_whole(key: str, low: int, high: int, default: int, *, label: str, step: int = 1) -> int:
    """A whole number on a scale."""
    asked = _whole(choices.read(key, str(default)), default)
    number = low + (min(max(asked, low), high) - low) // step * step
    widget = _widget(key)
    if choices.last(widget, number) != number:  # the scale has become shorter
        choices.forget([widget])
    number = int(st.slider(label, low, high, number, step, key=widget, on_change=choices.take, args=(key, widget)))
    link.put(key, None if number == default else str(number))
    return number


def ask_step(key: str, steps: Sequence[int], default: int, *, label: str) -> int:
    """One of a few numbers on a scale."""
    asked = _whole(choices.read(key, str(default)), default)
    number = asked if asked in steps else default
    widget = _widget(key)
    number = int(st.select_slider(label, steps, number, key=widget, on_change=choices.take, args=(key, widget)))
    link.put(key, None if number == default else str(number))
    return number


def _take_several(key: str, widget: str) -> None:
    choices.keep(key, ",".join(choices.last(widget)))


def _widget(key: str) -> str:
    """A widget's own key: a new one for each language, and when the address changed under it, for then its default counts again."""
    return f"row {key} {language()} {choices.turn(key)}"


def _whole(text: str, other: int) -> int:
    return int(_real(text, other))


def _real(text: str, other: float) -> float:
    try:
        number = float(text)
    except ValueError:
        return other
    return number if isfinite(number) else other


# Ways to other pages


def open_head(stack: Stack, layer: int, head: int, *, cell: tuple[int, int] | None = None, text: str | None = None) -> None:
    """Go to the Heads page with this head chosen."""
    if text is not None:
        link.choose(text=text)
    link.go("look/heads.py", stack=stack, layer=layer, head=head, heads=None, cell=None if cell is None else f"{cell[0]},{cell[1]}")


def open_steps(stack: Stack, layer: int, head: int, *, stage: int, query: int, key: int) -> None:
    """Go to the Step by step page where this stage of a head is worked out for a query and a key."""
    choices.regroup(PLACE, stage=stage, part="", query=query, key=key)
    link.go("learn/steps.py", stack=stack, layer=layer, head=head)
