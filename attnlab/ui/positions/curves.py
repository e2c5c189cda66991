"""A curve of this page, with its legend, its hover values and its export row."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from attnlab.core.trace import frozen
from attnlab.figures.curves import curves
from attnlab.figures.style import Look, Words
from attnlab.ui.language import md_escape
from attnlab.ui.positions.charts import caption
from attnlab.ui.save import save_bar
from attnlab.ui.show import show
from attnlab.ui.summary import chart_sentence

if TYPE_CHECKING:
    from attnlab.figures.picture import Series


def line(name: str, x: Any, y: Any, low: Any = None, high: Any = None, texts: Sequence[str] | None = None) -> "Series":
    """One curve. low, high: its band. texts: what each point is called."""
    from attnlab.figures.picture import Series

    low, high = (None if end is None else frozen(end) for end in (low, high))
    return Series(name, frozen(np.asarray(x)), frozen(y), low, high, None if texts is None else tuple(texts))


def curve(
    series: "Sequence[Series]",
    *,
    key: str,
    title: str,
    axes: tuple[str, str],
    facts: Mapping[str, Any] | None = None,
    file: str | None = None,
    linked: bool = True,
    **how: Any,
) -> None:
    """Curves on the page. A chart that keeps its key is redrawn, which is faster than a new one. file: what it is saved as, if not key.
    linked: the address restores what is drawn.

    how: options of figures.curves.
    """
    said = chart_sentence(series, axes)
    show(
        curves(series, axes=axes, title=title, **how), name=key, alt=f"{title}. {said}"
    )  # without the caption: the same chart is not drawn again

    st.caption(md_escape(said))

    def draw(look: Look, words: Words) -> Any:
        from attnlab.figures.plots import static

        return static(curves(series, axes=axes, title=title, caption=caption(facts), **how), look, words)

    save_bar(draw, key=key, name=f"attnlab-{file or key}", facts=facts or {}, linked=linked)
