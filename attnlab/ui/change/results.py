"""What a change does: the output before and after, which maps moved, and every head knocked out."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.edits import Edit, write_edits
from attnlab.core.trace import Array, Stack, Trace, frozen
from attnlab.figures.captions import trace_caption
from attnlab.files import safe_name
from attnlab.models.answers import Answer, answers
from attnlab.models.interventions import WAYS, knock_outs
from attnlab.models.spec import Model
from attnlab.ui import canvas, choices, link
from attnlab.ui.ask import LONGEST_LINK, ask_row, ask_switch
from attnlab.ui.change.over_file import show_over_file
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import t
from attnlab.ui.pictures import save_matrix
from attnlab.ui.save import facts_of
from attnlab.ui.traces import get_trace
from attnlab.ui.turns import Kept, made_in_turn
from attnlab.words import InputError

SET = "The dog ran home.\nThe dog slept on the rug because it was happy.\nIt was a cold day."  # what a mean is over at first
MOST = 50  # sentences of a set
IMPORTANCE = Kept[Array](32)


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
    show_answers({t("change.before"): before, t("change.after"): after})
    same = [one.says for one in before] == [one.says for one in after]
    st.markdown(t("change.says_same") if same else t("change.says_other"))
    if changed.edits:
        show_movement(clean, changed)
        difference(model, before, after, changed)


def show_answers(sides: Mapping[str, Sequence[Answer]]) -> None:
    """What two runs say, side by side, each number with it."""
    for side, (name, found) in zip(st.columns(len(sides)), sides.items(), strict=True):
        with side:
            st.table({name: [one.says for one in found], t("change.value"): [f"{one.value:.4f}" for one in found]})


def difference(model: Model, before: Sequence[Answer], after: Sequence[Answer], changed: Trace) -> None:
    """Before, after and their difference as a file, with the edits that made it."""
    rows = ["output,before,after,difference"]
    was, now = ({one.says: one.value for one in side} for side in (before, after))
    for says in dict.fromkeys([*was, *now]):
        a, b = was.get(says), now.get(says)
        gap = "" if a is None or b is None else f"{b - a:.6f}"
        name = says.replace('"', '""')
        rows.append(f'"{name}",{"" if a is None else f"{a:.6f}"},{"" if b is None else f"{b:.6f}"},{gap}')
    edits = write_edits(changed.edits).replace('"', '""')
    data = "\n".join([*rows, f'"edits","{edits}",,']) + "\n"
    file = safe_name(f"{model.spec.name} change", otherwise="change")
    st.download_button(t("change.difference"), data, file_name=f"{file}.csv", mime="text/csv", key="difference", on_click="ignore")


def show_movement(clean: Trace, changed: Trace) -> None:
    """How far each head's map moved: the later ones read what was changed. The one that moved most is named."""
    moved = {stack: far for stack in clean.stacks if (far := movement(clean, changed, stack)) is not None}
    if not moved:
        return
    stack = max(moved, key=lambda one: float(moved[one].max()))
    layer, head = np.unravel_index(int(moved[stack].argmax()), moved[stack].shape)
    mark = "×" if stack == "cross" else ""
    st.caption(t("change.moved", head=f"{mark}L{layer}H{head}", far=f"{moved[stack].max():.3f}"))
    if not moved[stack].max():
        return
    rows, columns = [f"{mark}L{i}" for i in range(len(moved[stack]))], [f"H{j}" for j in range(moved[stack].shape[1])]
    draw_map(moved[stack], rows, columns, changed, key="moved", name=t("change.moved_map"), height=220)


def movement(clean: Trace, changed: Trace, stack: Stack) -> Array | None:
    """Which share of a row's weight lies elsewhere, on average. [layers heads], None where the two have other words"""
    pairs = list(zip(clean.layers(stack), changed.layers(stack), strict=True))
    if any(len(a.queries) != len(b.queries) or len(a.keys) != len(b.keys) for a, b in pairs):
        return None
    return frozen([np.abs(a.all_weights() - b.all_weights()).sum(-1).mean(-1) / 2 for a, b in pairs])


def show_importance(model: Model, trace: Trace, stack: Stack) -> None:
    """Every head knocked out, one at a time, in one batch."""
    if not ask_switch("every", t("change.every"), help=t("change.every_help")):
        return
    by: Any = ask_row("every by", {way: t(f"change.every_{way}") for way in WAYS}, label=t("change.every_by"))
    with mistake_box():
        texts = ask_set() if by != "zero" else ()
        make = partial(knock_outs, model, trace, stack, by=by, texts=texts)
        changes = made_in_turn(IMPORTANCE, (trace.key, stack, by, texts), lambda breathe: make(between=breathe))
    rows = [f"L{i}" for i in range(len(changes))]
    draw_map(changes, rows, [f"H{j}" for j in range(changes.shape[1])], trace, key="importance", name=t("change.change"))
    st.caption(t("change.every_note"))
    show_over_file(model, stack, by)


def draw_map(
    values: Array,
    rows: Sequence[str],
    columns: Sequence[str],
    trace: Trace,
    *,
    key: str,
    name: str,
    limit: tuple[float, float] | None = None,
    height: int = 330,
) -> tuple[int, int] | None:
    """A signed map of layers by heads or tokens, with its files; the cell that was clicked."""
    low, high = limit or (None, None)
    axes = (t("ui.layer"), t("change.place"))
    how: Any = {"low": low, "high": high, "name": name, "title": name, "axes": axes, "height": height}
    cell = canvas.matrix(frozen(values), rows, columns, key=key, kind="signed", missing=t("change.no_counterpart"), **how)

    told: dict[str, Any] = {"title": f"{trace.model}: {name}", "caption": trace_caption(trace), "legend": name, "axes": axes}
    file, facts = f"{trace.model} {key}", facts_of(trace)
    save_matrix(frozen(values), rows, columns, key=key, name=file, facts=facts, signed=True, limit=limit, **told)
    return cell


def ask_set() -> tuple[str, ...]:
    """The sentences that a mean or a sample is taken from, a line each."""
    choices.follow("set", SET, str)
    lines = st.text_area(t("change.set"), key="set", help=t("change.set_help"), height=100, persist_state="session")
    link.put("set", None if lines == SET or len(lines) > LONGEST_LINK else lines)
    return tuple(line.strip() for line in lines.splitlines() if line.strip())[:MOST]


def ask_stand_in(model: Model, trace: Trace, by: str) -> tuple[str, tuple[str, ...] | None]:
    """What a struck head hands on, and the sentences that it comes from: a mean over a set, or one of as many tokens drawn from it."""
    if by in ("zero", "mean"):
        return by, None
    with mistake_box():
        texts = ask_set()
        if by == "set" and texts:
            return "mean", texts
        fitting = [text for text in texts if len(model.tokenize(text)) == len(trace.source) and text != trace.text]
        if not fitting:
            raise InputError("error.edit_sample", n=len(trace.source))
        return "run", (fitting[len(trace.text) % len(fitting)],)


def note_edits(edits: Sequence[Edit]) -> None:
    """The edits as the command line and Python take them."""
    with st.expander(t("change.as_json")):
        st.code(write_edits(edits), language="json", wrap_lines=True)
