"""Find heads for a pattern: links that somebody marks in a sentence of their own, and the heads that make them."""

from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.trace import Attention, Stack
from attnlab.corpus.index import Index
from attnlab.corpus.links import Found, Link, heads_for
from attnlab.models.first_look import first_look
from attnlab.ui import choices, link
from attnlab.ui.ask import ask_row, ask_target, ask_text, open_head
from attnlab.ui.language import percent, t
from attnlab.ui.traces import get_trace
from attnlab.words import InputError

LONGEST = 40  # tokens on a side: every pair of them can be chosen
LINKS = "links"


def show_pattern(index: Index, stack: Stack) -> None:
    """A sentence, the links in it, and every head by the weight it gives them. Raises InputError for a sentence that cannot be read."""
    text = ask_text()
    trace = get_trace(index.model, text, target=ask_target(index.model))
    layers = trace.layers(stack)
    links = ask_links(layers[min(first_look(index.model, stack)[0], len(layers) - 1)], index.model)
    if not links:
        st.info(t("atlas.mark_first"))
        return
    by = ask_row("rank", {"weight": t("atlas.rank_weight"), "above": t("atlas.rank_above")}, label=t("atlas.rank"))
    found = heads_for(trace, stack, links, index)
    if by == "above":
        found.sort(key=lambda one: (np.isnan(one.above), -one.above))
    show_found(found, links[0], trace.text, index)


def ask_links(attention: Attention, model: str) -> list[Link]:
    """Which links. At first the strongest one between words of the head that a visitor meets first."""
    queries, keys = attention.queries, attention.keys
    if max(len(queries), len(keys)) > LONGEST:
        raise InputError("error.too_long_to_show", n=max(len(queries), len(keys)), limit=LONGEST)
    every = {f"{q}-{k}": f"{queries.pieces[q]} → {keys.pieces[k]}  ({q}, {k})" for q in range(len(queries)) for k in range(len(keys))}
    asked = [name for name in choices.read(LINKS, first_link(attention, model)).split(",") if name in every]
    widget = f"atlas {LINKS} {choices.turn(LINKS)} {hash((queries.pieces, keys.pieces))}"
    st.multiselect(t("atlas.links"), list(every), asked, format_func=every.__getitem__, key=widget, on_change=_keep, args=(widget,))
    return [(int(q), int(k)) for q, _, k in (name.partition("-") for name in asked)]


def _keep(widget: str) -> None:
    choices.keep(LINKS, ",".join(choices.last(widget)))


def first_link(attention: Attention, model: str) -> str:
    """The strongest link between two words that are not special, of the head that is looked at first."""
    weights = attention.weights(min(first_look(model, attention.stack)[1], attention.n_heads - 1)).copy()
    weights[np.array(attention.queries.special, np.bool_)] = 0
    weights[:, np.array(attention.keys.special, np.bool_)] = 0
    if attention.stack != "cross":
        np.fill_diagonal(weights, 0)
    q, k = np.unravel_index(int(weights.argmax()), weights.shape)
    return f"{q}-{k}"


def show_found(found: list[Found], first: Link, text: str, index: Index) -> None:
    """The heads as a table; a row opens the head on this sentence."""
    rows = []
    for one in found:
        times = one.weight / one.usual if one.usual > 0 else float("nan")
        known = not np.isnan(one.usual)
        row = {"head": f"L{one.layer}H{one.head}", "weight": percent(one.weight), "usual": percent(one.usual) if known else "–"}
        rows.append(row | {"times": f"{times:.1f} ×" if np.isfinite(times) else "–", "above": percent(one.above) if known else "–"})
    titles = {name: t(f"atlas.found_{name}") for name in ("head", "weight", "usual", "times", "above")}
    choice: Any = st.dataframe(
        rows, key="atlas found", on_select="rerun", selection_mode="single-row", hide_index=True, height=420, column_config=titles,
        alt=t("atlas.found_alt"),
    )  # fmt: skip
    st.caption(t("atlas.found_help"))
    for number in choice.selection.rows:
        one = found[number]
        link.choose(model=index.model)
        open_head(one.stack, one.layer, one.head, cell=first, text=text)
