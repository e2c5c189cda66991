"""What stands on the page Write: the text, what could come next, and what was read for each token."""

import re
from itertools import chain, pairwise, repeat
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.trace import Attention, Trace, frozen
from attnlab.figures.captions import trace_caption
from attnlab.models.inhouse.writing import Stage
from attnlab.models.weights import FAMILIES
from attnlab.ui import canvas, link
from attnlab.ui.ask import ask_attention, ask_choice, open_head
from attnlab.ui.chips import chips
from attnlab.ui.language import md_escape, percent, t
from attnlab.ui.pictures import save_matrix, save_row
from attnlab.ui.save import facts_of
from attnlab.ui.traces import get_trace
from attnlab.ui.write.poems import VERSE
from attnlab.ui.write.tree import show_beams
from attnlab.ui.write.writing import AHEAD, LONGEST, Writing, back, finish, go_on, hold, take

SHOWN = 12  # candidates listed; the rest is one row
TEN, SENTENCE = 10, 80
AGAIN = 8  # tokens of the beginning that are said again


def show_text(writing: Writing) -> None:
    """The text, what was written in colour, and the buttons that go on."""
    written, new = writing.ids, writing.continuation
    with st.container(border=True, key="text so far"):
        lines = zip(split(writing.beginning), repeat(False)), zip(split(new), repeat(True))
        st.markdown("  \n".join(joined(list(chain(*lines)))))
    full = len(written) >= LONGEST
    with st.container(horizontal=True, gap="small", key="go on"):
        st.button(t("write.one"), type="primary", disabled=full, on_click=go_on, args=(writing, 1), key="write one")
        st.button(t("write.ten", n=TEN), disabled=full, on_click=go_on, args=(writing, TEN), key="write ten")
        st.button(t("write.sentence"), disabled=full, on_click=finish, args=(writing, SENTENCE), key="write sentence")
        st.button(t("write.back"), disabled=not written, on_click=back, args=(writing,), key="write back")
        st.button(t("write.again"), disabled=not (written or writing.others), on_click=hold, args=((), ()), key="write again")
    unknown = sum(i == getattr(writing.model, "unk", None) for i in writing.begun)
    if unknown:
        st.warning(t("write.unknown", n=unknown))
    seen = writing.draft.n_read
    window = " " + t("write.window", n=seen) if seen < len(writing.draft.ids) else ""
    st.caption(t("write.counted", n=len(written), most=LONGEST) + window)


def split(text: str) -> list[str]:
    """Chinese text verse by verse, any other as it is."""
    return [verse for verse in re.split(f"(?<=[{VERSE}])", text) if verse]


def joined(parts: list[tuple[str, bool]]) -> list[str]:
    """Lines for markdown, a new one after each verse. parts: text, and whether the model wrote it, which is then coloured."""
    lines = [""]
    for text, own in parts:
        lines[-1] += f":blue[{md_escape(text)}]" if own else md_escape(text)
        if text[-1] in VERSE:
            lines.append("")
    return [line for line in lines if line]


# What could come next


def show_next(writing: Writing) -> None:
    """One distribution that adds up to 100 %: what the model says, what every setting makes of it, and a choice of one's own."""
    if writing.width:
        show_beams(writing, AHEAD)
    steps = writing.steps
    first, last = steps[0].probabilities, steps[-1].probabilities
    order = first.argsort(descending=True)[:SHOWN].tolist()
    rows = []
    for token in order:
        row = {t("write.token"): writing.model.show(token)}
        row |= {t(f"write.stage_{step.name}"): percent(float(step.probabilities[token])) for step in steps}
        rows.append(row)
    rest = {t("write.token"): t("write.rest", n=len(first) - len(order))}
    rest |= {t(f"write.stage_{step.name}"): percent(max(0.0, 1 - float(step.probabilities[order].sum()))) for step in steps}
    st.dataframe([*rows, rest], hide_index=True, width="stretch", height=35 * (len(rows) + 2) + 2, alt=t("write.next_alt", n=len(order)))
    for before, step in pairwise(steps):
        own = set(step.removed) <= set(writing.model.unwritten)  # what is never written is no setting's doing
        st.caption((None if own else removed(before, step)) or changed(before, step, writing))
    names = {str(i): f"{writing.model.show(i)} {percent(float(last[i]))}" for i in order if i not in writing.model.unwritten}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        token = int(ask_choice("say", names, label=t("write.choose"), width=240))
        st.button(t("write.take"), on_click=take, args=(writing, token), key="write this")


def removed(before: Stage, step: Stage) -> str | None:
    """What a setting took away, and by how much the rest grew."""
    if not step.removed:
        return None
    share = float(before.probabilities[list(step.removed)].sum())
    left = int((step.probabilities > 0).sum())
    grown = 1 / (1 - share) if share < 1 else float("inf")
    name = t(f"write.stage_{step.name}")
    return t("write.removed", name=name, n=len(step.removed), share=percent(share), left=left, grown=f"{grown:.2f}")


def changed(before: Stage, step: Stage, writing: Writing) -> str:
    """What a setting that removes nothing does: how likely the likeliest is before it and after it."""
    best = int(before.probabilities.argmax())
    share, now = (percent(float(stage.probabilities[best])) for stage in (before, step))
    return t("write.changed", name=t(f"write.stage_{step.name}"), piece=md_escape(writing.model.show(best)), before=share, after=now)


# Where it looked


def show_looks(writing: Writing) -> None:
    """Which words were looked at when a token was chosen, in one head or all of a layer; and the heads that look behind a repeat."""
    trace = get_trace(writing.model.spec.name, writing.in_sight)
    pieces = trace.source.pieces
    last = len(pieces) - 1
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        places = {"next": t("write.the_next")} | {str(i): f"{i + 1}: {pieces[i + 1]}" for i in range(last - 1, -1, -1)}
        of = ask_choice("of", places, label=t("write.of_token"), width=170)
        attention = ask_attention(trace, width=130)
        names = {"mean": t("write.mean")} | {str(h): f"H{h}" for h in range(attention.n_heads)}
        chosen = ask_choice("by", names, label=t("ui.head"), width=160)
    place = last if of == "next" else int(of)
    weights = row_of(attention, chosen, place)[: place + 1]
    title = f"L{attention.layer}" + ("" if chosen == "mean" else f"H{chosen}")
    chips(
        weights,
        pieces[: place + 1],
        [[f"{w:.2f}" for w in weights]],
        [t("write.look_label", piece=piece, weight=f"{w:.4f}") for piece, w in zip(pieces, weights, strict=False)],
        key="looks",
        name=t("write.looks_of", name=title, piece=pieces[place]),
        high=max(0.3, float(weights.max())),
        hint=t("write.looks_hint"),
    )
    caption, head = trace_caption(trace), None if chosen == "mean" else int(chosen)
    told: dict[str, Any] = {
        "title": t("write.looks_of", name=title, piece=pieces[place]),
        "caption": caption,
        "legend": t("ui.weight"),
        "say": False,
    }
    facts = facts_of(trace, attention, head)
    save_row(weights, pieces[: place + 1], pieces[place], key="looks", name=f"{trace.model}-{title}-row", facts=facts, **told)
    best = np.argsort(-weights)[:3]
    named = ", ".join(f"“{md_escape(pieces[i])}” {percent(float(weights[i]))}" for i in best)
    st.markdown(t("write.looks_say", name=title, piece=md_escape(pieces[place]), named=named))
    ask_others(writing, trace, attention, 0 if chosen == "mean" else int(chosen), place)
    show_repeat(writing, trace, place)


def ask_others(writing: Writing, trace: Trace, attention: Attention, head: int, place: int) -> None:
    """The ways to the pages that say more about the same step: the head's whole map, and whose doing the token was."""
    with st.container(horizontal=True, gap="small"):
        if st.button(t("write.open_heads"), icon=":material/grid_view:", key="open writing"):
            link.choose(model=writing.model.spec.name, over="head")
            open_head("decoder", attention.layer, head, text=trace.text)
        known = writing.model.spec.family in FAMILIES
        if known and st.button(t("write.open_ledger"), icon=":material/receipt_long:", key="open ledger", help=t("write.open_ledger_help")):
            word = trace.source.pieces[place + 1] if place + 1 < len(trace.source) else ""
            link.go("change/ledger.py", model=writing.model.spec.name, text=trace.text, token=str(place), word=word, against="")


def row_of(attention: Attention, chosen: str, place: int) -> np.ndarray:
    """The weights of one token: of one head, or the mean over the heads of a layer. [k]"""
    row = slice(place, place + 1)
    if chosen != "mean":
        return attention.weights(int(chosen), row)[0]
    return frozen(np.mean([attention.weights(h, row)[0] for h in range(attention.n_heads)], axis=0))


def show_repeat(writing: Writing, trace: Trace, place: int) -> None:
    """Where this token stood before, what came after it then, and how much every head looks there now: induction, live."""
    layers, ids, pieces = trace.layers("decoder"), trace.source.ids, trace.source.pieces
    earlier = [i for i in range(place) if ids[i] == ids[place]]
    full = len(writing.ids) + AGAIN > LONGEST
    st.button(t("write.say_again", n=AGAIN), on_click=take, args=(writing, *writing.begun[:AGAIN]), disabled=full, key="say again")
    if not earlier:
        st.caption(t("write.no_repeat", piece=md_escape(pieces[place])))
        return
    after = earlier[-1] + 1
    row = slice(place, place + 1)
    scores = np.array([[float(a.weights(h, row)[0, after]) for h in range(a.n_heads)] for a in layers])  # [l h]
    best = [divmod(int(i), scores.shape[1]) for i in np.argsort(-scores, axis=None)[:3]]
    heads = ", ".join(f"L{layer}H{head} {percent(float(scores[layer, head]))}" for layer, head in best)
    facts = {"piece": md_escape(pieces[place]), "place": earlier[-1], "after": md_escape(pieces[after]), "heads": heads}
    st.markdown(t("write.repeat", **facts))
    st.markdown(marked(pieces, earlier[-1], place))
    rows, columns = [f"L{i}" for i in range(scores.shape[0])], [f"H{i}" for i in range(scores.shape[1])]
    axes = (t("ui.layer"), t("ui.head"))
    height = 34 * len(rows) + 130
    title = t("write.repeat_map")
    told: dict[str, Any] = {"caption": trace_caption(trace), "legend": t("ui.weight"), "axes": axes, "limit": (0.0, 1.0)}
    canvas.matrix(frozen(scores), rows, columns, key="repeat map", title=title, axes=axes, height=height, largest=44)
    file = f"{trace.model}-repeat"
    save_matrix(frozen(scores), rows, columns, key="repeat", name=file, title=title, facts=facts_of(trace), share=True, **told)


def marked(pieces: tuple[str, ...], copy: int, place: int) -> str:
    """The words around the earlier copy, which is bold, with the one after it in colour; and the token that stands here now."""
    before, behind = " ".join(map(md_escape, pieces[max(0, copy - 5) : copy])), " ".join(map(md_escape, pieces[copy + 2 : copy + 5]))
    there = f"… {before} **{md_escape(pieces[copy])}** :green-background[{md_escape(pieces[copy + 1])}] {behind} …"
    return f"{there} **{md_escape(pieces[place])}** ?"
