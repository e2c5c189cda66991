"""The ways that a text went: every one that was left is kept, and can be gone on with; and two settings from the same place on."""

import streamlit as st

from attnlab.models.inhouse.writing import Sampling
from attnlab.ui import choices
from attnlab.ui.language import md_escape, t
from attnlab.ui.write.writing import Ids, Writing, ask_sampling, drawn, put

LATEST = 40  # tokens that can be gone back to by a click
AHEAD = 30  # tokens that two settings write side by side


def show_tree(writing: Writing) -> None:
    """The tokens written, each a place to go back to, and the other ways from there."""
    written = writing.ids
    if written:
        first = max(0, len(written) - LATEST)
        st.pills(
            t("write.back_to"),
            range(first, len(written)),
            format_func=lambda i: writing.model.show(written[i]) or "␣",
            key=f"back to {len(written)}",
            on_change=go_back,
            args=(writing, f"back to {len(written)}"),
            help=t("write.back_to_help"),
        )
    if not writing.others:
        st.caption(t("write.no_branches"))
    for number, way in enumerate(writing.others):
        show_way(writing, way, number)


def go_back(writing: Writing, widget: str) -> None:
    """The text as it stood before the token that was clicked."""
    if (place := choices.last(widget)) is not None:
        put(writing.ids[:place], writing)


def show_way(writing: Writing, way: Ids, number: int) -> None:
    """One way that was left: what it shares with the text in grey, where it parts, and its probability from there on."""
    shared = next((i for i, (a, b) in enumerate(zip(way, writing.ids, strict=False)) if a != b), min(len(way), len(writing.ids)))
    common, whole = writing.said(way[:shared]), writing.said(way)
    own = whole[len(common) :] if whole.startswith(common) else whole
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"way {number}"):
        st.button(t("write.go_there"), on_click=put, args=(way, writing), key=f"go {number}")
        st.markdown(t("write.way_said", place=shared, common=md_escape(common[-60:]) or "–", own=md_escape(own) or "–"))


def show_beside(writing: Writing) -> None:
    """The same text under two settings: what each writes, how likely the model itself finds it, and how long they agree."""
    st.markdown(t("write.beside_what", n=AHEAD))
    with st.popover(t("write.second_settings")):
        second, seed = ask_sampling(" 2", temperature=0.0)
    found = []
    ways = (("first", writing.sampling, writing.seed), ("second", second, seed))
    for column, (name, sampling, dice) in zip(st.columns(2, gap="medium"), ways, strict=True):
        ids = drawn(writing.model, writing.draft, sampling, dice, AHEAD)
        found.append(ids)
        with column:
            st.markdown(t(f"write.{name}", settings=settings(sampling, dice)))
            with st.container(border=True):
                st.markdown(f":blue[{md_escape(writing.said((*writing.ids, *ids))[len(writing.continuation) :]) or '–'}]")
            total = f"{likelihood(writing, ids):.1f}".replace("-", "−")
            st.caption(t("write.beside_p", total=total, n=len(ids), different=len(set(ids))))
            st.button(t("write.go_there"), on_click=put, args=((*writing.ids, *ids), writing), key=f"take {name}")
    same = next((i for i, (a, b) in enumerate(zip(*found, strict=False)) if a != b), min(map(len, found)))
    st.markdown(t("write.beside_same", n=same))


def settings(sampling: Sampling, seed: int) -> str:
    """The settings that are on, in words."""
    said = {"temperature": sampling.temperature, "top_k": sampling.top_k, "top_p": sampling.top_p, "min_p": sampling.min_p}
    said |= {"repetition": sampling.repetition}
    usual = Sampling()
    on = [f"{t(f'write.stage_{name}')} {value:g}" for name, value in said.items() if value != getattr(usual, name)]
    return ", ".join([*on, f"{t('write.seed')} {seed}"])


def likelihood(writing: Writing, ids: Ids) -> float:
    """The log-probability of some next tokens as the model itself has it, in nats."""
    draft, total = writing.draft, 0.0
    for token in ids:
        total += float(draft.log_probabilities[token])
        draft = draft.then(token)
    return total


def show_beams(writing: Writing, n: int) -> None:
    """The texts that a beam keeps, best first, each to be taken."""
    found = writing.beams(n)
    before = len(writing.continuation)
    texts = [writing.said((*writing.ids, *beam.ids))[before:] for beam in found]
    st.markdown(t("write.beams", width=len(found), n=n))
    for number, (beam, text) in enumerate(zip(found, texts, strict=True)):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"beam row {number}"):
            st.button(t("write.go_there"), on_click=put, args=((*writing.ids, *beam.ids), writing), key=f"take beam {number}")
            st.markdown(t("write.beam_said", total=f"{beam.total:.2f}".replace("-", "−"), text=md_escape(text)))
