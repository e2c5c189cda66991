"""Every head of an index: as tiles, sorted and searched for, and two measures against each other."""

from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.guide import NAMES
from attnlab.core.trace import Stack
from attnlab.corpus.index import Index
from attnlab.corpus.search import conditions, matching
from attnlab.ui import canvas, choices, link
from attnlab.ui.ask import ask_choice, ask_text
from attnlab.ui.atlas.numbers import label_of, number, of_index, strongest_measure
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import t
from attnlab.ui.measures import ask_scatter, measure_names, place_name
from attnlab.words import LANGUAGES, say

_tiles = canvas.component("tiles", "tiles")
OF = "of"  # the choice of a head: stack, layer and head, with dots


def chosen_head(index: Index) -> int | None:
    """The place of the head that is open, None where it is none of this index."""
    names = {".".join(map(str, place)): i for i, place in enumerate(index.totals.places)}
    return names.get(choices.read(OF))


def open_place(index: Index, place: int) -> None:
    """Open a head's page in the next run."""
    link.choose(**{OF: ".".join(map(str, index.totals.places[place]))})
    st.rerun()


def spoken_names() -> dict[str, str]:
    """How a number of a head may be called when it is searched for, in every language."""
    names: dict[str, str] = {}
    for name in NAMES:
        names |= {say(f"measures.name_{name}", code).lower(): name for code in LANGUAGES} | {name: name}
    for name in ("layer", "head", "importance"):
        names |= {say(f"atlas.{name}", code).lower(): name for code in LANGUAGES} | {name: name}
    return names


def show_tiles(index: Index, stack: Stack) -> None:
    """A tile for each head that is asked for, in the order that is asked for."""
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        asked = ask_text("", key="find", label=t("atlas.find"))
        order = ask_choice("sort", sorts(index, stack), label=t("atlas.sort"), width=230)
    with mistake_box():
        found = matching(index.heads, conditions(asked, spoken_names(), [t(f"measures.name_{name}") for name in NAMES]), index.importance)
    places = sorted((i for i in found if index.totals.places[i][0] == stack), key=lambda i: rank(index, i, order))
    of = sum(place[0] == stack for place in index.totals.places)
    st.caption(t("atlas.found", n=len(places), all=of) + " " + t("atlas.find_help"))
    meta = {"name": t("atlas.tiles"), "tiles": [tile(index, i, order) for i in places]}
    chosen = canvas.show_component(_tiles, {"meta": meta}, key="atlas tiles", on_chosen_change=lambda: None).chosen
    if chosen is not None:
        open_place(index, int(chosen["id"]))


def sorts(index: Index, stack: Stack) -> dict[str, str]:
    """What the tiles can be sorted by."""
    first = {"layer": t("atlas.by_layer"), "label": t("atlas.by_label")}
    return first | ({"importance": t("atlas.importance")} if index.importance else {}) | measure_names(stack)


def rank(index: Index, place: int, order: str) -> tuple[Any, ...]:
    """Where a head stands in an order: most first, heads without a number last."""
    head = index.heads[place]
    if order == "layer":
        return (place,)
    if order == "label":
        return (not head.labels(), label_of(head), place)
    value = index.importance[place] if order == "importance" else head.measures[order]
    return (np.isnan(value), -value, place)


def tile(index: Index, place: int, order: str) -> dict[str, Any]:
    """What one tile says: the measure it is sorted by, else the strongest."""
    head = index.heads[place]
    name = order if order in NAMES else strongest_measure(head)
    said, share = "–", 0.0
    if name is not None:
        value = head.measures[name]
        said = f"{t(f'measures.name_{name}')} {number(name, value, index.margin[NAMES.index(name), place])}"
        share = 0.0 if np.isnan(value) else value / max(1.0, np.nanmax([h.measures[name] for h in index.heads]))
    lines = [said] + ([f"{t('atlas.importance')} {index.importance[place]:.3f}"] if index.importance else [])
    kind = label_of(head)
    title = ". ".join(part for part in (place_name(head), kind, *lines) if part)
    return {"id": place, "name": place_name(head), "kind": kind, "share": float(share), "lines": lines, "title": title}


def show_scatter(index: Index, stack: Stack) -> None:
    """Any two measures against each other; a click opens the head."""
    facts = {"model": index.model, "revision": index.revision, "text": None, "pair": None}
    told = {"name": f"{index.model}-{stack}-measures", "caption": of_index(index)}
    chosen = ask_scatter(index.heads, stack, key="atlas-scatter", facts=facts, linked=False, **told)
    if chosen is not None:
        open_place(index, index.totals.places.index((stack, chosen.layer, chosen.head)))
