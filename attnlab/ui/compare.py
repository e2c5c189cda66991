"""Two of anything side by side: what is compared, how it is aligned, what changed and where most."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import streamlit as st

from attnlab.core.compare import Alignment, By, align, difference, head_distances, js_distance, row_distances
from attnlab.core.trace import Array, Attention, Trace, frozen
from attnlab.figures.style import Look, Words
from attnlab.models.spec import ENDING, trained_name
from attnlab.models.untrained import beginning
from attnlab.ui import canvas, link
from attnlab.ui.ask import DEFAULT_TEXT, ask_attention, ask_choice, ask_head, ask_model, ask_number, ask_text
from attnlab.ui.errors import told
from attnlab.ui.language import md_escape, t
from attnlab.ui.rows import ask_row
from attnlab.ui.save import facts_of, save_bar
from attnlab.ui.traces import DEFAULT_MODEL, get_model, get_trace
from attnlab.untrusted import whole_number
from attnlab.words import InputError

Kind = Literal["texts", "models", "heads", "positions", "training"]
KINDS: tuple[Kind, ...] = ("texts", "models", "heads", "positions", "training")
TURNED: tuple[Kind, ...] = ("positions", "training")  # what has no second choice of its own: swapping turns the two sides round
OTHER_MODEL = "sentiment"
OTHER_TEXT = "The cat sat on the mat because it was soft."
PAIR = tuple(f"The animal didn't cross the street because it was too {word}." for word in ("tired", "wide"))
MOST = 256  # tokens a side: beyond it cells can neither be seen nor aligned in reasonable time


@dataclass(frozen=True, eq=False)
class Side:
    """One head of one trace, and what to call it."""

    trace: Trace
    attention: Attention
    head: int
    name: str

    @property
    def weights(self) -> Array:
        return self.attention.weights(self.head)


@dataclass(frozen=True, eq=False)
class Both:
    """Two sides on the same axes: every token of either side has its row and column, and cells that one side lacks are NaN."""

    a: Side
    b: Side
    rows: Alignment
    keys: Alignment
    queries: list[str]
    columns: list[str]
    spread: tuple[Array, Array]
    difference: Array


def ask_sides() -> tuple[Side, Side, Kind, By]:
    """What stands on the left and on the right. Raises InputError for what cannot be compared."""
    kind: Kind = ask_row("with", {name: t(f"compare.with_{name}") for name in KINDS}, label=t("compare.with"))  # type: ignore[assignment]
    top = st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls")
    alone = kind in TURNED  # nothing is asked about the right side, so one row is enough
    low = top if alone else st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls b")
    with top:
        model = ask_model(width=190)
        text = ask_text(DEFAULT_TEXT, label=t("compare.text_a") if kind == "texts" else None)
        numbers = st.container(horizontal=True, gap="small", width="content")
    first = get_trace(trained_name(model) if kind == "training" else model, text)
    with numbers:
        attention = ask_attention(first, width=125, look="broad")
        head = ask_head(attention, first.model, width=125, look="broad")
    a = Side(first, attention, head, place(first, attention, head, with_model=kind == "models"))
    with low:
        b = other(kind, a)
        by = ask_by() if kind in ("texts", "models") else "position"
        st.button(t("compare.swap"), icon=":material/swap_horiz:", on_click=swap, args=(kind,))
        if kind == "texts":
            st.button(t("compare.pair"), on_click=take_pair, help=" / ".join(PAIR))
    if kind == "training":  # before stands on the left
        a, b = b, replace(a, name=t("compare.trained", name=a.name))
    if kind in TURNED and turned():
        a, b = b, a
    for side, box in ((a, "text"), (b, "text_b" if kind == "texts" else "text")):
        with told(box):
            if (n := len(side.attention.queries)) > MOST:
                raise InputError("error.too_long_to_show", n=n, limit=MOST)
    return a, b, kind, by


def place(trace: Trace, attention: Attention, head: int, *, with_model: bool = False) -> str:
    name = f"{t(f'ui.{attention.stack}')} L{attention.layer}H{head}"
    return f"{trace.model} {name}" if with_model else name


def other(kind: Kind, a: Side) -> Side:
    """The right side: as the left one but for what is compared."""
    stack, layer = a.attention.stack, a.attention.layer
    if kind == "texts":
        text = ask_text(OTHER_TEXT, key="text_b", label=t("compare.text_b"))
        with told("text_b"):
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
        trace = get_trace(ask_model(key="model_b", default=OTHER_MODEL, label=t("compare.model_b"), width=220), a.trace.text)
    if stack not in trace.stacks:
        stack = trace.stacks[0]
    layers = trace.layers(stack)
    number = ask_number("layer_b", 0, len(layers) - 1, min(layer, len(layers) - 1), label=t("compare.layer_b"), width=150)
    last = layers[number].n_heads - 1
    start = min(a.head + (kind == "heads"), last)
    head = ask_number("head_b", 0, last, start, label=t("compare.head_b"), width=150)
    return Side(trace, layers[number], head, place(trace, layers[number], head, with_model=kind == "models"))


def turned() -> bool:
    """Whether the two sides have been swapped, where that is not a matter of two choices."""
    if link.leads() or TURN not in st.session_state:
        st.session_state[TURN] = link.given("swapped") == "true"
    link.put("swapped", "true" if st.session_state[TURN] else None)
    return bool(st.session_state[TURN])


TURN = "compare turned"
SWAPPED = {"texts": ("text",), "models": ("model", "layer", "head"), "heads": ("layer", "head")}
START = {"text": DEFAULT_TEXT, "text_b": OTHER_TEXT, "model": DEFAULT_MODEL, "model_b": OTHER_MODEL}


def swap(kind: Kind) -> None:
    """Left becomes right."""
    if kind in TURNED:
        st.session_state[TURN] = not st.session_state.get(TURN, False)
    for name in SWAPPED.get(kind, ()):
        here, there = (st.session_state.get(key, START.get(key, 0)) for key in (name, f"{name}_b"))
        st.session_state[name], st.session_state[f"{name}_b"] = there, here


def take_pair() -> None:
    """The minimal pair of the literature: one word decides what "it" is."""
    st.session_state["text"], st.session_state["text_b"] = PAIR


def ask_by() -> By:
    return ask_choice(
        "align", {"sequence": t("compare.by_sequence"), "position": t("compare.by_position")}, label=t("compare.by"), width=300
    )


def together(a: Side, b: Side, by: By) -> Both:
    """Both sides on common axes."""
    rows, keys = align(a.attention.queries, b.attention.queries, by), align(a.attention.keys, b.attention.keys, by)
    names = (
        rows.labels(a.attention.queries.pieces, b.attention.queries.pieces),
        keys.labels(a.attention.keys.pieces, b.attention.keys.pieces),
    )
    spread = tuple(laid_out(side.weights, rows, keys, which) for which, side in enumerate((a, b)))
    return Both(a, b, rows, keys, *names, (spread[0], spread[1]), difference(a.weights, b.weights, rows, keys))


def laid_out(weights: Array, rows: Alignment, keys: Alignment, which: int) -> Array:
    """One side's weights on the common axes, NaN where the token is the other side's alone. [q k] -> [pairs pairs]"""
    at_row, at_key = ([n for n, pair in enumerate(side.pairs) if pair[which] is not None] for side in (rows, keys))
    from_row, from_key = ([i for pair in side.pairs if (i := pair[which]) is not None] for side in (rows, keys))
    out = np.full((len(rows.pairs), len(keys.pairs)), np.nan, np.float32)
    out[np.ix_(at_row, at_key)] = weights[np.ix_(from_row, from_key)]
    return frozen(out)


def show_maps(both: Both) -> None:
    """Three maps on common axes; hover and pins are linked because a cell is the same cell in all of them."""
    pin = pinned(both)
    panes = (
        ("a", f"A · {both.a.name}", both.spread[0], "weights"),
        ("b", f"B · {both.b.name}", both.spread[1], "weights"),
        ("difference", t("compare.difference"), both.difference, "signed"),
    )
    for column, (key, title, values, look) in zip(st.columns(3, gap="small"), panes, strict=True):
        with column:
            low, high = (0.0, 1.0) if look == "weights" else (None, None)
            cell = canvas.matrix(
                values,
                both.queries,
                both.columns,
                key=f"compare {key}",
                kind=look,  # type: ignore[arg-type]
                pinned=pin,
                title=title,
                name=t("ui.weight") if look == "weights" else t("compare.change"),
                link="compare",
                height=430,
                largest=40,
                missing=t("compare.alone"),
                low=low,
                high=high,
            )
        before = st.session_state.get(f"compare pin {key}", pin)
        st.session_state[f"compare pin {key}"] = cell
        if cell != before and cell != pin:  # this map was clicked: the others follow
            st.session_state["compare pin"] = cell
            for each in ("a", "b", "difference"):
                st.session_state[f"compare pin {each}"] = cell
            st.rerun()
    alone_a, alone_b = (
        [side.attention.queries.pieces[i] for i in only] for side, only in ((both.a, both.rows.only_a), (both.b, both.rows.only_b))
    )
    if alone_a or alone_b:
        st.caption(t("compare.unaligned", a=md_escape(" ".join(alone_a)) or "–", b=md_escape(" ".join(alone_b)) or "–"))


def pinned(both: Both) -> tuple[int, int] | None:
    """The cell that is held in all three maps, which the link keeps; none where the maps have become too small for it."""
    if link.leads():
        row, column = map(whole_number, (link.given("pin") or "").partition(",")[::2])
        st.session_state["compare pin"] = None if row is None or column is None else (row, column)
        for each in ("a", "b", "difference"):
            st.session_state[f"compare pin {each}"] = st.session_state["compare pin"]
    pin = st.session_state.get("compare pin")
    if pin is not None and not (pin[0] < len(both.queries) and pin[1] < len(both.columns)):
        pin = None
    link.put("pin", None if pin is None else f"{pin[0]},{pin[1]}")
    return None if pin is None else (pin[0], pin[1])


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


HEADINGS = {"heads": "compare.heads_from", "training": "compare.heads_trained"}


def show_heads(both: Both, kind: Kind, by: By) -> None:
    """Every head by how much it changed; a selected row opens it here."""
    rows = listed(both, kind, by)
    st.subheader(t(HEADINGS.get(kind, "compare.heads_title")), anchor=False)
    if not rows:
        st.caption(t("compare.heads_differ"))
        return

    def choose() -> None:
        for number in st.session_state["changed heads"]["selection"]["rows"]:
            ending = "_b" if kind == "heads" else ""
            for name in ("layer", "head"):
                st.session_state[f"{name}{ending}"] = rows[number][name]
                if kind == "models":
                    st.session_state[f"{name}_b"] = rows[number][name]

    top = float(max(row["distance"] for row in rows)) or 1.0
    st.dataframe(
        rows,
        key="changed heads",
        on_select=choose,
        selection_mode="single-row",
        hide_index=True,
        height=260,
        column_config={
            "name": t("ui.head"),
            "distance": st.column_config.ProgressColumn(t("compare.distance"), min_value=0, max_value=top, format="%.4f"),
            "layer": None,
            "head": None,
        },
    )
    st.caption(t("compare.distance_note"))


def listed(both: Both, kind: Kind, by: By) -> list[dict[str, Any]]:
    """Layer, head and distance, the most changed first; empty where two models have other layers or heads."""
    stack = both.a.attention.stack
    if kind == "heads":  # from the left head to every head of the model
        found = []
        for attention in both.a.trace.layers(both.b.attention.stack):
            if len(attention.queries) == len(both.a.attention.queries) and len(attention.keys) == len(both.a.attention.keys):
                far = js_distance(attention.all_weights(), both.a.weights[None]).mean(-1)
                found += [(attention.layer, head, float(d)) for head, d in enumerate(far)]
    else:
        left, right = both.a.trace.layers(stack), both.b.trace.layers(both.b.attention.stack)
        if [x.n_heads for x in left] != [x.n_heads for x in right]:
            return []
        found = [
            (x.layer, h, float(d))
            for x, y in zip(left, right, strict=True)
            for h, d in enumerate(head_distances(x, y, by))
            if np.isfinite(d)
        ]
    ranked = sorted(found, key=lambda one: -one[2])
    return [{"name": f"L{layer}H{head}", "distance": d, "layer": layer, "head": head} for layer, head, d in ranked]


def save_maps(both: Both) -> None:
    """All three pictures in one figure."""
    a, b, title = both.a, both.b, t("compare.title")
    names = (f"A · {a.name}", f"B · {b.name}", t("compare.difference"))
    caption = t("compare.caption", a=said(a), b=said(b))

    def draw(look: Look, words: Words) -> Any:
        from attnlab.figures import triptych

        panels = [(name, x, both.queries, both.columns) for name, x in zip(names, (*both.spread, both.difference), strict=True)]
        return triptych(panels, title=title, caption=caption, look=look, words=words)

    other = {"model_b": b.trace.model, "text_b": b.trace.text, "layer_b": b.attention.layer, "head_b": b.head}
    name = f"compare-{a.trace.model}-L{a.attention.layer}H{a.head}"
    save_bar(draw, key="compare", name=name, facts=facts_of(a.trace, a.attention, a.head, **other), made_from={"A": said(a), "B": said(b)})


def said(side: Side) -> str:
    return f"{side.trace.model} ({side.trace.revision}) {side.name}: {side.trace.text}"
