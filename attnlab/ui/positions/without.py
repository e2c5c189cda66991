"""Part 4: a trained model whose positions are taken out, shuffled, shifted or frozen."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from attnlab.core import positions as pos
from attnlab.core.trace import Array, Attention, Trace
from attnlab.models.spec import PositionChange, Spec
from attnlab.ui import choices, pins
from attnlab.ui.ask import ask_attention, ask_head, ask_model, ask_number, ask_row, ask_text
from attnlab.ui.language import md_escape, percent, t
from attnlab.ui.positions.charts import Cell, chart, head_map, ranking
from attnlab.ui.positions.curves import curve, line
from attnlab.ui.save import facts_of
from attnlab.ui.traces import get_model, get_trace

EDITS = ("removed", "shuffled", "shifted", "frozen", "trained")


def without() -> None:
    """The edit, what it does to every head and to every output vector, and the shuffle test."""
    st.markdown(t("positions.without_lead"))
    left, right = st.columns([1, 2])
    with left:
        name = ask_model(movable)
    with right:
        text = ask_text()
    before = get_trace(name, text)
    follow("moved")
    after, edit = ask_edit(name, text, before)
    stack = before.stacks[0]
    moved = np.stack([pos.total_variation(a.all_weights(), b.all_weights()).mean(-1) for a, b in pairs(before, after)])  # [layers heads]
    top = st.container()
    attention, head = ask_one(before)
    with top:
        left, right = st.columns([3, 2])
        with left:
            heads(before, moved, edit, (attention.layer, head))
        with right:
            ranking(moved, column=t("positions.moved_short"))
    maps(before, after, edit, attention, head)
    outputs(before, after, edit, stack)
    shuffle_test(name, text, before)


def movable(spec: Spec) -> bool:
    """Models with position vectors that can be left out: one stack, a table or a sinusoid."""
    return spec.positions in pos.ABSOLUTE and len(spec.stacks) == 1 and spec.records


def ask_edit(name: str, text: str, before: Trace) -> tuple[Trace, str]:
    """The same sentence under the chosen edit, and what the edit is called."""
    n, limit = len(before.source), get_model(name).spec.max_tokens or 512
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        edit = ask_row("edit", {edit: t(f"positions.{edit}") for edit in EDITS}, label=t("positions.edit"))
    places: PositionChange = None
    with right:
        if edit == "shuffled":
            places = tuple(map(int, pos.shuffled(n, ask_number("shuffle", 0, 9999, 0, label=t("positions.shuffle_seed")))))
        elif edit == "shifted":
            k = ask_number("by", 0, limit - n, min(1, limit - n), label=t("positions.by"))
            places = tuple(range(k, k + n))
        elif edit == "frozen":
            places = (ask_number("at", 0, limit - 1, 0, label=t("positions.at")),) * n
    return get_trace(name, text, positions="none" if edit == "removed" else places), edit


def pairs(before: Trace, after: Trace) -> list[tuple[Attention, Attention]]:
    return list(zip(before.attentions, after.attentions, strict=True))


def heads(before: Trace, moved: Array, edit: str, pinned: Cell) -> None:
    """How far every head's weights moved; a click on a head opens it below."""
    head_map(
        moved,
        key="moved",
        title=t("positions.moved", edit=t(f"positions.{edit}")),
        name=t("positions.moved_short"),
        pinned=pinned,
        facts=facts_of(before, positions=edit),
    )
    st.caption(t("positions.moved_note"))


def ask_one(trace: Trace) -> tuple[Attention, int]:
    """Which stack, layer and head."""
    left, right, _ = st.columns([3, 2, 5], vertical_alignment="bottom")
    with left:
        attention = ask_attention(trace)
    with right:
        return attention, ask_head(attention, trace.model)


def follow(key: str) -> None:
    """A click on the map of heads named `key` goes to the widgets that ask for layer and head, once, before they are drawn."""
    cell = pins.new_click(key)
    if cell is not None and cell[0] >= 0:  # below 0: a pin was taken off
        choices.keep("layer", cell[0])
        choices.keep("head", cell[1])


def maps(before: Trace, after: Trace, edit: str, attention: Attention, head: int) -> None:
    """One head before, after, and the signed difference."""
    other = after.at(attention.stack, attention.layer)
    old, new, pieces = attention.weights(head), other.weights(head), attention.queries.pieces
    name, where = t(f"positions.{edit}"), f"L{attention.layer}H{head}"
    change = float(pos.total_variation(old, new).mean())
    shown = (
        (old, t("positions.trained"), False, "before"),
        (new, name, False, "after"),
        (new - old, t("positions.change", edit=name), True, "change"),
    )
    for place, (values, title, signed, key) in zip(st.columns(3), shown, strict=True):
        with place:
            chart(
                values,
                pieces,
                pieces,
                key=key,
                title=f"{where} · {title}",
                name=t("positions.difference" if signed else "ui.weight"),
                signed=signed,
                facts=facts_of(before, attention, head, positions="trained" if key == "before" else edit),
                link="without",
                height=360,
            )
    st.caption(t("positions.change_note", where=where, share=percent(change)))


def outputs(before: Trace, after: Trace, edit: str, stack: str) -> None:
    """How far each token's last vector moved and turned."""
    old, new = before.residual[stack][-1], after.residual[stack][-1]
    pieces, places = before.source.pieces, list(range(len(before.source)))
    drift, cosine = pos.drift(old, new), pos.same_direction(old, new)
    curve(
        [line(t("positions.drift"), places, drift, texts=pieces), line(t("positions.cosine"), places, cosine, texts=pieces)],
        key="outputs",
        title=t("positions.outputs", edit=t(f"positions.{edit}")),
        axes=(t("positions.token"), t("positions.size")),
        ticks=pieces,
        facts=facts_of(before, positions=edit),
        height=300,
    )
    st.caption(t("positions.outputs_note", drift=percent(float(drift.mean()), 0), cosine=f"{cosine.mean():.3f}"))


# The shuffle test


def shuffle_test(name: str, text: str, before: Trace) -> None:
    """Shuffle the words: without positions the map is the same map shuffled."""
    st.header(t("positions.shuffle"))
    if before.stacks[0] == "decoder":
        st.info(t("positions.shuffle_causal"))
        return
    spans = word_spans(before)
    if len(spans) < 2:
        st.info(t("positions.shuffle_short"))
        return
    with st.columns([1, 4])[0]:
        seed = ask_number("shuffle_words", 0, 9999, 0, label=t("positions.shuffle_seed"))
    order = pos.shuffled(len(spans), seed)
    mixed, tokens = shuffled_text(before, spans, order)
    if get_model(name).tokenize(mixed).ids != tuple(before.source.ids[i] for i in tokens):
        st.info(t("positions.shuffle_broken"))
        return
    st.markdown(t("positions.shuffle_lead", text=md_escape(mixed)))
    found: dict[str, tuple[Array, Trace, Trace]] = {}
    for key, places in (("without", "none"), ("with", None)):
        old, new = (get_trace(name, words, positions=places) for words in (text, mixed))  # type: ignore[arg-type]
        worst = np.stack([pos.shuffle_difference(a.all_weights(), b.all_weights(), tokens) for a, b in pairs(old, new)])
        found[key] = worst, old, new
    for place, (key, (worst, old, new)) in zip(st.columns(2), found.items(), strict=True):
        with place:
            one_test(key, worst, old, new, tokens)


def one_test(key: str, worst: Array, old: Trace, new: Trace, tokens: np.ndarray) -> None:
    """The number of one side of the test, and the map of its most moved head."""
    largest = float(worst.max())
    st.metric(t(f"positions.shuffle_{key}"), f"{largest:.1e}" if largest < 1e-3 else f"{largest:.3f}")
    same = largest < pos.SAME
    (st.success if same else st.warning)(t("positions.shuffle_same" if same else "positions.shuffle_differs"))
    layer, head = (int(i) for i in np.unravel_index(int(worst.argmax()), worst.shape))
    a, b = old.attentions[layer], new.attentions[layer]
    chart(
        b.weights(head) - pos.moved(a.weights(head), tokens),
        b.queries.pieces,
        b.keys.pieces,
        key=f"shuffle-{key}",
        title=t("positions.shuffle_map", where=f"L{a.layer}H{head}"),
        name=t("positions.difference"),
        signed=True,
        low=-1,
        high=1,
        facts=facts_of(new, b, head, positions="none" if key == "without" else "trained"),
        height=330,
    )


def word_spans(trace: Trace) -> list[list[int]]:
    """Which tokens make up each word, in order; special tokens stay where they are."""
    words: dict[int, list[int]] = {}
    for i, word in enumerate(trace.source.words):
        if word is not None and not trace.source.special[i]:
            words.setdefault(word, []).append(i)
    return list(words.values())


def shuffled_text(trace: Trace, spans: Sequence[Sequence[int]], order: np.ndarray) -> tuple[str, np.ndarray]:
    """The words in another order, and for every token of that text where it stood before."""
    offsets, text = trace.source.offsets, trace.text
    cut = [text[offsets[span[0]][0] : offsets[span[-1]][1]] for span in spans]  # type: ignore[index]
    inside = [i for word in order for i in spans[word]]
    places = iter(inside)
    tokens = [next(places) if not special else i for i, special in enumerate(trace.source.special)]
    return " ".join(cut[word] for word in order), np.array(tokens)
