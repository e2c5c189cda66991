"""Paths: what flowed into the output, as a graph of its strongest ways, with the share that they carry."""

from dataclasses import replace
from typing import Any

import streamlit as st

from attnlab.core.paths import as_csv, as_graphml, as_json, paths
from attnlab.figures.style import Look, Words
from attnlab.figures.waterfalls import label
from attnlab.files import safe_name
from attnlab.ui.ask import ask_slider
from attnlab.ui.language import t
from attnlab.ui.ledger.page import MOST, Asked
from attnlab.ui.save import facts_of, save_bar
from attnlab.ui.show import show

KINDS = ("embedding", "feed_forward", "bias")


def show_paths(asked: Asked) -> None:
    """The slider, the graph, the share, and its files."""
    from attnlab.figures.paths import path_graph

    st.header(t("ledger.paths"), anchor=False)
    keep = ask_slider("keep", 0.1, 0.95, 0.6, label=t("ledger.keep"), step=0.05)
    words = {stack: asked.trace.at(stack, 0).keys.pieces for stack in asked.trace.stacks}
    found = paths(asked.book, words, keep=keep, most=MOST)
    kinds = {kind: t(f"ledger.{kind}") for kind in KINDS}
    parts = {part.name: label(part, kinds) for part in asked.book.whole()}
    found = replace(found, labels={node: parts.get(node, name) for node, name in found.labels.items()})
    said = t("ledger.paths_share", share=f"{found.share:.0%}", edges=len(found.edges))
    show(path_graph(found), name="paths", alt=f"{asked.book.says}. {said}")
    st.caption(said)

    def draw(look: Look, spoken: Words) -> Any:
        return path_graph(found, title=f"{asked.trace.model}: {asked.book.says}", caption=said, look=look, words=spoken)

    name = f"{asked.trace.model} paths"
    with st.container(horizontal=True, gap="small"):
        for kind, made in (("csv", as_csv), ("json", as_json), ("graphml", as_graphml)):
            file = f"{safe_name(name, otherwise='paths')}.{kind}"
            st.download_button(kind.upper(), made(found), file_name=file, mime="text/plain", key=f"paths {kind}", on_click="ignore")
    save_bar(draw, key="paths", name=name, facts=facts_of(asked.trace), formats=("png", "svg", "pdf"))
