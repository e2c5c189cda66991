"""The Sentiment page: a classifier's answer, and word by word what it rests on."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from attnlab.core.trace import Array, Trace
from attnlab.core.views import by_words, word_groups, word_names
from attnlab.figures.captions import trace_caption
from attnlab.models.inhouse.model import InHouse
from attnlab.ui import choices, link
from attnlab.ui.ask import ask_in_house, ask_text, open_head
from attnlab.ui.chips import chips
from attnlab.ui.language import md_escape, percent, signed, t
from attnlab.ui.pictures import save_row
from attnlab.ui.save import facts_of

REVIEW = "The food was great, but the service was terribly slow."
MOST_WORDS = 60  # removed one by one, to see what each is worth


def show_sentiment() -> None:
    """A classifier's answer, the words it pools from, and the answer without the words that were clicked."""
    row = st.columns([2, 7], vertical_alignment="bottom")
    with row[0]:
        model = ask_in_house("classifier", "classify", t("ui.model"))
    with row[1]:
        text = ask_text(REVIEW, key="review")
    trace = model.trace(text)
    groups = word_groups(trace.source)
    pooling = by_words(trace.outputs["pooling"][None], ((0,),), groups)[0]  # [words]
    names = word_names(trace.source, groups, [text])
    spans = [span_of(trace, group) for group in groups]
    key = "removed words"
    other = choices.differs("removed of", (model.spec.name, text))
    state = [] if other else choices.report(key, "off") or []
    off = [i for i in state if i < len(spans) and spans[i] is not None]
    whole = trace.outputs["probabilities"]
    best = int(whole.argmax())
    single = [i for i, span in enumerate(spans) if span is not None][:MOST_WORDS]
    changed = without(model, text, [[spans[i]] for i in single], best, float(whole[best]))
    change = dict(zip(single, changed, strict=True))
    lines = [[f"{w:.2f}" for w in pooling], [points(change[i]) if i in change else " " for i in range(len(names))]]
    label = model.labels[best]
    labels = [
        t("translate.word_label", word=name, weight=f"{w:.3f}", change=points(change[i]) if i in change else "–", label=label)
        for i, (name, w) in enumerate(zip(names, pooling, strict=True))
    ]
    show_answer(model, whole, best)
    chips(
        pooling,
        names,
        lines,
        labels,
        key=key,
        name=t("translate.pooling"),
        high=max(0.3, float(pooling.max())),
        hint=t("translate.pooling_hint"),
        off=off,
    )
    told = {"title": t("translate.pooling"), "caption": trace_caption(trace), "legend": t("ui.weight"), "limit": (0.0, 1.0), "share": True}
    save_row(pooling, names, label, key="pooling", name=f"{model.spec.name}-pooling", facts=facts_of(trace), **told)
    if off:
        gap = without(model, text, [[spans[i] for i in off]], best, float(whole[best]))[0]
        gone = md_escape(", ".join(names[i] for i in off))
        facts = {
            "gone": gone,
            "label": md_escape(label),
            "before": percent(float(whole[best])),
            "after": percent(float(whole[best]) + gap),
            "change": points(gap),
        }
        st.markdown(t("translate.without", **facts))
    st.caption(t("translate.pooling_note"))
    if st.button(t("translate.open_heads"), icon=":material/grid_view:", key="open sentiment"):
        link.choose(model=model.spec.name, over="head")
        open_head("encoder", 0, 0, text=text)


def show_answer(model: InHouse, probabilities: Array, best: int) -> None:
    """Every label with its probability, the likeliest first."""
    with st.container(horizontal=True, gap="large"):
        for i in np.argsort(-probabilities)[:4]:
            st.metric(md_escape(model.labels[int(i)]), percent(float(probabilities[i])), width="content", border=True)


def span_of(trace: Trace, group: Sequence[int]) -> tuple[int, int] | None:
    """Where a word stands in the text, None for a special token."""
    spans = [span for i in group if (span := trace.source.offsets[i]) is not None]
    return (spans[0][0], spans[-1][1]) if spans else None


def without(model: InHouse, text: str, gone: Sequence[Sequence[tuple[int, int] | None]], best: int, before: float) -> list[float]:
    """By how much the probability of the answer changes when these places of the text are taken out, one entry per choice."""
    left = []
    for spans in gone:
        kept, end = "", 0
        for span in sorted(s for s in spans if s is not None):
            kept, end = kept + text[end : span[0]], span[1]
        left.append(" ".join((kept + text[end:]).split()))
    good = [i for i, text in enumerate(left) if text]
    found = [float("nan")] * len(left)
    for i, trace in zip(good, model.traces([left[i] for i in good]), strict=True):
        found[i] = float(trace.outputs["probabilities"][best]) - before
    return found


def points(change: float) -> str:
    """A change of a probability, in percentage points."""
    return signed(100 * change, 1)
