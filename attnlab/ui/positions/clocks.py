"""Rotary positions as hands of clocks."""

import math
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core import positions as pos
from attnlab.core.trace import frozen
from attnlab.figures.clocks import clocks as dials
from attnlab.figures.clocks import still
from attnlab.figures.style import Look, Words
from attnlab.ui.ask import ask_whole
from attnlab.ui.language import t
from attnlab.ui.positions.charts import caption, short
from attnlab.ui.save import save_bar
from attnlab.ui.show import show

SHOWN = 8  # dials, spread evenly over the pairs


def clocks(n: int, d: int, base: float) -> None:
    """Pairs of dimensions turning as the position moves: the first fast, the last hardly at all."""
    p = ask_whole("p", 0, n - 1, 5, label=t("positions.turn_to"))
    pairs = np.unique(np.linspace(0, d // 2 - 1, min(SHOWN, d // 2)).round().astype(int))
    angles = frozen(pos.angles(p + 1, d, base)[:, pairs])
    names = [f"{i} · λ {short(pos.wavelength(2 * i, d, base))}" for i in pairs]
    axes, title = (t("positions.position"), t("positions.angle")), t("positions.clocks", p=p)
    show(dials(angles, names, axes=axes), name="clocks", alt=title)
    hands = [f"{math.degrees(angle) % 360:.1f}°" for angle in (angles[-1][0], angles[-1][-1])]
    st.caption(t("positions.clocks_say", p=p, fast=hands[0], slow=hands[1]))
    facts = {"options": {"d_head": d, "base": base, "position": p}}

    def draw(look: Look, words: Words) -> Any:
        return still(angles, names, axes=axes, title=title, caption=caption(facts), look=look, words=words)

    save_bar(draw, key="clocks", name="attnlab-clocks", facts=facts)
