"""Poems on the page Write: a form and a first line to begin with, and couplets under each other with the attention between their places."""

import re
from itertools import pairwise
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.trace import Attention, frozen
from attnlab.figures.captions import trace_caption
from attnlab.ui import canvas, link
from attnlab.ui.ask import ask_attention, ask_choice, ask_head
from attnlab.ui.language import percent, t
from attnlab.ui.pictures import save_matrix
from attnlab.ui.save import facts_of
from attnlab.ui.traces import get_trace
from attnlab.ui.write.writing import Writing

VERSE = "，。？！；"  # what ends a verse of a Chinese poem
FORMS = {  # first lines that everybody knows, by the characters of a verse
    "5": ("白日依山尽，", "床前明月光，", "红豆生南国，", "空山不见人，"),
    "7": ("朝辞白帝彩云间，", "月落乌啼霜满天，", "故人西辞黄鹤楼，", "日照香炉生紫烟，"),
}


def show_couplets(writing: Writing) -> None:
    """Verses of one length under each other, and how much each place of the second looks at each place of the first."""
    ask_first_line()
    trace = get_trace(writing.model.spec.name, writing.in_sight)
    found = couplets(trace.source.pieces)
    if not found:
        st.caption(t("write.no_couplet"))
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        names = {str(i): "".join(trace.source.pieces[a] for a in (*first, *second)) for i, (first, second) in enumerate(found)}
        first, second = found[int(ask_choice("couplet", names, label=t("write.couplet"), default=str(len(found) - 1), width=260))]
        attention = ask_attention(trace, width=130)
        head = ask_head(attention, trace.model, width=130)
    between = attention.weights(head)[np.ix_([i - 1 for i in second], first)]  # what was looked at when each place was written
    rows, columns = ([trace.source.pieces[i] for i in verse] for verse in (second, first))
    title = t("write.couplet_title", head=f"L{attention.layer}H{head}")
    axes = t("write.lower"), t("write.upper")
    canvas.matrix(frozen(between), rows, columns, key="couplet map", title=title, name=t("ui.weight"), axes=axes)
    told: dict[str, Any] = {"caption": trace_caption(trace), "legend": t("ui.weight"), "axes": axes, "limit": (0.0, 1.0), "share": True}
    facts, file = facts_of(trace, attention, head), f"{trace.model}-couplet-L{attention.layer}H{head}"
    save_matrix(frozen(between), rows, columns, key="couplet", name=file, title=title, facts=facts, **told)
    here = float(np.diagonal(between).mean())
    best = sorted(((same_place(a, h, first, second), a.layer, h) for a in trace.layers("decoder") for h in range(a.n_heads)), reverse=True)[
        :3
    ]
    heads = ", ".join(f"L{layer}H{h} {percent(share)}" for share, layer, h in best)
    st.markdown(t("write.couplet_says", head=f"L{attention.layer}H{head}", share=percent(here), heads=heads))


def ask_first_line() -> None:
    """A form and a first line, and the button that begins with it."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        form = ask_choice("form", {name: t(f"write.form_{name}") for name in FORMS}, label=t("write.form"), width=170)
        line = ask_choice(f"first_line_{form}", FORMS[form], label=t("write.first_line"), width=220)
        if st.button(t("write.begin_poem"), key="begin poem"):
            link.choose(begin=line, writer="write-zh")
            st.rerun()


def couplets(pieces: tuple[str, ...]) -> list[tuple[list[int], list[int]]]:
    """Pairs of neighbouring verses with as many characters each, as places in the text; a verse ends with its sign."""
    verses: list[list[int]] = [[]]
    for i, piece in enumerate(pieces):
        if re.fullmatch(f"[{VERSE}]", piece):
            verses.append([])
        elif re.fullmatch("[\u3400-\u9fff]", piece):
            verses[-1].append(i)
    verses = [verse for verse in verses if verse]
    return [(a, b) for number, (a, b) in enumerate(pairwise(verses)) if number % 2 == 0 and len(a) == len(b) > 1]


def same_place(attention: Attention, head: int, first: list[int], second: list[int]) -> float:
    """The mean weight on the place of the verse before that is the one being written in this verse."""
    weights = attention.weights(head)
    return float(np.mean([weights[b - 1, a] for a, b in zip(first, second, strict=True)]))
