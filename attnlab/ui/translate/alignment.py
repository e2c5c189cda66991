"""A whole translation at once: which word comes from which, all its attention in one map, and its scores, token by token."""

from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from attnlab import figures
from attnlab.core.translation import Aligned, Row, joint, word_alignment
from attnlab.figures.captions import trace_caption
from attnlab.figures.style import Look, Words
from attnlab.models.inhouse.model import InHouse
from attnlab.training.scores import sentence_scores
from attnlab.ui import canvas
from attnlab.ui.ask import ask_choice, ask_row, ask_text
from attnlab.ui.chips import chips
from attnlab.ui.language import md_escape, percent, t
from attnlab.ui.pictures import save_row
from attnlab.ui.save import facts_of, save_bar
from attnlab.ui.summary import map_sentence
from attnlab.ui.translate.writing import Pick, Written


def show_whole(written: Written, pick: Pick) -> None:
    """Alignment of words as a map and as lines, or all three kinds of attention at once."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kind = ask_row(
            "picture", {name: t(f"translate.picture_{name}") for name in ("words", "joint")}, label=t("translate.picture"), hidden=True
        )
        rows: dict[Row, str] = {"writing": t("translate.row_writing"), "reading": t("translate.row_reading")}
        row: Row = (
            ask_choice("row", rows, label=t("translate.row"), help=t("translate.row_help"), width=260) if kind == "words" else "writing"
        )
    if kind == "joint":
        show_joint(written, pick)
    else:
        show_alignment(
            written, pick, word_alignment(written.trace, pick.layer, pick.head, row=row, end=written.model.show(written.model.eos))
        )


def show_alignment(written: Written, pick: Pick, aligned: Aligned) -> None:
    pairs = " · ".join(f"{word} → {aligned.source[best]}" for word, best in zip(aligned.target, aligned.best, strict=True))
    left, right = st.columns(2, gap="medium")
    title = t("translate.alignment_title", name=pick.name)
    with left:
        axes = (t("translate.target_word"), t("translate.source_word"))
        canvas.matrix(
            aligned.weights, aligned.target, aligned.source, key="alignment", title=title, axes=axes, link="alignment", height=430
        )
    with right:
        shown = {"active": [0], "names": [pick.name], "threshold": 0.05, "link": "alignment"}
        canvas.lines(aligned.weights[None], aligned.target, aligned.source, key="alignment lines", **shown)  # type: ignore[arg-type]
    st.markdown(t("translate.pairs", pairs=md_escape(pairs)))

    def draw(look: Look, words: Words) -> Any:
        named = replace(words, query=axes[0], key=axes[1])
        caption = trace_caption(written.trace)
        return figures.heatmap(aligned.weights, aligned.target, aligned.source, title=title, caption=caption, look=look, words=named)

    save_bar(draw, **about(written, pick, "alignment"))


def show_joint(written: Written, pick: Pick) -> None:
    both = joint(written.trace, pick.layer, pick.head)
    names = [
        f"{piece} {mark}" for piece, mark in zip(both.pieces, ["ˢ"] * both.split + ["ᵗ"] * (len(both.pieces) - both.split), strict=True)
    ]
    title, note = t("translate.joint_title", name=pick.name), t("translate.joint_note")
    canvas.matrix(both.weights, names, names, key="joint", title=title, note=note, numbers=False)
    special = [*written.trace.source.special, *(written.trace.target.special if written.trace.target else ())]
    st.markdown(md_escape(map_sentence(both.weights, names, names, name=t("ui.weight"), share=True, special=special)))

    def draw(look: Look, words: Words) -> Any:
        caption = f"{note} {trace_caption(written.trace)}"
        return figures.heatmap(both.weights, names, names, title=title, caption=caption, look=look, words=words)

    save_bar(draw, **about(written, pick, "joint"))


def about(written: Written, pick: Pick, view: str) -> dict[str, Any]:
    """What the file of a picture is called, and what it says of itself."""
    attention = written.trace.at("cross", pick.layer)
    facts = facts_of(written.trace, attention, pick.head, view=view, attention=pick.name)
    return {"key": view, "name": f"{written.model.spec.name}-{view}-{pick.name}", "facts": facts, "made_from": badge(written)}


def badge(written: Written) -> dict[str, object]:
    spec = written.model.spec
    return {t("ui.model"): spec.name, t("translate.revision"): spec.revision, "dtype": written.trace.dtype}


# Scores


def show_scores(written: Written) -> None:
    """BLEU and chrF against a reference, and what each token of it costs the model."""
    reference = ask_text("", key="reference", label=t("translate.reference")).strip()
    said, model = written.trace.target_text or "", written.model
    if reference:
        chinese = any("\u4e00" <= c <= "\u9fff" for c in reference)
        with st.container(horizontal=True, gap="large"):
            for score in sentence_scores(said, reference, tokenize="zh" if chinese else "13a"):
                st.metric(score.name, f"{score.value:.1f}", help=md_escape(score.signature), width="content")
            loss = model.score(written.text, reference)
            st.metric(t("translate.loss"), f"{loss.loss:.3f}", help=t("translate.loss_help"), width="content")
            st.metric(t("translate.perplexity"), f"{loss.perplexity:.2f}", width="content")
        st.caption(t("translate.one_sentence"))
        show_losses(t("translate.of_reference"), model, written.text, reference, "reference losses")
    if said:
        show_losses(t("translate.of_own"), model, written.text, said, "own losses")
    if not reference:
        st.info(t("translate.reference_hint"))


def show_losses(title: str, model: InHouse, text: str, target: str, key: str) -> None:
    """Each token with its loss; the darker the dearer."""
    found = model.score(text, target)
    p, high = np.exp(-found.losses), max(4.0, float(found.losses.max()))
    st.markdown(t("translate.losses_of", title=title, loss=f"{found.loss:.3f}", perplexity=f"{found.perplexity:.2f}"))
    labels = [
        t("translate.loss_label", token=token, loss=f"{x:.3f}", p=percent(float(q), 2))
        for token, x, q in zip(found.tokens, found.losses, p, strict=True)
    ]
    chips(
        found.losses,
        found.tokens,
        [[f"{x:.2f}" for x in found.losses]],
        labels,
        key=key,
        name=title,
        high=high,
        hint=t("translate.loss_hint"),
    )
    spec, axes = model.spec, (t("translate.loss"), t("translate.target_word"))
    told: dict[str, Any] = {"title": title, "caption": f"{spec.name} ({spec.revision}) · {text} / {target}", "legend": t("translate.loss")}
    facts = {"model": spec.name, "revision": spec.revision, "text": text, "target": target}
    save_row(found.losses, found.tokens, "−ln p", key=key, name=f"{spec.name}-{key}", facts=facts, axes=axes, limit=(0.0, high), **told)
