"""What stands on the page Write: the text, what could come next, what was read for it, and what the cache saved."""

import re
from itertools import chain, pairwise, repeat
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.trace import Attention, frozen
from attnlab.figures.captions import trace_caption
from attnlab.models.inhouse.writing import Stage
from attnlab.ui import link
from attnlab.ui.ask import ask_attention, ask_choice, open_head
from attnlab.ui.chips import chips
from attnlab.ui.language import md_escape, percent, t
from attnlab.ui.pictures import save_row
from attnlab.ui.save import facts_of
from attnlab.ui.traces import get_trace
from attnlab.ui.write.writing import LONGEST, Writing, back, finish, go_on, put, take

VERSE = "，。？！；"  # what ends a verse of a Chinese poem
SHOWN = 12  # candidates listed; the rest is one row
TEN, SENTENCE = 10, 80


def show_text(writing: Writing) -> None:
    """The text, what was written in bold, and the buttons that go on."""
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
        st.button(t("write.again"), disabled=not written, on_click=put, args=((),), key="write again")
    st.caption(t("write.counted", n=len(written), most=LONGEST))


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


def show_next(writing: Writing) -> None:
    """One distribution that adds up to 100 %: what the model says, what every setting makes of it, and a choice of one's own."""
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
        if (sentence := removed(before, step)) is not None:
            st.caption(sentence)
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


def show_looks(writing: Writing) -> None:
    """Which words the last token looked at before the next is chosen, in one head; and the heads that look at what came after a repeat."""
    trace = get_trace(writing.model.spec.name, writing.in_sight)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        attention = ask_attention(trace, width=130)
        names = {"mean": t("write.mean")} | {str(h): f"H{h}" for h in range(attention.n_heads)}
        chosen = ask_choice("by", names, label=t("ui.head"), width=160)
    weights = row_of(attention, chosen)
    pieces = attention.keys.pieces
    title = f"L{attention.layer}" + ("" if chosen == "mean" else f"H{chosen}")
    chips(
        weights,
        pieces,
        [[f"{w:.2f}" for w in weights]],
        [t("write.look_label", piece=piece, weight=f"{w:.4f}") for piece, w in zip(pieces, weights, strict=True)],
        key="looks",
        name=t("write.looks_of", name=title, piece=pieces[-1]),
        high=max(0.3, float(weights.max())),
        hint=t("write.looks_hint"),
    )
    caption, place = trace_caption(trace), None if chosen == "mean" else int(chosen)
    told: dict[str, Any] = {
        "title": t("write.looks_of", name=title, piece=pieces[-1]),
        "caption": caption,
        "legend": t("ui.weight"),
        "say": False,
    }
    facts = facts_of(trace, attention, place)
    save_row(weights, pieces, pieces[-1], key="looks", name=f"{trace.model}-{title}-row", facts=facts, **told)
    best = np.argsort(-weights)[:3]
    named = ", ".join(f"“{md_escape(pieces[i])}” {percent(float(weights[i]))}" for i in best)
    st.markdown(t("write.looks_say", name=title, piece=md_escape(pieces[-1]), named=named))
    show_repeat(trace.layers("decoder"), trace.source.ids, pieces)
    head = 0 if chosen == "mean" else int(chosen)
    if st.button(t("write.open_heads"), icon=":material/grid_view:", key="open writing"):
        link.choose(model=writing.model.spec.name, over="head")
        open_head("decoder", attention.layer, head, text=trace.text)


def row_of(attention: Attention, chosen: str) -> np.ndarray:
    """The last token's weights: of one head, or the mean over the heads of a layer. [k]"""
    last = slice(len(attention.queries) - 1, None)
    if chosen != "mean":
        return attention.weights(int(chosen), last)[0]
    return frozen(np.mean([attention.weights(h, last)[0] for h in range(attention.n_heads)], axis=0))


def show_repeat(layers: tuple[Attention, ...], ids: tuple[int, ...], pieces: tuple[str, ...]) -> None:
    """Where the last token stood before, what came after it then, and which heads look there now."""
    earlier = [i for i in range(len(ids) - 1) if ids[i] == ids[-1]]
    if not earlier:
        st.caption(t("write.no_repeat", piece=md_escape(pieces[-1])))
        return
    place = earlier[-1] + 1
    last = slice(len(ids) - 1, None)
    scores = sorted(((float(a.weights(h, last)[0, place]), a.layer, h) for a in layers for h in range(a.n_heads)), reverse=True)[:3]
    heads = ", ".join(f"L{layer}H{head} {percent(weight)}" for weight, layer, head in scores)
    st.markdown(t("write.repeat", piece=md_escape(pieces[-1]), place=earlier[-1], after=md_escape(pieces[place]), heads=heads))


def show_cache(writing: Writing) -> None:
    """What the last step computed, and what it would have been without kept keys and values."""
    read, new = len(writing.draft.read), writing.draft.computed
    config = writing.model.module.config
    numbers = 2 * config.decoder_layers * config.d_model * read
    with st.container(horizontal=True, gap="large"):
        st.metric(t("write.computed"), f"{new:,}", border=True, width="content")
        st.metric(t("write.without_cache"), f"{read:,}", border=True, width="content")
        st.metric(t("write.kept_numbers"), f"{numbers:,}", border=True, width="content")
    st.caption(t("write.cache_note", layers=config.decoder_layers, d=config.d_model, n=read))
