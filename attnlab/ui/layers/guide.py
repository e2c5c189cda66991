"""The field guide on the All heads page: what each head does, by which measure, on this text or on many sentences."""

import io
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.guide import RULES, Head, Rule, Sums, write_table
from attnlab.core.measures import MEASURES
from attnlab.core.trace import Stack, Trace, frozen
from attnlab.ui import canvas, pins
from attnlab.ui.ask import ask_choice, ask_row, ask_slider, open_head
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import percent, t
from attnlab.ui.layers.sentences import Measured, ask_set, measured_set
from attnlab.ui.layers.whole import show_whole
from attnlab.ui.measures import ask_scatter, measure_names, place_name, with_unit
from attnlab.ui.pictures import save_matrix
from attnlab.ui.save import facts_of
from attnlab.ui.turns import Breathe, Kept, asked_for, made_on_request

SLIGHT = 0.005  # of all weight: less is not spoken of
LONG = 512  # tokens: a text that is longer is measured when somebody asks for it
PARTS = ("guide", "scatter", "set", "whole")
LONG_GUIDES = Kept[Measured](16)


def show_guide(trace: Trace, stack: Stack) -> None:
    """The guide below the mosaic: a map of one measure, labels with their reasons, two measures against each other, sentence sets,
    and the measures that take the whole model."""
    st.header(t("measures.title"), anchor=False)
    part = ask_row("part", {name: t(f"measures.part_{name}") for name in PARTS}, label=t("measures.parts"), hidden=True)
    if part == "set":
        with mistake_box():
            ask_set(trace.model)
    if part == "whole":
        show_whole(trace, stack, measured_set(trace.model))
        return
    if not wanted(trace):
        return
    found = measured_here(trace)
    what = t("measures.this_text") if measured_set(trace.model) is None else t("measures.these", n=found.sentences)
    st.markdown(t("measures.lead", sentences=what))
    if stack == "cross":
        st.caption(t("measures.cross_none"))
    if part == "scatter":
        show_scatter(trace, found, stack)
        return
    first = "first" if stack == "cross" else "previous"  # a head that is known by this is seen at once
    terms = t("measures.what_entropy") + " " + t("measures.sharpness")
    name = ask_choice("measure", measure_names(stack), label=t("measures.colour"), default=first, help=terms, width=300)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        show_map(trace, found, stack, name)
    with right:
        show_labels(found, stack, name)
    save_table(found)


def say_heads(trace: Trace, stack: Stack) -> None:
    """What all the maps together are like: how much of the weight special tokens take, and which head is the most decided."""
    if long_text(trace):
        return
    heads = of_trace(trace).of(stack)
    sharp = max(heads, key=lambda head: head.measures["confidence"])
    facts = {"sharp": f"L{sharp.layer}H{sharp.head}", "weight": percent(sharp.measures["confidence"])}
    shares = [head.measures["special"] for head in heads]
    if not np.isfinite(shares).all() or max(shares) < SLIGHT:
        st.markdown(t("layers.say_plain", **facts))
        return
    most = heads[int(np.argmax(shares))]
    facts |= {"share": percent(float(np.mean(shares))), "head": f"L{most.layer}H{most.head}", "most": percent(max(shares))}
    st.markdown(t("layers.say", **facts))


def long_text(trace: Trace) -> bool:
    """Whether measuring every head of this text takes so long that it is done for nobody who did not ask."""
    return measured_set(trace.model) is None and len(trace.source) > LONG


def wanted(trace: Trace) -> bool:
    """Whether every head is to be measured: a long text's only after a click."""
    said = t("server.measure_all", n=len(trace.source))
    return not long_text(trace) or asked_for("measure", trace.key, said, t("server.measure_now"))


def measured_here(trace: Trace) -> Measured:
    """The sentence set that was measured for this model, else this text alone."""
    return measured_set(trace.model) or of_trace(trace)


def of_trace(trace: Trace) -> Measured:
    """One text, measured once for everybody who looks at it; a long one head by head, when its turn comes."""
    if len(trace.source) <= LONG:
        return _of_trace(trace.key, trace)

    def make(breathe: Breathe) -> Measured:
        sums = Sums()
        for share in sums.adding(trace):
            breathe(share)
        return Measured(trace.model, tuple(sums.heads()), 1, sums.tokens)

    return made_on_request("measure", LONG_GUIDES, trace.key, make)


@st.cache_resource(max_entries=32, show_spinner=False)
def _of_trace(key: tuple[Any, ...], _trace: Trace) -> Measured:
    sums = Sums()
    sums.add(_trace)
    return Measured(_trace.model, tuple(sums.heads()), 1, sums.tokens)


def show_map(trace: Trace, found: Measured, stack: Stack, name: str) -> None:
    """Every head as one cell, coloured by a measure; a click opens it."""
    heads, measure = found.of(stack), MEASURES[name]
    grid = np.full((1 + max(h.layer for h in heads), 1 + max(h.head for h in heads)), np.nan, np.float32)
    for head in heads:
        grid[head.layer, head.head] = head.measures[name]
    share = measure.unit == "share"
    top = 1.0 if share else float(np.nanmax(grid)) if np.isfinite(grid).any() else 1.0
    rows, columns = [f"L{i}" for i in range(grid.shape[0])], [f"H{i}" for i in range(grid.shape[1])]
    title, legend, axes = t("measures.map_title", name=t(f"measures.name_{name}")), with_unit(name), (t("ui.layer"), t("ui.head"))
    cell = canvas.matrix(
        frozen(grid),
        rows,
        columns,
        key="measured",
        low=0.0,
        high=top or 1.0,
        title=title,
        name=legend,
        axes=axes,
        height=330,
        missing="–",
        hint=t("measures.map_hint"),
    )
    st.caption(f"{t(f'measures.what_{name}')} *{measure.source}*")
    told: dict[str, Any] = {
        "title": title,
        "caption": of_what(found),
        "legend": legend,
        "axes": axes,
        "limit": (0.0, top or 1.0),
        "share": share,
    }
    facts = facts_of(trace, measure=name) | {"stack": stack}
    save_matrix(
        frozen(grid),
        rows,
        columns,
        key="measured",
        name=f"{found.model}-{stack}-{name}",
        facts=facts,
        linked=measured_set(trace.model) is None,
        **told,
    )
    if not np.isfinite(grid).any():
        st.info(t("measures.no_value"))
    if cell is not None:
        pins.release("measured")
        open_head(stack, *cell)


def ask_rules() -> tuple[Rule, ...]:
    """The thresholds, each on a slider."""
    with st.popover(t("measures.thresholds")):
        return tuple(
            replace(
                rule,
                threshold=ask_slider(
                    f"t_{rule.label}", 0.05, 1.0, rule.threshold, label=t(f"measures.label_{rule.label}"), help=t("measures.threshold_help")
                ),
            )
            for rule in RULES
        )


def show_labels(found: Measured, stack: Stack, name: str) -> None:
    """Each head with its label, score and reason, sorted by the chosen measure; a selected row opens the head."""
    rules = ask_rules()
    rows = [row(head, rules, name) for head in found.of(stack)]
    rows.sort(key=lambda one: -one["measure"] if np.isfinite(one["measure"]) else np.inf)
    named = sum(bool(one["label"]) for one in rows)
    st.markdown(t("measures.fits", named=named, all=len(rows)) if named else t("measures.none"))
    choice: Any = st.dataframe(
        [{key: value for key, value in one.items() if key not in ("place",)} for one in rows],
        key="guide rows",
        on_select="rerun",
        selection_mode="single-row",
        hide_index=True,
        height=300,
        placeholder="–",
        alt=t("measures.table_alt", name=t(f"measures.name_{name}")),
        column_config={
            "name": st.column_config.TextColumn(t("measures.head"), width=60),
            "measure": st.column_config.NumberColumn(t(f"measures.name_{name}"), format="%.3f", width=70),
            "label": st.column_config.TextColumn(t("measures.label"), width=105),
            "score": st.column_config.NumberColumn(t("measures.score"), format="%.2f", width=60),
            "reason": st.column_config.TextColumn(t("measures.reason"), width=350),
            "also": st.column_config.TextColumn(t("measures.also"), width=70),
        },
    )
    st.caption(t("measures.open"))
    for number in choice.selection.rows:
        open_head(stack, *rows[number]["place"])


def row(head: Head, rules: Sequence[Rule], name: str) -> dict[str, Any]:
    labels = head.labels(tuple(rules))
    best = labels[0] if labels else None
    return {
        "name": place_name(head),
        "measure": head.measures[name],
        "label": "" if best is None else t(f"measures.label_{best.label}"),
        "score": None if best is None else best.score,
        "reason": t("measures.none") if best is None else t(f"measures.reason_{best.label}", percent=percent(best.score, 0)),
        "also": ", ".join(t(f"measures.label_{one.label}") for one in labels[1:]),
        "place": (head.layer, head.head),
    }


def show_scatter(trace: Trace, found: Measured, stack: Stack) -> None:
    """Two measures against each other, one point a head; a click opens the head."""
    alone = measured_set(trace.model) is None  # no address holds the sentences that a visit measured
    told = {"name": f"{found.model}-{stack}-measures", "caption": of_what(found)}
    chosen = ask_scatter(found.heads, stack, key="scatter", facts=facts_of(trace), linked=alone, **told)
    if chosen is not None:
        open_head(stack, chosen.layer, chosen.head)


def of_what(found: Measured) -> str:
    """Which model and how many sentences the numbers are of."""
    what = t("measures.this_text") if found.sentences == 1 else t("measures.these", n=found.sentences)
    return f"{found.model} · {what}"


def save_table(found: Measured) -> None:
    name = f"heads-{found.model}.csv".replace("/", "-")
    make = partial(table_file, found)
    st.download_button(t("measures.csv"), data=make, file_name=name, mime="text/csv", on_click="ignore", key="guide csv")


def table_file(found: Measured) -> bytes:
    """The table that the command line writes, without its intervals: of one text there are none."""
    out = io.StringIO()
    write_table(out, found.heads, sentences=found.sentences)
    return out.getvalue().encode()
