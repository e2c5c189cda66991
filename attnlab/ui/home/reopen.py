"""From a figure back to the view it came from, through the record that every exported file carries."""

from string import ascii_lowercase
from typing import Any, Protocol

import streamlit as st

from attnlab.core.trace import STACKS
from attnlab.core.views import RANGES, View
from attnlab.figures import read_record
from attnlab.lessons.links import read_link, write_link
from attnlab.ui import link
from attnlab.ui.ask import LONGEST_LINK
from attnlab.ui.figure_options import restore_look
from attnlab.ui.language import md_escape, t
from attnlab.ui.pins import choose_heads
from attnlab.words import InputError

OWN = ("heads", "layers")  # pages that a record of older files restores too, choice by choice


class File(Protocol):
    def getvalue(self) -> bytes: ...


def open_figure(file: File | None) -> None:
    """Go to the view that a dropped file shows. Raises InputError for a file that carries no record."""
    if file is None:
        return
    record = read_record(file.getvalue())
    st.caption(
        md_escape(" · ".join(f"{name}: {value}" for name, value in record.items() if name in ("model", "stack", "layer", "head", "text")))
    )
    if "panels" in record:
        for letter, panel in zip(ascii_lowercase, record["panels"], strict=False):
            open_view(panel, f"({letter}) ")
    elif page_of(record) not in (None, *OWN):
        open_view(record)
    elif st.button(t("home.reopen"), type="primary"):
        restore(record)
        link.go("look/heads.py" if "layer" in record else "look/layers.py")


def page_of(record: dict[str, Any]) -> str | None:
    """The page whose address a record holds; None where it holds none that is ours."""
    try:
        return read_link(str(record["view"])).page if "view" in record else None
    except InputError:
        return None


def open_view(record: dict[str, Any], mark: str = "") -> None:
    """A link to the view itself: opened anew, it is as it was. mark: which panel of a figure."""
    if (page := page_of(record)) is None:
        st.caption(t("home.no_view", mark=mark))
        return
    view = read_link(record["view"])
    facts = " · ".join(str(record[name]) for name in ("model", "stack", "layer", "head") if name in record)
    st.link_button(f"{mark}{t('home.reopen')}: {md_escape(facts or page)}", write_link(page, view.query))


def restore(record: dict[str, Any]) -> None:
    """Put every choice of the record where the widgets of the Heads page look for it. Unknown or impossible ones are left alone."""
    for name in ("model", "text", "layer", "head"):
        if name in record:
            link.choose(**{name: record[name]})
    for name in ("pair", "target"):
        link.choose(**{name: record.get(name, "")})
    if record.get("stack") in STACKS:
        link.choose(stack=record["stack"])
    options = record.get("options", {})
    for name, default in (vars(View()) | {"own": False}).items():
        value = options.get(name, default)
        possible = not isinstance(value, float) or RANGES[name][0] <= value <= RANGES[name][1]
        if type(value) is type(default) and possible:
            link.choose(**{name: value})
    restore_look(options)
    if isinstance(options.get("heads"), str):  # the lines were those of several heads
        choose_heads("lines", options["heads"], record.get("head", 0))
    if len(str(record.get("text", ""))) > LONGEST_LINK:
        st.toast(t("home.long"))
