"""The edits of the page Change: a list in the address, some of them resting, with heads struck out by a click, undo and redo."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from attnlab.core.edits import Edit, check_count, read_edits, write_edits
from attnlab.core.trace import Array, Attention, Stack, Trace
from attnlab.ui import canvas, choices
from attnlab.ui.ask import ask_choice, ask_number, ask_slider, ask_switch, ask_text
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import language, md_escape, t
from attnlab.words import InputError

KEY, RESTING, PAST, FUTURE, TURN = "edits", "resting", "edits past", "edits future", "edits turn"
ROWS = ("uniform", "identity", "first", "previous", "typed", "other")  # what a row can become
LINKS = ("cut", "zero", "set")  # what one link of it can become
SCOPES = ("head", "layer", "everywhere")
OTHER = "The dog slept on the rug because it was happy."  # as long as the sentence that pages begin with
MOST_BARS = 48  # keys of a row that is drawn; a longer one is typed
DIGITS = 4  # of a weight that was drawn by hand
Lists = tuple[str, str]  # the edits and the resting ones, as the address writes them


def edits_now(name: str = KEY) -> tuple[Edit, ...]:
    """The edits as the address has them; none where it holds something else, which is said."""
    try:
        return read_edits(choices.read(name, "[]"))
    except InputError as mistake:
        choices.keep(name, "[]")
        st.warning(md_escape(mistake.say(language())))
        return ()


def _lists() -> Lists:
    return choices.last(KEY) or "[]", choices.last(RESTING) or "[]"


def change_edits(edits: Sequence[Edit], resting: Sequence[Edit] | None = None) -> None:
    """Other edits from now on; undo leads back. resting: those that are kept without being carried out, the same where None."""
    now = _lists()
    choices.visit(PAST, list[Lists]).append(now)
    choices.visit(FUTURE, list[Lists]).clear()
    _put((write_edits(check_count(tuple(edits))), now[1] if resting is None else write_edits(check_count(tuple(resting)))))


def _put(lists: Lists) -> None:
    choices.keep(KEY, lists[0])
    choices.keep(RESTING, lists[1])
    choices.keep(TURN, choices.last(TURN, 0) + 1)


def undo() -> None:
    past = choices.visit(PAST, list[Lists])
    if past:
        choices.visit(FUTURE, list[Lists]).append(_lists())
        _put(past.pop())


def redo() -> None:
    future = choices.visit(FUTURE, list[Lists])
    if future:
        choices.visit(PAST, list[Lists]).append(_lists())
        _put(future.pop())


def ask_struck(trace: Trace, stack: Stack, edits: Sequence[Edit], to: str, texts: Sequence[str] | None = None) -> None:
    """All heads of a stack as a grid, a row a layer; a click strikes one out, or takes it back. to, texts: what it hands on instead."""
    whole = {(e.layer, e.head) for e in edits if struck(e, stack)}
    for attention in trace.layers(stack):
        layer = attention.layer
        widget = f"strike {stack} {layer} {choices.last(TURN, 0)}"
        st.pills(
            f"L{layer} · H",
            range(attention.n_heads),
            selection_mode="multi",
            default=[head for head in range(attention.n_heads) if (layer, head) in whole],
            format_func=str,
            key=widget,
            on_change=_strike,
            args=(stack, layer, widget, to, texts),
        )


def struck(edit: Edit, stack: Stack) -> bool:
    """Whether an edit strikes out one whole head."""
    return edit.place == "z" and edit.stack == stack and edit.named and edit.to != "times" and edit.query is None and edit.head is not None


def _strike(stack: Stack, layer: int, widget: str, to: str, texts: Sequence[str] | None) -> None:
    chosen = choices.last(widget, [])
    edits = edits_now()
    kept = [e for e in edits if not (struck(e, stack) and e.layer == layer and e.head not in chosen)]
    here = {e.head for e in kept if struck(e, stack) and e.layer == layer}
    change_edits([*kept, *(Edit("z", stack=stack, layer=layer, head=head, to=to, texts=texts) for head in chosen if head not in here)])


def ask_row_edit(trace: Trace, stack: Stack) -> None:
    """One row of one head, or one link of it, and what it becomes; in this head, its layer, or everywhere."""
    layers = trace.layers(stack)
    first, second, third = st.columns(3)
    with first:
        layer = ask_number("layer", 0, len(layers) - 1, 0, label=t("ui.layer"))
        head = ask_number("head", 0, layers[layer].n_heads - 1, 0, label=t("ui.head"))
        scope = ask_choice("scope", {name: t(f"change.scope_{name}") for name in SCOPES}, label=t("change.scope"))
    attention = layers[layer]
    queries, keys = (dict(enumerate(side.pieces)) for side in (attention.queries, attention.keys))
    with second:
        query = int(ask_choice("of", {str(i): f"{i} {piece}" for i, piece in queries.items()}, label=t("change.query")))
        to = ask_choice("becomes", {name: t(f"change.to_{name}") for name in (*ROWS, *LINKS)}, label=t("change.becomes"))
        again = ask_switch("renormalise", t("change.renormalise"), True, help=t("change.renormalise_help"))
    with st.container() if to == "typed" else third:
        key = None
        if to in LINKS:
            key = int(ask_choice("to", {str(i): f"{i} {piece}" for i, piece in keys.items()}, label=t("change.key")))
        where = {"stack": stack, "layer": None if scope == "everywhere" else layer, "head": head if scope == "head" else None}
        with mistake_box():
            edit = row_edit(attention, head, query, key, to, where, renormalise=again)
        st.button(t("change.put_in"), key="put in", on_click=_add, args=(edit,), type="primary")


def row_edit(attention: Attention, head: int, query: int, key: int | None, to: str, where: Mapping[str, Any], *, renormalise: bool) -> Edit:
    """The edit of a row or link; asks for the numbers or the sentence that it takes."""
    row = {**where, "query": query}
    if to == "cut":
        return Edit("scores", to="cut", key=key, **row)
    if to == "zero":
        return Edit("weights", to="zero", key=key, renormalise=renormalise, **row)
    weights = attention.weights(head)[query]
    if to == "set":
        value = ask_slider("weight", 0.0, 1.0, round(float(weights[key or 0]), 2), label=t("change.weight"))
        return Edit("weights", to=value, key=key, renormalise=renormalise, **row)
    if to == "typed":
        return Edit("weights", to=ask_numbers(attention, weights, row, renormalise=renormalise), renormalise=renormalise, **row)
    if to == "other":
        return Edit("weights", to="run", texts=(ask_text(OTHER, key="row of", label=t("change.row_of")),), **row)
    return Edit("weights", to=to, **row)


def ask_numbers(attention: Attention, weights: Array, row: Mapping[str, Any], *, renormalise: bool) -> list[float]:
    """The numbers of a row: its bars moved by hand, which is an edit at once, or typed. weights: what the model has there, [k]"""
    held = [edit.to for edit in edits_now() if by_numbers(edit, row) and edit.to.size == len(weights)]
    now = held[-1] if held else weights
    key = " ".join(str(part) for part in (*row.values(), len(weights)))
    if len(weights) <= MOST_BARS:
        labels, hint = attention.keys.pieces, t("change.draw_hint")
        drawn = partial(_draw, row, renormalise)
        canvas.row(now, labels, key=f"drawn {key}", hint=hint, whole=renormalise, on_change=drawn)
    said = st.text_input(t("change.typed"), " ".join(f"{w:.3g}" for w in now), key=f"typed {key} {choices.last(TURN, 0)}")
    return numbers_in(said, len(weights))


def by_numbers(edit: Edit, row: Mapping[str, Any]) -> bool:
    """Whether an edit gives numbers to this very row. row: stack, layer, head and query."""
    same = all(getattr(edit, name) == row[name] for name in ("stack", "layer", "head"))
    return same and edit.place == "weights" and edit.query == (row["query"],) and edit.key is None and not edit.named


def _draw(row: Mapping[str, Any], renormalise: bool, drawn: Sequence[float]) -> None:
    others = [edit for edit in edits_now() if not by_numbers(edit, row)]
    change_edits([*others, Edit("weights", to=[round(x, DIGITS) for x in drawn], renormalise=renormalise, **row)])


def numbers_in(said: str, n: int) -> list[float]:
    """The n numbers of a row as somebody typed them. Raises InputError for others, or for more or fewer."""
    try:
        found = [float(part) for part in said.replace(",", " ").split()]
    except ValueError:
        raise InputError("error.edit_numbers") from None
    if len(found) != n:
        raise InputError("error.edit_shape", place="weights", given=len(found), wanted=n)
    return found


def _add(edit: Edit) -> None:
    change_edits([*edits_now(), edit])


def show_edits(edits: Sequence[Edit], resting: Sequence[Edit]) -> None:
    """The list with a switch and a way to take each back, undo, redo, and nothing at all."""
    with st.container(horizontal=True, gap="small"):
        st.button(t("change.undo"), key="undo", on_click=undo, disabled=not choices.visit(PAST, list[Lists]))
        st.button(t("change.redo"), key="redo", on_click=redo, disabled=not choices.visit(FUTURE, list[Lists]))
        st.button(t("change.clear"), key="clear", on_click=change_edits, args=((), ()), disabled=not (edits or resting))
        data, name = write_edits(edits), "edits.json"
        st.download_button(t("change.file"), data, file_name=name, mime="application/json", key="edits file", on_click="ignore")
    turn = choices.last(TURN, 0)
    for i, edit in enumerate(edits):
        others = [*edits[:i], *edits[i + 1 :]]
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.toggle(said(edit), True, key=f"on {turn} {i}", on_change=change_edits, args=(others, [*resting, edit]))
            st.button("✕", key=f"take {i}", type="tertiary", on_click=change_edits, args=(others,), help=t("change.take"))
    for i, edit in enumerate(resting):
        others = [*resting[:i], *resting[i + 1 :]]
        st.toggle(said(edit), False, key=f"off {turn} {i}", on_change=change_edits, args=([*edits, edit], others))


def said(edit: Edit) -> str:
    """An edit in one line."""
    where = t("change.scope_everywhere") if edit.layer is None else f"L{edit.layer}" + ("" if edit.head is None else f"H{edit.head}")
    rows = "" if edit.query is None else f" {list(edit.query)}"  # type: ignore[arg-type]
    columns = "" if edit.key is None else f" → {list(edit.key)}"  # type: ignore[arg-type]
    to = edit.to if edit.named else f"{float(edit.to):.2f}" if edit.to.ndim == 0 else t("change.numbers")
    texts = "" if edit.texts is None else f" ({len(edit.texts)})" if len(edit.texts) > 1 else f" ({md_escape(edit.texts[0])})"
    return f"{edit.stack} {where} {edit.place}{rows}{columns}: {to}{texts}"
