"""Every page of the app in one line. One piece of markup: a widget for each link was thirty messages in every run of everybody."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import streamlit as st

from attnlab.ui.language import t

HOME = "./"  # from any page; an empty link is the page itself


def page_bar(pages: Mapping[str, Sequence[tuple[str, str]]], here: str) -> None:
    """The links, a group for each folder of pages.

    pages: (address, name in the visitor's language) by folder. here: the open page's address.
    A click is told to the server by address.js, so that the visit goes on; a link opened in another tab is a visit of its own.
    """
    groups = "".join(f"<div>{''.join(links(group, here))}</div>" for group in pages.values())
    st.html(f'<nav class="pages" aria-label="{escape(t("ui.pages"))}">{groups}</nav>')


def links(group: Iterable[tuple[str, str]], here: str) -> Iterable[str]:
    for address, name in group:
        current = ' aria-current="page"' if address == here else ""
        yield f'<a href="{address or HOME}" data-page="{address}"{current}>{escape(name)}</a>'
