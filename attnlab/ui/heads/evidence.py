"""What else says so: the pinned cell by several methods side by side, and what that does not prove."""

import streamlit as st

from attnlab.core.trace import Attention, Trace
from attnlab.models.effects import Evidence, evidence
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import md_escape, percent, t
from attnlab.ui.traces import get_model


def show_evidence(trace: Trace, attention: Attention, head: int, cell: tuple[int, int] | None, *, plain: bool) -> None:
    """Opened on demand. plain: the map shows this head's own cells, token by token."""
    box = st.expander(t("measures.evidence"), key="evidence", on_change="rerun")
    if not box.open:
        return
    with box:
        if not plain:
            st.caption(t("measures.evidence_head_only"))
        elif cell is None or cell[0] >= len(attention.queries) or cell[1] >= len(attention.keys):
            st.caption(t("measures.evidence_pin"))
        else:
            with mistake_box():
                show_cell(trace, attention, head, *cell)
        st.info(t("measures.evidence_caution"))


def show_cell(trace: Trace, attention: Attention, head: int, query: int, key: int) -> None:
    found = evidence(get_model(trace.model), trace, attention, head, query, key)
    place = {"stack": t(f"ui.{attention.stack}"), "layer": attention.layer, "head": head}
    words = {"query": md_escape(attention.queries.pieces[query]), "key": md_escape(attention.keys.pieces[key])}
    st.markdown(t("measures.evidence_cell", **words, **place))
    facts = readings(found, trace, attention)
    for column, (label, value, note) in zip(st.columns(len(facts)), facts, strict=True):
        column.metric(label, value)
        column.caption(note)
    st.caption(t("measures.evidence_help"))


def readings(found: Evidence, trace: Trace, attention: Attention) -> list[tuple[str, str, str]]:
    """Name, number and unit of each method."""
    speaks = trace.attentions[-1].queries if attention.stack == "encoder" and trace.target is not None else attention.queries
    token = md_escape(speaks.pieces[found.token]) if found.token < len(speaks) else str(found.token)
    none, silent = t("measures.evidence_none"), t("measures.evidence_no_output")
    share = none if found.share is None else t("measures.evidence_share", percent=percent(found.share))
    moved = t("measures.evidence_moved_unit", percent=percent(found.moved, 2), token=token)
    nats = t("measures.evidence_nats")
    return [
        (t("measures.evidence_weight"), number(found.weight), ""),
        (t("measures.evidence_norm"), number(found.norm), share),
        (t("measures.evidence_rollout"), number(found.rollout), none if found.rollout is None else ""),
        (t("measures.evidence_gradient"), number(found.gradient), silent if found.gradient is None else nats),
        (t("measures.evidence_without"), number(found.without), silent if found.without is None else nats),
        (t("measures.evidence_moved"), number(found.moved), moved),
    ]


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}".replace("-", "−") if abs(value) >= 0.0001 or value == 0 else f"{value:.1e}"
