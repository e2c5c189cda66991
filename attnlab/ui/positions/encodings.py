"""Part 1: the six encodings themselves, each as numbers, as a formula with one cell's numbers, and as a similarity."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from attnlab.core import positions as pos
from attnlab.core.trace import Array
from attnlab.ui.ask import ask_row, ask_whole
from attnlab.ui.language import t
from attnlab.ui.positions.charts import chart
from attnlab.ui.positions.clocks import clocks
from attnlab.ui.positions.curves import curve, line
from attnlab.ui.positions.views import VIEWS, View, curve_name, numbers, usual

if TYPE_CHECKING:
    from attnlab.figures.picture import Series

FLAT = 1e-6  # a band thinner than this is a line


def encodings() -> None:
    """Choose one; its numbers, its formula, its similarity; then all of them in one picture."""
    kind = ask_row(
        "encoding", {kind: t(f"positions.{kind}") for kind in pos.ENCODINGS}, label=t("positions.encoding"), default="sinusoidal"
    )
    st.markdown(t(f"positions.what_{kind}"))
    places = st.columns(4, vertical_alignment="bottom")
    with places[0]:
        n = ask_whole("places", 8, 128, 48, label=t("positions.how_many"))
    view = VIEWS[kind](n, places[1:])
    left, right = st.columns([3, 2])
    with left:
        cell = own_numbers(kind, view)
    with right:
        explain(kind, view, cell)
        if kind == "rotary":
            clocks(n, 2 * view.table.shape[1], view.facts["base"])
        elif kind != "none":
            profile(kind, view, cell)
    left, right = st.columns(2)
    with left:
        square(kind, view)
    with right:
        from_here(kind, view, n)
    st.header(t("positions.overlay"))
    overlay(kind, view, n)


def own_numbers(kind: str, view: View) -> tuple[int, int]:
    """The table itself. Returns the cell whose formula is shown."""
    first = min(3, len(view.rows) - 1), min(4, len(view.columns) - 1)
    cell = chart(
        view.table,
        view.rows,
        view.columns,
        key=f"table-{kind}",
        title=t(f"positions.table_{kind}"),
        name=view.name,
        axes=view.axes,
        signed=True,
        low=None if view.limit is None else -view.limit,
        high=view.limit,
        pinned=first,
        note=view.note,
        facts={"options": {"encoding": kind, **view.facts}},
        height=430,
        square=False,
    )
    return cell or first


def explain(kind: str, view: View, cell: tuple[int, int]) -> None:
    """The formula with the numbers of the pinned cell."""
    st.markdown(f"**{t('positions.formula')}**")
    st.latex(view.formula(*cell))
    st.caption(view.said)
    if kind == "sinusoidal":
        wave = pos.wavelength(cell[1], len(view.columns), view.facts["base"])
        st.caption(t("positions.wave", column=cell[1], wave=f"{wave:,.1f}"))


def profile(kind: str, view: View, cell: tuple[int, int]) -> None:
    """The pinned column from top to bottom: a wave, a learned line, a slope; the column beside it for comparison."""
    pair = sorted({cell[1], min(cell[1] ^ 1, len(view.columns) - 1)})
    curve(
        [line(view.columns[c], view.along or range(len(view.rows)), view.table[:, c], texts=view.rows) for c in pair],
        key="profile",
        file=f"profile-{kind}",
        title=t("positions.profile", column=view.columns[cell[1]]),
        axes=(view.axes[0], view.name),
        facts={"options": {"encoding": kind, "column": cell[1], **view.facts}},
        height=260,
    )


def square(kind: str, view: View) -> None:
    """Positions by positions: the bias where there is one, else the similarity."""
    n = len(view.similarity)
    places = numbers(n)
    biased = view.bias is not None
    chart(
        view.similarity if view.bias is None else view.bias,
        places,
        places,
        key=f"square-{kind}",
        title=t("positions.bias_title" if biased else "positions.similarity_title", name=t(f"positions.{kind}"), **view.facts),
        name=t("positions.bias" if biased else "positions.similarity"),
        axes=(t("positions.position"), t("positions.position")),
        signed=True,
        low=None if biased else -1,
        high=None if biased else 1,
        facts={"options": {"encoding": kind, **view.facts}},
        height=400,
    )


def from_here(kind: str, view: View, n: int) -> None:
    """How alike one position is to every other one."""
    here = ask_whole("from", 0, n - 1, n // 3, label=t("positions.from"))
    row = view.similarity[here]
    curve(
        [line(t("positions.like", p=here), list(range(n)), row)],
        key="row",
        file=f"row-{kind}",
        title=t("positions.row_title", p=here),
        axes=(t("positions.position"), t("positions.similarity")),
        facts={"options": {"encoding": kind, "position": here, **view.facts}},
        height=330,
        markers=False,
    )


def overlay(kind: str, view: View, n: int) -> None:
    """Every encoding's similarity against distance in one picture. Where only the chosen one changes, the chart stands still."""
    facts = {"options": {"encoding": kind, **view.facts}}
    seen = {other: usual(other, n) for other in pos.ENCODINGS} | {kind: (curve_name(kind, view.facts), view.similarity)}
    curve(
        [band(*each) for each in seen.values() if each is not None],
        key="overlay",
        title=t("positions.overlay_title"),
        axes=(t("positions.distance"), t("positions.similarity")),
        facts=facts,
        height=380,
        markers=False,
    )
    st.caption(t("positions.overlay_note"))


def band(name: str, similarity: Array) -> "Series":
    """A matrix of similarities against distance: the mean, and from the lowest to the highest where they differ."""
    seen = pos.by_distance(similarity)
    edges = (seen.low, seen.high) if np.ptp(np.stack((seen.low, seen.high)), axis=0).max() > FLAT else ()
    return line(name, np.arange(len(seen.mean)), seen.mean, *edges)
