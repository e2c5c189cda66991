"""Measures of heads on a page: what they are called, and two of them against each other with one point a head."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.guide import NAMES, Head
from attnlab.core.measures import MEASURES
from attnlab.core.trace import Stack, frozen
from attnlab.figures.style import words_in
from attnlab.ui.ask import ask_choice
from attnlab.ui.language import language, t
from attnlab.ui.pictures import save_chart
from attnlab.ui.show import BARE


def ask_scatter(
    heads: Sequence[Head], stack: Stack, *, key: str, name: str, facts: Mapping[str, Any], caption: str, linked: bool
) -> Head | None:
    """Ask for the two measures, draw the heads of a stack, and give the one that is clicked, None where none is.

    key: of the chart and its files; name: of a saved file; facts: what its record says beside the two measures; linked: see save_bar.
    """
    names = measure_names(stack)
    with st.container(horizontal=True, gap="small"):
        start = "distance" if "distance" in names else "confidence"
        across = ask_choice("across", names, label=t("measures.horizontal"), default=start, help=t("measures.sharpness"), width=260)
        up = ask_choice("up", names, label=t("measures.vertical"), default="entropy", help=t("measures.what_entropy"), width=260)
    all_of = [head for head in heads if head.stack == stack]
    clouds = clouds_of(all_of, across, up)
    missing = len(all_of) - sum(map(len, clouds))
    if not clouds:
        st.info(t("measures.no_value"))
        return None
    axes, title = (with_unit(across), with_unit(up)), t("measures.scatter_alt", x=names[across], y=names[up])
    chart = draw_scatter(clouds, across, up, axes=axes, title=title, caption=caption)
    event: Any = st.plotly_chart(chart, key=key, on_select="rerun", selection_mode="points", config=BARE, alt=title)
    st.caption(t("measures.scatter_note") + (t("measures.scatter_missing", n=missing) if missing else ""))
    save_chart(chart, key=key, name=name, facts={**facts, "stack": stack, "options": {"across": across, "up": up}}, linked=linked)
    chosen = [clouds[int(point["curve_number"])][int(point["point_index"])] for point in event.selection.points]
    return chosen[0] if chosen else None


def clouds_of(heads: Sequence[Head], across: str, up: str) -> list[list[Head]]:
    """The heads that have both measures, layer by layer."""
    known = [head for head in heads if np.isfinite(head.measures[across]) and np.isfinite(head.measures[up])]
    return [[head for head in known if head.layer == layer] for layer in sorted({head.layer for head in known})]


def draw_scatter(clouds: Sequence[Sequence[Head]], across: str, up: str, *, axes: tuple[str, str], title: str, caption: str) -> Any:
    from attnlab.figures.curves import curves
    from attnlab.figures.picture import Series

    series = [
        Series(
            f"L{some[0].layer}",
            frozen([head.measures[across] for head in some]),
            frozen([head.measures[up] for head in some]),
            texts=tuple(map(place_name, some)),
        )
        for some in clouds
    ]
    chart = curves(series, axes=axes, joined=False, height=520, title=title, caption=caption, words=words_in(language()))
    return chart.update_layout(clickmode="event+select")


def measure_names(stack: Stack) -> dict[str, str]:
    """The measures that exist for a stack, in words."""
    return {name: t(f"measures.name_{name}") for name in NAMES if stack != "cross" or not MEASURES[name].own}


def with_unit(name: str) -> str:
    """A measure as an axis says it: its unit in brackets, where it has one."""
    unit = MEASURES[name].unit
    said = t(f"measures.name_{name}")
    return said if unit == "share" else f"{said} ({t(f'measures.unit_{unit}')})"


def place_name(head: Head) -> str:
    return f"L{head.layer}H{head.head}"
