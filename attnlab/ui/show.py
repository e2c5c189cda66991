"""Pictures on the page, and the row of buttons that takes them away as files."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from attnlab.figures.export import FORMATS, MIME, save
from attnlab.ui.language import md_escape, t

BARE = {"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"]}


def show(figure: Any, *, name: str, alt: str) -> None:
    """Put a figure on the page. name: unique on the page; alt: what a person who does not see it needs to know."""
    if hasattr(figure, "to_plotly_json"):
        st.plotly_chart(figure, key=name, theme="streamlit", config=BARE, alt=alt)
    else:
        st.image(save(figure, "png", dpi=150), alt=alt)


def export_row(
    make: Callable[[str], bytes],
    *,
    name: str,
    facts: Mapping[str, object] | None = None,
    formats: Sequence[str] = FORMATS,
    every: str | None = None,
) -> None:
    """Download buttons, one a format. make(format) is run only when its button is clicked.

    name: of the file, without extension. facts: what the picture is, written beside the buttons. every: what a zip holds, in words.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"export {name}"):
        st.markdown(t("ui.export"))
        for kind in formats:
            st.download_button(
                kind.upper(),
                data=partial(make, kind),
                file_name=f"{name}.{kind}",
                mime=MIME.get(kind, "application/octet-stream"),
                key=f"export {name} {kind}",
                on_click="ignore",
                help=(every or t("ui.export_zip")) if kind == "zip" else t("ui.export_help", kind=kind.upper()),
            )
        if facts:
            st.caption(md_escape(" · ".join(f"{key}: {value}" for key, value in facts.items())))
