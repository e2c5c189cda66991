"""The edits of the page Change: a list in the address, with heads struck out by a click, undo and redo."""

from collections.abc import Callable, Sequence

import streamlit as st

from attnlab.core.edits import Edit, check_count, read_edits, write_edits
from attnlab.core.trace import Stack, Trace
from attnlab.ui import choices
from attnlab.ui.ask import ask_choice, ask_number
from attnlab.ui.language import md_escape, t
from attnlab.words import InputError

KEY, PAST, FUTURE, TURN = "edits", "edits past", "edits future", "edits turn"
ROWS = ("uniform", "identity", "first", "previous", "cut", "zero")  # what a row, or one link of it, can become


def edits_now() -> tuple[Edit, ...]:
    """The edits as the address has them; none where it holds something else, which is said."""
    try:
        return read_edits(choices.read(KEY, "[]"))
    except InputError as mistake:
        choices.keep(KEY, "[]")
        st.warning(md_escape(str(mistake)))
        return ()


def change_edits(edits: Sequence[Edit]) -> None:
    """Other edits from now on; undo leads back."""
    choices.visit(PAST, list[str]).append(choices.last(KEY) or "[]")
    choices.visit(FUTURE, list[str]).clear()
    _put(write_edits(check_count(tuple(edits))))


def _put(text: str) -> None:
    choices.keep(KEY, text)
    choices.keep(TURN, choices.last(TURN, 0) + 1)


def undo() -> None:
    past = choices.visit(PAST, list[str])
    if past:
        choices.visit(FUTURE, list[str]).append(choices.last(KEY) or "[]")
        _put(past.pop())


def redo() -> None:
    future = choices.visit(FUTURE, list[str])
    if future:
        choices.visit(PAST, list[str]).append(choices.last(KEY) or "[]")
        _put(future.pop())


def ask_struck(trace: Trace, stack: Stack, edits: Sequence[Edit], to: str) -> None:
    """All heads of a stack as a grid, a row a layer; a click strikes one out, or takes it back."""
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
            args=(stack, layer, widget, to),
        )


def struck(edit: Edit, stack: Stack) -> bool:
    """Whether an edit strikes out one whole head."""
    return edit.place == "z" and edit.stack == stack and edit.to in ("zero", "mean") and edit.query is None and edit.head is not None


def _strike(stack: Stack, layer: int, widget: str, to: str) -> None:
    chosen = choices.last(widget, [])
    edits = edits_now()
    kept = [e for e in edits if not (struck(e, stack) and e.layer == layer and e.head not in chosen)]
    here = {e.head for e in kept if struck(e, stack) and e.layer == layer}
    change_edits([*kept, *(Edit("z", stack=stack, layer=layer, head=head, to=to) for head in chosen if head not in here)])


def ask_row_edit(trace: Trace, stack: Stack) -> None:
    """One row of one head, or one link of it, and what it becomes."""
    layers = trace.layers(stack)
    first, second, third = st.columns(3)
    with first:
        layer = ask_number("layer", 0, len(layers) - 1, 0, label=t("ui.layer"))
        head = ask_number("head", 0, layers[layer].n_heads - 1, 0, label=t("ui.head"))
    queries, keys = (dict(enumerate(side.pieces)) for side in (layers[layer].queries, layers[layer].keys))
    with second:
        query = ask_choice("of", {str(i): f"{i} {piece}" for i, piece in queries.items()}, label=t("change.query"))
        to = ask_choice("becomes", {name: t(f"change.to_{name}") for name in ROWS}, label=t("change.becomes"))
    with third:
        link = to in ("cut", "zero")
        key = ask_choice("to", {str(i): f"{i} {piece}" for i, piece in keys.items()}, label=t("change.key")) if link else ""
        where = {"stack": stack, "layer": layer, "head": head, "query": int(query), "key": int(key) if link else None}
        edit = Edit("scores" if to == "cut" else "weights", to=to, **where)  # type: ignore[arg-type]
        st.button(t("change.put_in"), key="put in", on_click=_add, args=(edit,), type="primary")


def _add(edit: Edit) -> None:
    change_edits([*edits_now(), edit])


def show_edits(edits: Sequence[Edit]) -> None:
    """The list with a way to take each back, undo, redo, and nothing at all."""
    with st.container(horizontal=True, gap="small"):
        st.button(t("change.undo"), key="undo", on_click=undo, disabled=not choices.visit(PAST, list[str]))
        st.button(t("change.redo"), key="redo", on_click=redo, disabled=not choices.visit(FUTURE, list[str]))
        st.button(t("change.clear"), key="clear", on_click=change_edits, args=((),), disabled=not edits)
        data, name = write_edits(edits), "edits.json"
        st.download_button(t("change.file"), data, file_name=name, mime="application/json", key="edits file", on_click="ignore")
    for i, edit in enumerate(edits):
        rest = [*edits[:i], *edits[i + 1 :]]
        st.button(f"✕ {said(edit)}", key=f"take {i}", type="tertiary", on_click=_taker(rest))


def _taker(rest: Sequence[Edit]) -> Callable[[], None]:
    return lambda: change_edits(rest)


def said(edit: Edit) -> str:
    """An edit in one line."""
    where = f"L{edit.layer}" + ("" if edit.head is None else f"H{edit.head}")
    rows = "" if edit.query is None else f" {list(edit.query)}"  # type: ignore[arg-type]
    columns = "" if edit.key is None else f" → {list(edit.key)}"  # type: ignore[arg-type]
    to = edit.to if edit.named else t("change.numbers")
    return f"{edit.stack} {where} {edit.place}{rows}{columns}: {to}"
