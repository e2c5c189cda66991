"""One head's page: its numbers with intervals, what it is not, histogram and lengths, and the sentences in which it does a thing most."""

import csv
import io
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.batched import ON
from attnlab.core.guide import NAMES
from attnlab.core.trace import frozen
from attnlab.corpus.index import Hit, Index
from attnlab.corpus.table import QUANTILES, head_table
from attnlab.corpus.totals import EDGES, LENGTHS
from attnlab.figures import canvases
from attnlab.ui import canvas, choices, link
from attnlab.ui.ask import ask_choice, open_head
from attnlab.ui.atlas.heads import OF
from attnlab.ui.atlas.indexes import ask_other
from attnlab.ui.atlas.numbers import label_of, number, of_index, strongest_measure
from attnlab.ui.language import md_escape, t
from attnlab.ui.measures import measure_names, place_name
from attnlab.ui.pictures import save_chart
from attnlab.ui.show import show

_sentences = canvas.component("sentences", "sentences")
WELL_BELOW = 0.5  # of what chance would give


def show_head(index: Index, place: int) -> None:
    """Everything that is known of one head."""
    head = index.heads[place]
    stack, layer, number_ = index.totals.places[place]
    st.header(t("atlas.head_title", head=place_name(head), stack=t(f"ui.{stack}"), model=md_escape(index.model)), anchor=False)
    if kind := label_of(head):
        best = head.labels()[0]
        st.markdown(f"**{kind}.** " + t(f"measures.reason_{best.label}", percent=f"{100 * best.score:.0f}"))
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        st.button(t("atlas.back"), on_click=choices.keep, args=(OF, ""), icon=":material/arrow_back:")
        if st.button(t("atlas.open_heads")):
            link.choose(model=index.model)
            open_head(stack, layer, number_)
        other = ask_other(index, key="beside", label=t("atlas.beside"))
    twin = None if other is None else next((i for i, p in enumerate(other.totals.places) if p == (stack, layer, number_)), None)
    names = measure_names(stack)
    by = ask_choice("by", names, label=t("atlas.measure"), default=strongest_measure(head) or "entropy", width=300)
    left, right = st.columns([1, 1], gap="large")
    with left:
        show_numbers(index, place, other, twin)
        tell_not(index, place)
    with right:
        show_curves(index, place, by, other, twin)
    show_hits(index, place, by)
    save_head(index, place)


def show_numbers(index: Index, place: int, other: Index | None, twin: int | None) -> None:
    """Every measure with its interval, chance and quantiles; the same head of another index beside it."""
    totals = index.totals
    chance, n, quantiles = totals.chance(), totals.answered(), [totals.quantile(share) for share in QUANTILES]
    rows = []
    for name, said in measure_names(totals.places[place][0]).items():
        m = NAMES.index(name)
        mean = number(name, index.heads[place].measures[name], index.margin[m, place])
        row = {"measure": said, "mean": mean, "chance": number(name, chance[m, place])}
        if other is not None:
            row["other"] = "–" if twin is None else number(name, other.heads[twin].measures[name], other.margin[m, twin])
        row |= {f"p{100 * share:.0f}": number(name, q[m, place]) for share, q in zip(QUANTILES, quantiles, strict=True)}
        rows.append(row | {"n": f"{n[m, place]:,}"})
    titles = {name: t(f"atlas.column_{name}") for name in ("measure", "mean", "chance", "n")}
    titles |= {} if other is None else {"other": other.model if other.model != index.model else other.corpus}
    st.dataframe(rows, hide_index=True, height=320, column_config=titles, alt=t("atlas.numbers_alt"))
    st.caption(t("atlas.interval"))


def tell_not(index: Index, place: int) -> None:
    """On what the head lays far less weight than one that spreads evenly."""
    chance, totals = index.totals.chance(), index.heads[place].measures
    low = []
    for name in ON:
        m = NAMES.index(name)
        if totals[name] + np.nan_to_num(index.margin[m, place]) < WELL_BELOW * chance[m, place]:
            low.append(
                t("atlas.not_one", name=t(f"measures.name_{name}"), value=number(name, totals[name]), chance=number(name, chance[m, place]))
            )
    st.markdown(f"**{t('atlas.not')}** " + ("; ".join(low) if low else t("atlas.not_none")))


def show_curves(index: Index, place: int, by: str, other: Index | None, twin: int | None) -> None:
    """How a measure is spread over the sentences, and how it changes with their length."""
    from attnlab.figures.curves import curves
    from attnlab.figures.picture import Series

    m = NAMES.index(by)
    both = [(index, place)] + ([(other, twin)] if other is not None and twin is not None else [])
    spread, lengths = [], []
    middle = frozen((EDGES[m][:-1] + EDGES[m][1:]) / 2)
    for each, at in both:
        bins = np.asarray(each.totals.histogram[m, at], dtype=np.float64)
        name = f"{each.model} · {each.corpus}"
        spread.append(Series(name, middle, frozen(bins / max(bins.sum(), 1))))
        mean, margin = each.totals.by_length()[:, m, at], np.nan_to_num(each.totals.length_margin()[:, m, at])
        known = np.isfinite(mean)
        x = np.flatnonzero(known)
        lengths.append(Series(name, frozen(x), frozen(mean[known]), frozen((mean - margin)[known]), frozen((mean + margin)[known])))
    named, of = t(f"measures.name_{by}"), place_name(index.heads[place])
    ticks = [t("atlas.to", n=n) for n in LENGTHS] + [t("atlas.over", n=LENGTHS[-1])]
    reach = float(middle[max(int(np.flatnonzero(np.asarray(s.y) > 0).max(initial=0)) for s in spread)]) * 1.1
    titles = {key: t(f"atlas.{key}", name=named, head=of) for key in ("spread", "lengths")}
    told: Any = {"height": 270, "caption": of_index(index)}
    charts = {
        "spread": curves(spread, axes=(named, t("atlas.share")), title=titles["spread"], markers=False, x_range=(0, reach), **told),
        "lengths": curves(lengths, axes=(t("atlas.length"), named), title=titles["lengths"], ticks=ticks, **told),
    }
    for key, chart in charts.items():
        show(chart, name=f"atlas {key}", alt=chart.layout.title.text)
        stack, layer, head = index.totals.places[place]
        facts = {"model": index.model, "revision": index.revision, "text": None, "pair": None, "stack": stack, "layer": layer, "head": head}
        file = f"{index.model}-{stack}-{of}-{by}-{key}"
        save_chart(chart, key=f"atlas-{key}", name=file, facts=facts | {"options": {"measure": by}}, linked=False)


def show_hits(index: Index, place: int, by: str) -> None:
    """The sentences in which the head does it most; a click opens the head on that sentence."""
    hits = index.hits(*index.totals.places[place], by)
    st.subheader(t("atlas.hits", n=len(hits), name=t(f"measures.name_{by}")), anchor=False)
    if not hits:
        st.caption(t("atlas.no_hits"))
        return
    st.caption(t("atlas.hits_help"))
    rows = [sentence(hit, by, i) for i, hit in enumerate(hits)]
    data = {"meta": canvases.colours("weights") | {"name": t("atlas.hits_name"), "sentences": rows}}
    chosen = canvas.show_component(_sentences, data, key="atlas sentences", on_chosen_change=lambda: None).chosen
    if chosen is not None:
        hit = hits[int(chosen["id"])]
        link.choose(model=index.model)
        open_head(*index.totals.places[place], cell=(hit.query, hit.key), text=hit.text)


def sentence(hit: Hit, by: str, i: int) -> dict[str, Any]:
    """One of them, as the component takes it."""
    joined = f"{hit.word} → {hit.keys[hit.key]} {hit.weight:.4f}"
    label = t("atlas.hit", value=number(by, hit.value), text=hit.text, link=joined, line=hit.line)
    value = number(by, hit.value)
    return {"id": i, "value": value, "words": list(hit.keys), "row": list(hit.row), "key": hit.key, "link": joined, "label": label}


def save_head(index: Index, place: int) -> None:
    """All of it as two tables."""
    name = f"{index.model}-{'-'.join(map(str, index.totals.places[place]))}".replace("/", "-")
    with st.container(horizontal=True, gap="small"):
        st.download_button(t("atlas.csv"), partial(head_table, index.totals, place), f"{name}.csv", "text/csv", on_click="ignore")
        hits = partial(hits_table, index, place)
        st.download_button(t("atlas.csv_hits"), hits, f"{name}-sentences.csv", "text/csv", on_click="ignore")


def hits_table(index: Index, place: int) -> bytes:
    """CSV, one row a sentence of every measure."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(("measure", "rank", "value", "line", "text", "query", "key", "query_token", "key_token", "weight"))
    for name in NAMES:
        for rank, hit in enumerate(index.hits(*index.totals.places[place], name)):
            tokens = hit.word, hit.keys[hit.key]
            rows.writerow((name, rank, f"{hit.value:.6g}", hit.line, hit.text, hit.query, hit.key, *tokens, f"{hit.weight:.7g}"))
    return out.getvalue().encode()
