"""From a figure back to the view it came from, through the record that every exported file carries."""

from typing import Any, Protocol

import streamlit as st

from attnlab.core.trace import STACKS
from attnlab.core.views import RANGES, View
from attnlab.figures import read_record
from attnlab.ui import link
from attnlab.ui.ask import LONGEST_LINK
from attnlab.ui.figure_options import restore_look
from attnlab.ui.language import md_escape, t
from attnlab.ui.pins import choose_heads


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
    if st.button(t("home.reopen"), type="primary"):
        restore(record)
        link.go("look/heads.py" if "layer" in record else "look/layers.py")


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
