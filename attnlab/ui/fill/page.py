"""What stands on the page Fill: fillers for every hole, where a hole looks, and how likely whole sentences are word by word."""

from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.trace import frozen
from attnlab.figures.captions import trace_caption
from attnlab.models.filling import Hole, PseudoLikelihood, filler, fillers
from attnlab.ui import link
from attnlab.ui.ask import ask_attention, ask_choice, ask_head, ask_text, open_head
from attnlab.ui.chips import chips
from attnlab.ui.fill.holes import Holes
from attnlab.ui.fill.likelihoods import likelihoods
from attnlab.ui.language import language, md_escape, percent, t
from attnlab.ui.pictures import save_row
from attnlab.ui.save import facts_of

SHOWN = 10
OTHER = {"en": "The keys to the old cabinet is on the table.", "zh": "他每天早上都吃学校上课。"}


def show_fillers(here: Holes) -> None:
    """One table a hole, that adds up to 100 %, and the word that stood there."""
    columns = st.columns(min(max(len(here.found), 2), 3), gap="medium")
    for number, hole in enumerate(here.found):
        with columns[number % len(columns)]:
            show_hole(here, hole)


def show_hole(here: Holes, hole: Hole) -> None:
    """What could stand in one hole."""
    best = fillers(here.model, hole, n=SHOWN)
    st.markdown(t("fill.hole", place=hole.place))
    rows = [{t("fill.word"): each.piece, t("fill.probability"): percent(each.probability)} for each in best]
    rest = max(0.0, 1 - sum(each.probability for each in best))
    rows.append({t("fill.word"): t("fill.rest", n=len(hole.log_probabilities) - len(best)), t("fill.probability"): percent(rest)})
    st.dataframe(rows, hide_index=True, width="stretch", height=35 * (len(rows) + 1) + 2, alt=t("fill.hole_alt", place=hole.place))
    if hole.place in here.places:
        was = filler(here.model, hole, here.whole.ids[hole.place])
        st.caption(t("fill.was", piece=md_escape(was.piece), p=percent(was.probability), rank=was.rank + 1))


def show_looks(here: Holes) -> None:
    """Which words a hole looks at, in one head."""
    trace = here.trace
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        attention = ask_attention(trace, width=130)
        head = ask_head(attention, trace.model, width=130)
        names = {str(hole.place): f"{hole.place}: {trace.source.pieces[hole.place]}" for hole in here.found}
        place = int(ask_choice("hole", names, label=t("fill.which"), width=160))
    weights, pieces = attention.weights(head)[place], attention.keys.pieces
    title = f"L{attention.layer}H{head}"
    chips(
        weights,
        pieces,
        [[f"{w:.2f}" for w in weights]],
        [t("fill.look_label", piece=piece, weight=f"{w:.4f}") for piece, w in zip(pieces, weights, strict=True)],
        key="hole looks",
        name=t("fill.looks_of", name=title, place=place),
        high=max(0.3, float(weights.max())),
        hint=t("fill.looks_hint"),
    )
    told: dict[str, Any] = {
        "title": t("fill.looks_of", name=title, place=place),
        "caption": trace_caption(trace),
        "legend": t("ui.weight"),
        "say": False,
    }
    facts = facts_of(trace, attention, head)
    save_row(weights, pieces, f"{place} {pieces[place]}", key="hole looks", name=f"{trace.model}-{title}-row", facts=facts, **told)
    best = np.argsort(-weights)[:3]
    named = ", ".join(f"“{md_escape(pieces[i])}” {percent(float(weights[i]))}" for i in best)
    st.markdown(t("fill.looks_say", name=title, named=named))
    if st.button(t("fill.open_heads"), icon=":material/grid_view:", key="open hole"):
        link.choose(model=here.model.spec.name, over="head")
        open_head(attention.stack, attention.layer, head, text=trace.text)


def show_likely(here: Holes) -> None:
    """How likely each word of a whole sentence is when it alone is hidden, beside another sentence."""
    st.markdown(t("fill.likely_what"))
    other = ask_text(OTHER.get(language(), OTHER["en"]), key="other", label=t("fill.other"))
    texts = here.text, other
    found = likelihoods(here.model, [here.model.read(text) for text in texts])
    if found is None:
        return
    high = max(4.0, *(float(-each.log_probabilities.min()) for each in found))
    for number, (text, each) in enumerate(zip(texts, found, strict=True)):
        show_sentence(here, text, each, number, high)
    totals = [each.total for each in found]
    gap, better = abs(totals[0] - totals[1]), 1 if totals[0] >= totals[1] else 2
    st.markdown(t("fill.compare", first=nats(totals[0]), second=nats(totals[1]), gap=f"{gap:.2f}", better=better))


def show_sentence(here: Holes, text: str, found: PseudoLikelihood, number: int, high: float) -> None:
    """One sentence, a colour for every word's cost in nats."""
    kept = [i for i, special in enumerate(found.tokens.special) if not special]
    costs = frozen([-found.log_probabilities[i] for i in kept])
    pieces = [found.tokens.pieces[i] for i in kept]
    chips(
        costs,
        pieces,
        [[f"{x:.2f}" for x in costs]],
        [
            t("fill.cost_label", piece=piece, cost=f"{x:.3f}", p=percent(float(np.exp(-x))), rank=int(found.ranks[i]) + 1)
            for i, piece, x in zip(kept, pieces, costs, strict=True)
        ],
        key=f"likely {number}",
        name=t("fill.sentence", number=number + 1),
        high=high,
        hint=t("fill.cost_hint"),
    )
    spec, title = here.model.spec, t("fill.sentence", number=number + 1)
    told: dict[str, Any] = {"title": title, "caption": f"{spec.name} ({spec.revision})", "legend": t("fill.cost"), "limit": (0.0, high)}
    facts = {"model": spec.name, "revision": spec.revision, "text": text}
    save_row(costs, pieces, t("fill.cost"), key=f"likely {number}", name=f"{spec.name}-cost-{number + 1}", facts=facts, **told)


def nats(x: float) -> str:
    return f"{x:.2f}".replace("-", "−")
