"""Matrices, words in a row and curves as files and as a table: what most pages draw, saved in one way."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from attnlab.core.trace import Array, frozen
from attnlab.figures.style import Look, Words
from attnlab.ui.language import md_escape
from attnlab.ui.save import save_bar
from attnlab.ui.summary import chart_sentence, map_sentence

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as Chart


def save_matrix(
    values: Array,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    key: str,
    name: str,
    title: str,
    legend: str,
    facts: Mapping[str, Any],
    caption: str = "",
    axes: tuple[str, str] | None = None,
    limit: tuple[float, float] | None = None,
    signed: bool = False,
    say: bool = True,
    share: bool = False,
    special: Sequence[bool] | None = None,
    **how: Any,
) -> None:
    """What stands under a map: a sentence, and the bar. legend: what one number is; axes: what a row and a column are, a query and a key
    unless said otherwise. say: the page has no sentence of its own. share, special: see map_sentence. how: options of save_bar.
    """
    if signed and limit is None:  # as far as the numbers go, like the screen
        far = float(np.nanmax(np.abs(np.where(np.isfinite(values), values, 0.0)), initial=0.0)) or 1.0
        limit = -far, far
    if say:
        st.markdown(md_escape(map_sentence(values, rows, columns, name=legend, axes=axes, share=share, special=special)))

    def draw(look: Look, words: Words) -> Any:
        from attnlab.figures import heatmap

        words = words if axes is None else replace(words, query=axes[0], key=axes[1])
        told = {"title": title, "caption": caption, "legend": legend}
        return heatmap(values, rows, columns, limit=limit, signed=signed, look=look, words=words, **told)

    save_bar(draw, key=key, name=name, facts=facts, **how)


def save_row(values: Array, texts: Sequence[str], row: str, **how: Any) -> None:
    """The bar under words in a row: a map of one row, called so. how: options of save_matrix."""
    save_matrix(frozen(values)[None], [row], texts, **how)


def save_chart(chart: "Chart", *, key: str, name: str, facts: Mapping[str, Any], **how: Any) -> None:
    """A sentence and the bar under a chart of figures.curves. how: options of save_bar."""
    from attnlab.figures.curves import read

    st.markdown(md_escape(chart_sentence(read(chart), chart.layout.meta["axes"])))

    def draw(look: Look, words: Words) -> Any:
        from attnlab.figures.plots import static

        return static(chart, look, words)

    save_bar(draw, key=key, name=name, facts=facts, **how)
