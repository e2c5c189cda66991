"""The whole model in the field guide: what reaches what through all layers, what a head really sends, how far each layer looks."""

import streamlit as st

from attnlab.core.trace import Stack, Trace
from attnlab.ui.ask import ask_row
from attnlab.ui.language import t
from attnlab.ui.layers.distance import show_distance
from attnlab.ui.layers.norms import show_norms
from attnlab.ui.layers.rollout import show_rollout
from attnlab.ui.layers.sentences import Measured

PARTS = ("rollout", "norm", "distance")


def show_whole(trace: Trace, stack: Stack, many: Measured | None) -> None:
    """One of the measures that need more than one map. many: the sentences measured before, where there are any."""
    names = {part: t(f"measures.whole_{part}") for part in PARTS}
    controls = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    with controls:
        part = ask_row("whole", names, label=t("measures.whole_parts"))
    if part == "norm":
        show_norms(trace, stack, controls)
    elif stack == "cross":
        st.info(t(f"measures.whole_cross_{part}"))
    elif part == "distance":
        show_distance(trace, stack, many)
    else:
        show_rollout(trace, stack, controls)
