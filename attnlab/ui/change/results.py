"""What a change does: the output before and after, every head knocked out, and numbers carried over from another sentence."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.edits import Edit, write_edits
from attnlab.core.trace import Array, Stack, Trace, frozen
from attnlab.figures.captions import trace_caption
from attnlab.models.answers import answers
from attnlab.models.interventions import LONGEST, PatchMap, knock_outs, patch_map
from attnlab.models.spec import Model
from attnlab.ui import canvas
from attnlab.ui.ask import ask_row, ask_switch, ask_text
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import md_escape, t
from attnlab.ui.pictures import save_matrix
from attnlab.ui.save import facts_of
from attnlab.ui.traces import get_trace
from attnlab.ui.turns import Kept, made_in_turn

IMPORTANCE = Kept[Array](32)
PATCHES = Kept[PatchMap](32)


def run_edited(model: Model, text: str, target: str | None, edits: Sequence[Edit]) -> Trace:
    """The run with the edits. Raises InputError for edits that this model or text has no place for."""
    return model.trace(text, target=target, edits=edits) if edits else get_trace(model.spec.name, text, target=target)


def show_outputs(model: Model, clean: Trace, changed: Trace) -> None:
    """Before and after, side by side; hidden until the visitor has said what they expect, where they asked for that."""
    st.header(t("change.before_after"), anchor=False)
    if ask_switch("predict", t("change.predict"), help=t("change.predict_help")) and changed.edits:
        guess = ask_row("guess", {name: t(f"change.guess_{name}") for name in ("open", "same", "other")}, label=t("change.guess"))
        if guess == "open":
            st.info(t("change.guess_first"))
            return
    before, after = answers(model, clean, clean), answers(model, changed, clean)
    left, right = st.columns(2)
    for side, name, found in ((left, "before", before), (right, "after", after)):
        with side:
            rows = {t(f"change.{name}"): [one.says for one in found], t("change.value"): [f"{one.value:.4f}" for one in found]}
            st.table(rows)
    same = [one.says for one in before] == [one.says for one in after]
    st.markdown(t("change.says_same") if same else t("change.says_other"))
    moved = movement(clean, changed)
    if moved is not None and changed.edits:
        st.caption(t("change.moved", head=moved[0], far=f"{moved[1]:.3f}"))


def movement(clean: Trace, changed: Trace) -> tuple[str, float] | None:
    """The head whose map moved most, and how much of its weight; None where the two have other words."""
    found: list[tuple[float, str]] = []
    for a, b in zip(clean.attentions, changed.attentions, strict=True):
        if len(a.queries) != len(b.queries) or len(a.keys) != len(b.keys):
            continue
        far = np.abs(a.all_weights() - b.all_weights()).sum(-1).mean(-1) / 2  # [h]
        mark = "×" if a.stack == "cross" else ""
        found.append((float(far.max()), f"{mark}L{a.layer}H{int(far.argmax())}"))
    return None if not found else (max(found)[1], max(found)[0])


def show_importance(model: Model, trace: Trace, stack: Stack) -> None:
    """Every head knocked out, one at a time, in one batch."""
    if not ask_switch("every", t("change.every"), help=t("change.every_help")):
        return
    changes = made_in_turn(IMPORTANCE, (trace.key, stack), lambda breathe: knock_outs(model, trace, stack, between=breathe))
    rows = [f"L{i}" for i in range(len(changes))]
    draw_map(changes, rows, [f"H{j}" for j in range(changes.shape[1])], trace, key="importance", name=t("change.change"))
    st.caption(t("change.every_note"))


def show_patching(model: Model, trace: Trace) -> None:
    """Another sentence's numbers put into this one's run, place by place."""
    other = ask_text("", key="other", label=t("change.other")).strip()
    if not other:
        st.caption(t("change.other_help", most=LONGEST))
        return
    with mistake_box():
        corrupt = get_trace(model.spec.name, other, target=trace.target_text)
        place: Any = ask_row("place", {"stream": t("change.stream"), "z": t("change.heads")}, label=t("change.place"))
        make = partial(patch_map, model, trace, corrupt, place=place)
        found = made_in_turn(PATCHES, (trace.key, corrupt.key, place), lambda breathe: make(between=breathe))
    facts = {"clean": f"{found.clean:.3f}", "corrupt": f"{found.corrupt:.3f}", "says": md_escape(found.says)}
    st.markdown(t("change.patched", **facts))
    rows = [f"L{i}" for i in range(len(found.shares))]
    draw_map(found.shares, rows, found.places, trace, key="patch", name=t("change.share"), limit=(-1.0, 1.0))


def draw_map(
    values: Array,
    rows: Sequence[str],
    columns: Sequence[str],
    trace: Trace,
    *,
    key: str,
    name: str,
    limit: tuple[float, float] | None = None,
) -> None:
    """A signed map of layers by heads or tokens, with its files."""
    low, high = limit or (None, None)
    axes = (t("ui.layer"), t("change.place"))
    canvas.matrix(frozen(values), rows, columns, key=key, kind="signed", low=low, high=high, name=name, title=name, axes=axes, height=330)
    told: dict[str, Any] = {"title": f"{trace.model}: {name}", "caption": trace_caption(trace), "legend": name, "axes": axes}
    file, facts = f"{trace.model} {key}", facts_of(trace)
    save_matrix(frozen(values), rows, columns, key=key, name=file, facts=facts, signed=True, limit=limit, **told)


def note_edits(edits: Sequence[Edit]) -> None:
    """The edits as the command line and Python take them."""
    with st.expander(t("change.as_json")):
        st.code(write_edits(edits), language="json", wrap_lines=True)
