"""The cache on the page Write: keys that are kept, drawn as they grow, and what the last step cost with it and without."""

from statistics import median
from time import perf_counter

import numpy as np
import streamlit as st

from attnlab.core.trace import Array, frozen
from attnlab.models.inhouse.writing import begin
from attnlab.ui import canvas
from attnlab.ui.language import t
from attnlab.ui.write.writing import Writing

TIMES = 3  # steps of which the middle one is told


def show_cache(writing: Writing) -> None:
    """What the last step computed and took, what it would have been without kept keys and values, and the keys themselves."""
    draft, spec = writing.draft, writing.model.spec
    read, layers = draft.n_read, spec.stacks["decoder"].layers
    keys = frozen(np.stack([np.linalg.norm(layer, axis=-1) for layer in draft.writer.keys(draft.past)]))  # [l h n]
    numbers = 2 * keys.size * spec.d_head
    with st.container(horizontal=True, gap="large"):
        st.metric(t("write.computed"), f"{draft.computed:,}", border=True, width="content")
        st.metric(t("write.without_cache"), f"{read:,}", border=True, width="content")
        st.metric(t("write.kept_numbers"), f"{numbers:,}", border=True, width="content")
    kept, anew = seconds(writing)
    st.markdown(t("write.cache_took", kept=f"{kept * 1000:.1f}", anew=f"{anew * 1000:.1f}", times=f"{anew / kept:.1f}", n=read))
    rows = [f"L{layer}" for layer in range(layers)]
    pieces = [writing.model.show(i) for i in draft.read]
    canvas.matrix(
        frozen(keys.mean(1)), rows, pieces, key="cache map", title=t("write.cache_map"), low=0.0, high=largest(keys), numbers=False,
        name=t("write.cache_key"), axes=(t("ui.layer"), t("write.token")), height=40 * layers + 130, square=False,
    )  # fmt: skip
    st.caption(t("write.cache_note", layers=layers, d=numbers // (2 * read * layers), n=read))


def largest(keys: Array) -> float:
    return float(keys.mean(1).max())


def seconds(writing: Writing) -> tuple[float, float]:
    """How long the next token takes with kept keys and values, and with the whole text read again; each the middle of a few."""
    draft = writing.draft
    token = int(draft.logits.argmax())
    ways = (lambda: draft.writer.read((token,), draft.past), lambda: begin(draft.writer, (*draft.read, token)))
    return tuple(median(took(way) for _ in range(TIMES)) for way in ways)  # type: ignore[return-value]


def took(way: object) -> float:
    start = perf_counter()
    way()  # type: ignore[operator]
    return perf_counter() - start
