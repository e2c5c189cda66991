"""Two of anything side by side: what is compared, how it is aligned, what changed and where most."""

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import streamlit as st

from attnlab.core.compare import Both, By, Side, rank_heads, row_distances
from attnlab.core.trace import Attention, Trace
from attnlab.figures.style import Look, Words
from attnlab.models.first_look import DEFAULT_MODEL, DEFAULT_TEXT
from attnlab.models.spec import ENDING, trained_name
from attnlab.models.untrained import beginning
from attnlab.ui import canvas, choices
from attnlab.ui.ask import ask_attention, ask_choice, ask_head, ask_model, ask_number, ask_row, ask_text, tell_unknown
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import md_escape, t
from attnlab.ui.pins import shared_pin
from attnlab.ui.save import facts_of, save_bar
from attnlab.ui.traces import get_model, get_trace
from attnlab.words import InputError

Kind = Literal["texts", "models", "heads", "positions", "training"]
KINDS: tuple[Kind, ...] = ("texts", "models", "heads", "positions", "training")
TURNED: tuple[Kind, ...] = ("positions", "training")  # what has no second choice of its own: swapping turns the two sides round
OTHER_MODEL, OTHER_TEXT = "sentiment", "The cat sat on the mat because it was soft."
OTHERS = {
    "fill-zh": ("write-zh", "他每天早上都去公司上班。"),
    "write-zh": ("fill-zh", "白日依山尽，长河入海流。"),
}  # beside models of another language
PAIR = tuple(f"The animal didn't cross the street because it was too {word}." for word in ("tired", "wide"))
PAIRS = {"fill-zh": ("那只动物没有过马路，因为它太累了。", "那只动物没有过马路，因为它太宽了。")}
TURN = "swapped"
SWAPPED = {"texts": ("text",), "models": ("model", "layer", "head"), "heads": ("layer", "head")}
START = {"text": DEFAULT_TEXT, "text_b": OTHER_TEXT, "model": DEFAULT_MODEL, "model_b": OTHER_MODEL}
HEADINGS = {"heads": "compare.heads_from", "training": "compare.heads_trained"}
MAPS = ("compare a", "compare b", "compare difference")
MOST = 256  # tokens a side: beyond it cells can neither be seen nor aligned in reasonable time


def ask_sides() -> tuple[Side, Side, Kind, By]:
    """What stands on the left and on the right. Raises InputError for what cannot be compared."""
    kind: Kind = ask_row("with", {name: t(f"compare.with_{name}") for name in KINDS}, label=t("compare.with"))  # type: ignore[assignment]
    top = st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls")
    alone = kind in TURNED  # nothing is asked about the right side, so one row is enough
    low = top if alone else st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls b")
    with top:
        model = ask_model(width=190)
        text = ask_text(label=t("compare.text_a") if kind == "texts" else None)
        numbers = st.container(horizontal=True, gap="small", width="content")
    first = get_trace(trained_name(model) if kind == "training" else model, text)
    tell_unknown(first)
    with numbers:
        attention = ask_attention(first, width=125)
        head = ask_head(attention, first.model, width=125)
    a = Side(first, attention, head, place(first, attention, head, with_model=kind == "models"))
    with low:
        b = other(kind, a)
        by = ask_by() if kind in ("texts", "models") else "position"
        st.button(t("compare.swap"), icon=":material/swap_horiz:", on_click=swap, args=(kind,))
        if kind == "texts":
            pair = PAIRS.get(model, PAIR)
            st.button(t("compare.pair"), on_click=take_pair, args=pair, help=" / ".join(pair))
    if kind == "training":  # before stands on the left
        a, b = b, replace(a, name=t("compare.trained", name=a.name))
    if kind in TURNED and choices.read(TURN) == "true":
        a, b = b, a
    for side, box in ((a, "text"), (b, "text_b" if kind == "texts" else "text")):
        with mistake_box(box):
            if (n := len(side.attention.queries)) > MOST:
                raise InputError("error.too_long_to_show", n=n, limit=MOST)
    return a, b, kind, by


def place(trace: Trace, attention: Attention, head: int, *, with_model: bool = False) -> str:
    name = f"{t(f'ui.{attention.stack}')} L{attention.layer}H{head}"
    return f"{trace.model} {name}" if with_model else name


def beside(model: str) -> tuple[str, str]:
    """The model and the sentence that a model of this name is compared with until somebody chooses."""
    return OTHERS.get(model, (OTHER_MODEL, OTHER_TEXT))


def other(kind: Kind, a: Side) -> Side:
    """The right side: as the left one but for what is compared."""
    stack, layer = a.attention.stack, a.attention.layer
    if kind == "texts":
        text = ask_text(beside(a.trace.model)[1], key="text_b", label=t("compare.text_b"))
        with mistake_box("text_b"):
            trace = get_trace(a.trace.model, text)
        return Side(trace, trace.at(stack, layer), a.head, a.name)
    if kind == "positions":
        trace = get_trace(a.trace.model, a.trace.text, target=a.trace.target_text or None, positions="none")
        return Side(trace, trace.at(stack, layer), a.head, f"{a.name}, {t('compare.without_positions')}")
    if kind == "training":  # a translator reads the same target on both sides, the one that it writes once it is trained
        trace = get_trace(a.trace.model + ENDING, a.trace.text, target=a.trace.target_text or None)
        return Side(trace, trace.at(stack, layer), a.head, t("compare.before", name=a.name))
    trace = a.trace
    if kind == "models":
        trace = get_trace(ask_model(key="model_b", default=beside(a.trace.model)[0], label=t("compare.model_b"), width=220), a.trace.text)
    if stack not in trace.stacks:
        stack = trace.stacks[0]
    layers = trace.layers(stack)
    number = ask_number("layer_b", 0, len(layers) - 1, min(layer, len(layers) - 1), label=t("compare.layer_b"), width=150)
    last = layers[number].n_heads - 1
    start = min(a.head + (kind == "heads"), last)
    head = ask_number("head_b", 0, last, start, label=t("compare.head_b"), width=150)
    return Side(trace, layers[number], head, place(trace, layers[number], head, with_model=kind == "models"))


def swap(kind: Kind) -> None:
    """Left becomes right."""
    if kind in TURNED:
        choices.keep(TURN, None if choices.last(TURN) == "true" else "true")
    for name in SWAPPED.get(kind, ()):
        here, there = (choices.last(key, START.get(key, 0)) for key in (name, f"{name}_b"))
        choices.keep(name, there)
        choices.keep(f"{name}_b", here)


def take_pair(*pair: str) -> None:
    """The minimal pair of the literature: one word decides what "it" is."""
    for key, text in zip(("text", "text_b"), pair, strict=True):
        choices.keep(key, text)


def ask_by() -> By:
    return ask_choice(
        "align", {"sequence": t("compare.by_sequence"), "position": t("compare.by_position")}, label=t("compare.by"), width=300
    )


def show_maps(both: Both) -> None:
    """Three maps on common axes; hover and pins are linked because a cell is the same cell in all of them."""
    pin = shared_pin("pin", MAPS, both.difference.shape)
    titles = f"A · {both.a.name}", f"B · {both.b.name}", t("compare.difference")
    for column, key, title, values in zip(st.columns(3, gap="small"), MAPS, titles, (*both.spread, both.difference), strict=True):
        signed = values is both.difference
        with column:
            canvas.matrix(
                values,
                both.queries,
                both.columns,
                key=key,
                kind="signed" if signed else "weights",
                pinned=pin,
                title=title,
                name=t("compare.change" if signed else "ui.weight"),
                link="compare",
                height=430,
                largest=40,
                missing=t("compare.alone"),
            )
    alone_a, alone_b = (
        [side.attention.queries.pieces[i] for i in only] for side, only in ((both.a, both.rows.only_a), (both.b, both.rows.only_b))
    )
    if alone_a or alone_b:
        st.caption(t("compare.unaligned", a=md_escape(" ".join(alone_a)) or "–", b=md_escape(" ".join(alone_b)) or "–"))


def note(both: Both, kind: Kind) -> str | None:
    """What is to be known of this kind of comparison before anything is read off it."""
    if kind != "training":
        return None
    name = trained_name(both.a.trace.model)
    said = t(f"compare.begun_{beginning(get_model(name))}", model=md_escape(name), before=md_escape(name + ENDING))
    if both.a.trace.target is None:
        return said
    return said + " " + t("compare.same_target", target=md_escape(both.a.trace.target_text or "–"))


def sentence(both: Both) -> str:
    """What changed most, in words."""
    if not np.isfinite(both.difference).any():
        return t("compare.nothing_aligned")
    row, column = np.unravel_index(np.nanargmax(np.abs(both.difference)), both.difference.shape)
    far = row_distances(both.a.weights, both.b.weights, both.rows, both.keys).mean()
    cell = {"query": md_escape(both.queries[row]), "key": md_escape(both.columns[column])}
    numbers = {"a": f"{both.spread[0][row, column]:.3f}", "b": f"{both.spread[1][row, column]:.3f}", "far": f"{far:.3f}"}
    return t("compare.most", **cell, **numbers)


def show_heads(both: Both, kind: Kind, by: By) -> None:
    """Every head by how much it changed; a selected row opens it here."""
    heads = rank_heads(both, by, from_left=kind == "heads")
    st.header(t(HEADINGS.get(kind, "compare.heads_title")), anchor=False)
    if not heads:
        st.caption(t("compare.heads_differ"))
        return

    def choose() -> None:
        for number in choices.report("changed heads", "selection")["rows"]:
            endings = {"heads": ("_b",), "models": ("", "_b")}.get(kind, ("",))
            for ending in endings:
                choices.keep(f"layer{ending}", heads[number][0])
                choices.keep(f"head{ending}", heads[number][1])

    top = max(distance for *_, distance in heads) or 1.0
    st.dataframe(
        [{"name": f"L{layer}H{head}", "distance": distance} for layer, head, distance in heads],
        key="changed heads",
        on_select=choose,
        selection_mode="single-row",
        hide_index=True,
        height=260,
        column_config={
            "name": t("ui.head"),
            "distance": st.column_config.ProgressColumn(t("compare.distance"), min_value=0, max_value=top, format="%.4f"),
        },
    )
    st.caption(t("compare.distance_note"))


def save_maps(both: Both) -> None:
    """All three pictures in one figure."""
    a, b, title = both.a, both.b, t("compare.title")
    names = (f"A · {a.name}", f"B · {b.name}", t("compare.difference"))
    caption = t("compare.caption", a=describe(a), b=describe(b))

    def draw(look: Look, words: Words) -> Any:
        from attnlab.figures import triptych

        panels = [(name, x, both.queries, both.columns) for name, x in zip(names, (*both.spread, both.difference), strict=True)]
        return triptych(panels, title=title, caption=caption, look=look, words=words)

    other = {"model_b": b.trace.model, "text_b": b.trace.text, "layer_b": b.attention.layer, "head_b": b.head}
    name = f"compare-{a.trace.model}-L{a.attention.layer}H{a.head}"
    save_bar(
        draw,
        key="compare",
        name=name,
        facts=facts_of(a.trace, a.attention, a.head, **other),
        made_from={"A": describe(a), "B": describe(b)},
    )


def describe(side: Side) -> str:
    return f"{side.trace.model} ({side.trace.revision}) {side.name}: {side.trace.text}"
