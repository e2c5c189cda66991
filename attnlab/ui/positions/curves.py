"""Curves of this page: plotly on the screen, the same numbers in print."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from attnlab.figures.style import SERIES


@dataclass(frozen=True)
class Band:
    name: str
    x: Any
    y: Any
    low: Any = None
    high: Any = None
    texts: Sequence[str] | None = None


def curve(
    bands: Sequence[Band],
    *,
    key: str,
    title: str,
    axes: tuple[str, str],
    shaded: Any = None,
    span: Any = None,
    ticks: Any = None,
    facts: Mapping[str, Any] | None = None,
    height: int = 350,
) -> None:
    import plotly.graph_objects as go

    fig = go.Figure()
    for b, colour in zip(bands, SERIES):
        fig.add_trace(go.Scatter(x=list(b.x), y=[float(v) for v in b.y], name=b.name, line={"color": colour}, mode="lines+markers"))
    fig.update_layout(title=title, height=height, xaxis_title=axes[0], yaxis_title=axes[1])
    st.plotly_chart(fig, key=key)
