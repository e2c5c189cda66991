"""Two indexes against each other: which heads differ, by how much, and how sure that is with so many of them."""

from functools import partial

import numpy as np
import streamlit as st

from attnlab.core.guide import NAMES
from attnlab.core.trace import Stack
from attnlab.corpus.comparison import Comparison, compare, table
from attnlab.corpus.index import Index
from attnlab.ui.ask import ask_choice
from attnlab.ui.atlas.indexes import ask_other
from attnlab.ui.atlas.numbers import number
from attnlab.ui.language import md_escape, t
from attnlab.ui.measures import measure_names

SHOWN = 200


def show_comparison(index: Index, stack: Stack) -> None:
    """The differences that chance does not explain, the largest first. Raises InputError for indexes without a head in common."""
    with st.container(horizontal=True, gap="small"):
        other = ask_other(index, key="against_index", label=t("atlas.against"))
        names = {"": t("atlas.every_measure")} | measure_names(stack)
        by = ask_choice("by_measure", names, label=t("atlas.measure"), width=260)
    if other is None:
        st.info(t("atlas.against_first"))
        return
    found = compare(index.totals, other.totals)
    wanted = [NAMES.index(name) for name in ([by] if by else list(names)[1:])]
    pairs = [(m, h) for m in wanted for h, place in enumerate(found.places) if place[0] == stack and found.sure[m, h]]
    strength = np.abs(found.difference) / np.maximum(found.margin, 1e-12)
    pairs.sort(key=lambda pair: -float(strength[pair]))
    of = len(wanted) * sum(place[0] == stack for place in found.places)
    models = {"a": md_escape(f"{index.model} · {index.corpus}"), "b": md_escape(f"{other.model} · {other.corpus}")}
    st.markdown(t("atlas.differ", n=len(pairs), all=of, **models))
    st.dataframe(
        [difference(found, m, h) for m, h in pairs[:SHOWN]],
        hide_index=True,
        height=420,
        column_config={name: t(f"atlas.differ_{name}") for name in ("head", "measure", "first", "second", "difference", "p")},
        alt=t("atlas.differ_alt"),
    )
    st.caption(t("atlas.differ_help"))
    file = f"{index.model}-{other.model}-differences.csv".replace("/", "-")
    st.download_button(t("atlas.csv"), partial(table, found), file, "text/csv", on_click="ignore")


def difference(found: Comparison, m: int, h: int) -> dict[str, str]:
    """One row."""
    name, (_, layer, head) = NAMES[m], found.places[h]
    first, second = number(name, found.first[m, h]), number(name, found.second[m, h])
    change = number(name, found.difference[m, h], found.margin[m, h])
    row = {"head": f"L{layer}H{head}", "measure": t(f"measures.name_{name}"), "first": first, "second": second}
    return row | {"difference": change if found.difference[m, h] < 0 else f"+{change}", "p": f"{np.maximum(found.p[m, h], 0):.1e}"}
