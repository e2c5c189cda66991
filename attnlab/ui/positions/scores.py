"""Part 5: where a score comes from. One cell as a sum, one head as a sum of maps, all heads by how much position explains."""

from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.positions import ABSOLUTE
from attnlab.core.score_parts import ScoreParts, score_parts, shares
from attnlab.core.trace import Array, Attention, Trace
from attnlab.models.spec import Spec
from attnlab.models.weights import read_weights
from attnlab.ui.ask import ask_model, ask_text
from attnlab.ui.language import md_escape, t
from attnlab.ui.positions.charts import Cell, chart, head_map, ranking
from attnlab.ui.positions.without import ask_one, follow
from attnlab.ui.save import facts_of
from attnlab.ui.traces import get_model, get_trace

POSITIONAL = ("content_position", "position_content", "position_position", "bias", "turn")


def scores() -> None:
    """Overview of heads, then one head's maps, then one cell's numbers."""
    st.markdown(t("positions.scores_lead"))
    left, right = st.columns([1, 2])
    with left:
        name = ask_model(records)
    with right:
        text = ask_text()
    trace = get_trace(name, text)
    kind = get_model(name).spec.positions
    follow("explained")
    top = st.container()
    attention, head = ask_one(trace)
    with top:
        overview(name, text, trace, attention, head)
    parts = score_parts(trace, attention, head, read_weights(get_model(name), attention.stack, attention.queries))
    st.info(t(f"positions.about_{'absolute' if kind in ABSOLUTE else kind}"))
    if attention.layer and kind in ABSOLUTE:
        st.caption(t("positions.about_mixed"))
    pieces = attention.queries.pieces, attention.keys.pieces
    cell = one_head(trace, attention, head, parts, *pieces)
    one_cell(parts, attention, head, cell)
    alone(trace, attention, head, parts)


def records(spec: Spec) -> bool:
    """Models whose q and k can be had."""
    return spec.records


def one_head(trace: Trace, attention: Attention, head: int, parts: ScoreParts, rows: tuple[str, ...], columns: tuple[str, ...]) -> Cell:
    """The score and its parts on one colour scale. Returns the pinned cell, at first the one with the largest weight."""
    hide = parts.hidden
    shown = [("score", parts.total()), *parts.items()]
    seen = [np.where(hide, np.nan, values) if hide is not None else values for _, values in shown]
    most = max(float(np.nanmax(np.abs(np.where(np.isfinite(values), values, np.nan)))) for values in seen) or 1.0
    first = np.unravel_index(int(np.argmax(attention.weights(head))), attention.weights(head).shape)
    pinned: Cell = (int(first[0]), int(first[1]))
    where = f"{attention.stack} L{attention.layer}H{head}"
    for start in range(0, len(shown), 3):
        for place, (name, _), values in zip(st.columns(3), shown[start : start + 3], seen[start : start + 3], strict=False):
            with place:
                cell = chart(
                    values,
                    rows,
                    columns,
                    key=f"part-{name}",
                    title=f"{where} · {t(f'positions.{name}')}",
                    name=t(f"positions.{name}"),
                    signed=True,
                    low=-most,
                    high=most,
                    pinned=pinned if name == "score" else None,
                    facts=facts_of(trace, attention, head, part=name),
                    link="scores",
                    height=330,
                )
            if name == "score" and cell is not None:
                pinned = cell
    return pinned


def one_cell(parts: ScoreParts, attention: Attention, head: int, cell: Cell) -> None:
    """The pinned cell as a sum that can be checked by hand."""
    row, column = cell
    query, key = attention.queries.pieces[row], attention.keys.pieces[column]
    st.markdown(t("positions.cell", query=md_escape(query), answer=md_escape(key), row=row, column=column))
    if parts.hidden is not None and parts.hidden[row, column]:
        st.caption(t("positions.cell_hidden"))
        return
    total, score = float(parts.total()[row, column]), float(attention.scores(head)[row, column])
    named = [(t(f"positions.{name}"), float(part[row, column])) for name, part in parts.items()]
    terms = " + ".join(rf"\underbrace{{{term(value)}}}_{{\text{{{name}}}}}" for name, value in named)
    st.latex(rf"{terms} = {total:.4f}")
    st.caption(
        t("positions.cell_check", score=f"{score:.4f}", off=f"{abs(total - score):.0e}", weight=f"{attention.weights(head)[cell]:.3f}")
    )


def term(value: float) -> str:
    """A number of a sum; in brackets below 0."""
    return f"{value:.4f}" if value >= 0 else f"({value:.4f})"


def alone(trace: Trace, attention: Attention, head: int, parts: ScoreParts) -> None:
    """What the head would look at by content alone, and by position alone."""
    here = [name for name, _ in parts.items()]
    positional = [name for name in here if name in POSITIONAL]
    shown = [("weights_all", here), ("weights_content", ["content_content"]), ("weights_position", positional)]
    st.header(t("positions.alone"))
    for place, (title, names) in zip(st.columns(3), shown, strict=True):
        with place:
            if not names:
                st.caption(t("positions.no_position_part"))
                continue
            chart(
                parts.weights(*names),
                attention.queries.pieces,
                attention.keys.pieces,
                key=title.replace("_", "-"),
                title=f"L{attention.layer}H{head} · {t(f'positions.{title}')}",
                name=t("ui.weight"),
                facts=facts_of(trace, attention, head, parts=" ".join(names)),
                link="scores",
                height=330,
            )
    st.caption(t("positions.alone_note"))


def overview(name: str, text: str, trace: Trace, attention: Attention, head: int) -> None:
    """All heads of the stack by how much position explains of their scores."""
    found = get_shares(name, trace, attention, (*trace.key, attention.stack))
    left, right = st.columns([3, 2])
    with left:
        head_map(
            found,
            key="explained",
            title=t("positions.explained_title"),
            name=t("positions.explained_short"),
            pinned=(attention.layer, head),
            signed=True,
            facts=facts_of(trace, stack_of_heads=attention.stack),
        )
    with right:
        ranking(found, column=t("positions.explained_short"))
    st.caption(t("positions.explained_note"))


@st.cache_resource(max_entries=16, show_spinner=False)
def get_shares(name: str, _trace: Trace, _attention: Attention, key: tuple[Any, ...]) -> Array:
    """What `shares` gives, kept for a trace. [layers heads]"""
    return shares(_trace, read_weights(get_model(name), _attention.stack, _attention.queries))
