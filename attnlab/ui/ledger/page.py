"""The page Ledger: which output is taken apart, its waterfall, one head by way of each word, and the lens on every layer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.ledger import Ledger, Part, folded
from attnlab.core.trace import Stack, Trace, frozen
from attnlab.figures.captions import trace_caption
from attnlab.figures.style import Look, Words
from attnlab.models.interventions import knock_outs
from attnlab.models.ledgers import Reading, book, reading, show, speaking
from attnlab.models.lens import lens
from attnlab.models.repair import Repair, repair
from attnlab.models.spec import Model, Spec
from attnlab.models.weights import BEFORE, FAMILIES
from attnlab.ui import canvas, choices
from attnlab.ui.ask import ask_choice, ask_switch, ask_text, open_head, open_steps
from attnlab.ui.language import md_escape, number, signed, t
from attnlab.ui.pictures import save_matrix
from attnlab.ui.save import facts_of, save_bar
from attnlab.ui.show import pick
from attnlab.ui.traces import get_trace
from attnlab.ui.turns import Kept, made_in_turn

OTHER = "A dog slept on the rug because he was exhausted."
MOST = 30
STAGE = 6  # of the walk: where a head's scores are made
LONGEST = 64  # tokens for which every head is knocked out on the page

REPAIRS = Kept[Repair](64)


@dataclass(frozen=True, eq=False)
class Asked:
    """Which output, and its ledger. other: the second sentence of a likeness."""

    model: Model
    trace: Trace
    found: Reading
    book: Ledger
    other: str = ""


def followed(spec: Spec) -> bool:
    """Models whose layers are known."""
    return spec.family in (*FAMILIES, *BEFORE)


def ask_output(model: Model, trace: Trace) -> Asked:
    """What is to be taken apart: a likeness, a label, or a word at a place. Raises InputError for one that the model has not."""
    task = model.spec.task
    if task == "classify":
        labels = list(model.labels)  # type: ignore[attr-defined]
        label = ask_choice("label", labels, label=t("ledger.label"), default=labels[int(np.argmax(trace.outputs["logits"]))])
        return take(model, trace, label=label)
    if "logits" not in trace.outputs:
        other = ask_text(OTHER, key="other", label=t("ledger.other"))
        return replace(take(model, trace, similar_to=get_trace(model.spec.name, other)), other=other)
    pieces = trace.at(speaking(trace), 0).queries.pieces
    said = np.argmax(trace.outputs["logits"], -1)
    places = {str(i): f"{i} {piece} → {show(model, int(said[i]))}" for i, piece in enumerate(pieces)}
    left, middle, right = st.columns(3)
    with left:
        token = int(ask_choice("token", places, label=t("ledger.token"), default=str(min(1, len(pieces) - 1))))
    with middle:
        word = ask_text("", key="word", label=t("ledger.word")).strip() or None
    with right:
        against = ask_text("", key="against", label=t("ledger.against")).strip() or None
    return take(model, trace, token=token, word=word, against=against)


def take(model: Model, trace: Trace, **output: Any) -> Asked:
    found = reading(model, trace, **output)
    return Asked(model, trace, found, book(model, trace, found))


def show_waterfall(asked: Asked) -> None:
    """The bars, the sum under them, and beside the heads what is lost when they are really knocked out."""
    from attnlab.figures.waterfalls import NAMES, chart, label, waterfall

    short = sum(len(asked.trace.layers(stack)[0].queries) for stack in asked.trace.stacks) <= LONGEST
    beside = ask_switch("beside", t("ledger.beside"), help=t("ledger.beside_help")) if short else False
    lost = without(asked) if beside else None
    names = {name: t(f"ledger.{name}") for name in ("embedding", "feed_forward", "bias", "output", "part", "without")}
    names["rest"] = t("ledger.rest", n="{n}")
    total = t("ledger.sum", total=f"{asked.book.total:.6f}", output=f"{asked.book.output:.6f}", error=f"{asked.book.error:.1e}")
    bar = pick(chart(asked.book, most=MOST, without=lost, names=names), name="waterfall", alt=f"{asked.book.says}. {total}")
    kept = folded(asked.book.whole(), MOST)[0]
    fresh = choices.differs("ledger bar", bar)
    if bar is not None and fresh and bar < len(kept) and kept[bar].kind == "head":
        choices.keep("part", place_of(kept[bar]))
    st.caption(t("ledger.click_bar"))
    largest = max(asked.book.whole(), key=lambda part: abs(part.value))
    said = t("ledger.say_most", part=label(largest, NAMES | names), value=number(largest.value))
    st.markdown(f"{md_escape(said)} {total}")
    if lost is not None:
        tell_repair(asked, lost)

    def draw(look: Look, words: Words) -> Any:
        title = f"{asked.trace.model}: {asked.book.says}"
        return waterfall(
            asked.book, most=MOST, title=title, caption=trace_caption(asked.trace), without=lost, names=names, look=look, words=words
        )

    save_bar(draw, key="waterfall", name=f"{asked.trace.model} ledger", facts=facts_of(asked.trace, says=asked.book.says))


def without(asked: Asked) -> Mapping[tuple[str, int | None, int | None], float]:
    """How the output changes without each head whose part is in the ledger."""
    stacks = dict.fromkeys(part.stack for part in asked.book.parts if part.kind == "head")
    maps = {stack: knock_outs(asked.model, asked.trace, stack, found=asked.found) for stack in stacks}
    return {(stack, i, j): float(changes[i, j]) for stack, changes in maps.items() for i, j in np.ndindex(*changes.shape)}


def tell_repair(asked: Asked, lost: Mapping[tuple[str, int | None, int | None], float]) -> None:
    """Where a head's part and what is lost without it differ most, or another head: which later ones made up for it, in words and drawn."""
    heads = {(p.stack, p.layer, p.head): p for p in asked.book.whole() if p.kind == "head"}
    order = sorted(heads, key=lambda one: -abs(heads[one].value + lost[one]))
    part = heads[order[0]]
    st.caption(t("ledger.repair", head=part.name, part=signed(part.value), lost=signed(-lost[order[0]])))
    chosen = ask_choice("repaired", {place_of(heads[one]): heads[one].name for one in order}, label=t("ledger.repaired"))
    part = next(each for each in heads.values() if place_of(each) == chosen)
    key = (asked.trace.key, asked.book.says, chosen)
    show_repair(asked, made_in_turn(REPAIRS, key, lambda breathe: repair(asked.model, asked.trace, asked.found, part)))


def show_repair(asked: Asked, found: Repair) -> None:
    """The sum in words, and every later head as a map of how its direct effect changed."""
    most = sorted(found.later, key=lambda part: -abs(part.value))[:3]
    named = ", ".join(f"{part.name} {signed(part.value)}" for part in most) or t("ledger.no_later")
    sums = {"heads": found.repaired, "nets": found.feed_forward, "rest": found.rest, "part": found.head.value, "lost": found.lost}
    st.markdown(t("ledger.repair_sum", head=found.head.name, most=named, **{name: signed(value) for name, value in sums.items()}))
    if not found.later:
        return
    rows = list(dict.fromkeys(part.name.rsplit("H", 1)[0] for part in found.later))
    values = np.full((len(rows), 1 + max(int(part.head or 0) for part in found.later)), np.nan)
    for part in found.later:
        values[rows.index(part.name.rsplit("H", 1)[0]), int(part.head or 0)] = part.value
    columns, title = [f"H{head}" for head in range(values.shape[1])], t("ledger.repair_map", head=found.head.name)
    axes, name = (t("ui.layer"), t("ui.head")), t("ledger.repair_name")
    canvas.matrix(frozen(values), rows, columns, key="repair", kind="signed", title=title, name=name, axes=axes, height=90 + 26 * len(rows))
    facts = facts_of(asked.trace, says=asked.book.says, knocked_out=found.head.name)
    told: dict[str, Any] = {"title": title, "caption": f"{asked.book.says} · {trace_caption(asked.trace)}", "legend": name, "axes": axes}
    save_matrix(frozen(values), rows, columns, key="repair", name=f"{asked.trace.model} repair", facts=facts, signed=True, **told)


def place_of(part: Part) -> str:
    """A head as the address writes it."""
    return f"{part.stack}.{part.layer}.{part.head}"


def show_sources(asked: Asked) -> None:
    """One head by way of each word, and the way to its map."""
    heads = sorted((p for p in asked.book.whole() if p.kind == "head"), key=lambda part: -abs(part.value))
    names = {place_of(p): f"{p.name}  {signed(p.value)}" for p in heads}
    st.header(t("ledger.by_word"), anchor=False)
    stack_name, layer, head = ask_choice("part", names, label=t("ledger.head")).split(".")
    stack: Stack = next(one for one in asked.trace.stacks if one == stack_name)
    keys = asked.trace.at(stack, int(layer)).keys.pieces
    sources = asked.book.sources("head", stack, int(layer), int(head))
    values = frozen([[sources[i] for i in range(len(keys))]])
    title = t("ledger.by_word_of", head=f"L{layer}H{head}")
    row, value = f"L{layer}H{head}", t("ledger.value")
    word = canvas.matrix(values, [row], keys, key="sources", kind="signed", title=title, name=value, height=150)
    facts = facts_of(asked.trace, asked.trace.at(stack, int(layer)), int(head), says=asked.book.says)
    told: dict[str, Any] = {"title": title, "caption": f"{asked.book.says} · {trace_caption(asked.trace)}", "legend": value}
    save_matrix(values, [row], keys, key="sources", name=f"{asked.trace.model} ledger {row}", facts=facts, signed=True, **told)
    show_row(asked, stack, int(layer), int(head), None if word is None else word[1])


def show_row(asked: Asked, stack: Stack, layer: int, head: int, key: int | None) -> None:
    """The weights that brought it: of the place that is read, else the mean over places; the way to the map, and to the arithmetic."""
    attention = asked.trace.at(stack, layer)
    weights, token = attention.weights(head), asked.found.token
    row = weights.mean(0) if token is None else weights[token]
    said = t("ledger.row_mean") if token is None else t("ledger.row_of", token=attention.queries.pieces[token])
    rows, more = [f"L{layer}H{head}"], {"title": said, "name": t("ledger.weight"), "height": 150}
    clicked = canvas.matrix(frozen(row[None]), rows, attention.keys.pieces, key="source row", **more)  # type: ignore[arg-type]
    key = clicked[1] if clicked is not None else key
    with st.container(horizontal=True, gap="small"):
        if st.button(t("ledger.open"), key="open head"):
            open_head(stack, layer, head)
        if key is None:
            st.caption(t("ledger.click_word"))
            return
        query = int(weights[:, key].argmax()) if token is None else token
        link = t("ledger.steps", query=attention.queries.pieces[query], key=attention.keys.pieces[key])
        if st.button(md_escape(link), key="open steps"):
            open_steps(stack, layer, head, stage=STAGE, query=query, key=key)


def show_lens(asked: Asked) -> None:
    """What the model would say if it stopped at a layer."""
    if asked.found.token is None:
        return
    seen = lens(asked.model, asked.trace)
    stack = speaking(asked.trace)
    pieces = asked.trace.at(stack, 0).queries.pieces
    rows = [t("ledger.before", layer=i) for i in range(len(seen.words) - 1)] + [t("ledger.end")]
    st.header(t("ledger.lens"), anchor=False)
    st.caption(t("ledger.lens_what"))
    title, share = t("ledger.lens"), t("ledger.probability")
    axes = t("ui.layer"), t("ledger.token")
    cell = canvas.matrix(seen.probability, rows, pieces, key="lens", title=title, name=share, axes=axes, height=260)
    told: dict[str, Any] = {
        "title": title,
        "caption": trace_caption(asked.trace),
        "legend": share,
        "axes": axes,
        "share": True,
        "say": False,
    }
    save_matrix(seen.probability, rows, pieces, key="lens", name=f"{asked.trace.model} lens", facts=facts_of(asked.trace), **told)
    layer, token = cell or (len(rows) - 1, asked.found.token)
    facts = {"word": md_escape(seen.words[layer][token]), "p": f"{seen.probability[layer, token]:.3f}"}
    where = {"layer": rows[layer], "token": md_escape(pieces[token])}
    numbers = {"rank": int(seen.rank[layer, token]) + 1, "kl": f"{seen.divergence[layer, token]:.3f}"}
    st.markdown(t("ledger.lens_says", **facts, **where, **numbers))
    table = {"": list(rows)} | {f"{i} {piece}": [words[i] for words in seen.words] for i, piece in enumerate(pieces)}
    with st.expander(t("ledger.lens_table")):
        st.dataframe(table, hide_index=True)
