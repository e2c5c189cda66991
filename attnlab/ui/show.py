"""Pictures on the page."""

from typing import Any

import streamlit as st

from attnlab.figures.export import save

BARE = {"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


def show(figure: Any, *, name: str, alt: str) -> None:
    """Put a figure on the page. name: unique on the page; alt: what a person who does not see it needs to know."""
    if hasattr(figure, "to_plotly_json"):
        st.plotly_chart(figure, key=name, theme="streamlit", config=BARE, alt=alt)
    else:
        st.image(save(figure, "png", dpi=150), alt=alt)


def pick(figure: Any, *, name: str, alt: str) -> int | None:
    """The same for a chart whose bars can be clicked: which one is, counted from 0, None before."""
    event: Any = st.plotly_chart(figure, key=name, theme="streamlit", config=BARE, alt=alt, on_select="rerun", selection_mode="points")
    points = event.selection.points
    return int(points[0]["point_index"]) if points else None
