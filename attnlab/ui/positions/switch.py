"""Part 2: the same sequence, the same task, six encodings side by side."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from attnlab.core.positions import ENCODINGS, SAME, antidiagonal, shuffle_difference, shuffled
from attnlab.core.trace import Trace
from attnlab.models.load import known
from attnlab.ui.ask import ask_number, ask_rows, ask_switch, ask_text
from attnlab.ui.language import md_escape, percent, t
from attnlab.ui.positions.charts import chart
from attnlab.ui.save import facts_of
from attnlab.ui.traces import get_model, get_trace
from attnlab.words import InputError

FAMILY = "reverse-"
LETTERS = "p o s i t i o n s"
FEWEST = 3  # columns, so that one map alone is no wider than a third of the page


def switch() -> None:
    """One toggle row: the anti-diagonal appears and disappears."""
    names = family()
    st.markdown(t("positions.switch_lead"))
    left, right = st.columns([2, 3], vertical_alignment="bottom")
    with left:
        text = ask_text(LETTERS, "letters", t("positions.letters"))
    with right:
        shown = ask_rows("shown", {kind: t(f"positions.{kind}") for kind in names}, label=t("positions.encodings"))
    left, middle, right = st.columns([4, 2, 2], vertical_alignment="bottom")
    with left:
        best = ask_switch("mirror", t("positions.mirror"), default=True, help=t("positions.mirror_help"))
    shape = get_model(FAMILY + next(iter(names))).spec.stacks["encoder"]
    with middle:
        layer = ask_number("rl", 0, shape.layers - 1, 0, label=t("ui.layer")) if not best else None
    with right:
        head = ask_number("rh", 0, shape.heads - 1, 0, label=t("ui.head")) if not best else None
    wanted = get_model(FAMILY + names[0]).tokenize(text).pieces[::-1]
    st.markdown(t("positions.wanted", letters=" ".join(f":gray-badge[{md_escape(letter)}]" for letter in wanted)))
    for place, kind in zip(st.columns(max(len(shown), FEWEST), gap="small"), shown, strict=False):
        with place:
            one(kind, get_trace(FAMILY + kind, text), layer, head)
    st.caption(t("positions.switch_legend"))


def family() -> list[str]:
    """The encodings for which a trained model came with attnlab, in the order of the paper trail. Raises InputError for none."""
    here = {spec.name.removeprefix(FAMILY) for spec in known() if spec.name.startswith(FAMILY)}
    names: list[str] = [kind for kind in ENCODINGS if kind in here]
    if not names:
        raise InputError("error.no_reverse")
    return names


def one(kind: str, trace: Trace, layer: int | None, head: int | None) -> None:
    """What one encoding makes of the sequence, and where its head looks."""
    said, wanted = answer(trace), trace.source.pieces[::-1]
    right = sum(a == b for a, b in zip(said, wanted, strict=True))
    st.markdown(t("positions.switch_score", name=t(f"positions.{kind}"), right=right, n=len(said)))
    st.markdown(" ".join(badge(a, b) for a, b in zip(said, wanted, strict=True)))
    layer, head = mirror_head(trace) if layer is None or head is None else (layer, head)
    attention = trace.at("encoder", layer)
    weights, pieces = attention.weights(head), place_names(trace.source.pieces)
    chart(
        weights,
        pieces,
        pieces,
        key=f"switch-{kind}",
        title=f"L{layer}H{head}",
        name=t("ui.weight"),
        facts=facts_of(trace, attention, head),
        link="switch",
        height=330,
        note=t("positions.switch_note", share=percent(antidiagonal(weights), 0), even=percent(1 / len(pieces), 0)),
    )
    if len(pieces) > 1:
        worst = shuffle_test(trace)
        if worst is None:
            st.markdown(t("positions.switch_broken"))
        else:
            said_so = "positions.switch_same" if worst < SAME else "positions.switch_differs"
            st.markdown(t(said_so, worst=f"{worst:.1e}" if worst < 1e-3 else f"{worst:.3f}"))


def shuffle_test(trace: Trace) -> float | None:
    """The letters in another order: the largest difference between the new maps and the old ones shuffled, over all layers and heads.

    None for what is no letter: put in another order it would be read as something else.
    """
    pieces = trace.source.pieces
    order = shuffled(len(pieces), 0)
    mixed = " ".join(pieces[i] for i in order)
    if get_model(trace.model).tokenize(mixed).ids != tuple(trace.source.ids[i] for i in order):
        return None
    other = get_trace(trace.model, mixed)
    both = zip(trace.attentions, other.attentions, strict=True)
    return max(float(shuffle_difference(a.all_weights(), b.all_weights(), order).max()) for a, b in both)


def answer(trace: Trace) -> list[str]:
    """The letters a model says, one per letter it read."""
    tokenizer = get_model(trace.model).tokenizer
    return [tokenizer.id_to_token(int(i)) for i in trace.outputs["logits"].argmax(-1)]


def badge(said: str, wanted: str) -> str:
    """A letter, green where it is right, red and struck out where it is wrong."""
    return f":green-badge[{md_escape(said)}]" if said == wanted else f":red-badge[~~{md_escape(said)}~~]"


def mirror_head(trace: Trace) -> tuple[int, int]:
    """The head that looks most at the mirror place: (layer, head)."""
    shares = np.array([[antidiagonal(a.weights(head)) for head in range(a.n_heads)] for a in trace.layers("encoder")])
    layer, head = np.unravel_index(int(shares.argmax()), shares.shape)
    return int(layer), int(head)


def place_names(pieces: Sequence[str]) -> list[str]:
    """Letters with their places, since a letter may occur twice."""
    return [f"{i} {piece}" for i, piece in enumerate(pieces)]
