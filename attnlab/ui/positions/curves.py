"""A curve of this page, with its legend, its hover values and its export row."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attnlab.core.trace import frozen
from attnlab.figures.curves import curves
from attnlab.figures.export import save
from attnlab.figures.provenance import record
from attnlab.figures.style import words_in
from attnlab.ui.positions.charts import caption, keep
from attnlab.ui.show import show
from attnlab.ui.words import language

if TYPE_CHECKING:
    from attnlab.figures.picture import Series


def line(name: str, x: Any, y: Any, low: Any = None, high: Any = None, texts: Sequence[str] | None = None) -> "Series":
    """One curve. low, high: its band. texts: what each point is called."""
    from attnlab.figures.picture import Series

    low, high = (None if end is None else frozen(end) for end in (low, high))
    return Series(name, frozen(np.asarray(x)), frozen(y), low, high, None if texts is None else tuple(texts))


def curve(
    series: "Sequence[Series]", *, key: str, title: str, axes: tuple[str, str], facts: Mapping[str, Any] | None = None, **how: Any
) -> None:
    """Curves on the page. how: options of figures.curves."""
    chart = curves(series, axes=axes, title=title, caption=caption(facts), words=words_in(language()), **how)
    show(chart, name=key, alt=title)
    keep(lambda kind: save(chart, kind, record=record(**facts or {})), key)
