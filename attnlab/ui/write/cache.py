"""The cache on the page Write: keys that are kept, drawn as they grow, and what the last step cost with it and without."""

from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.trace import Array, frozen
from attnlab.models.inhouse.writing import begin
from attnlab.ui import canvas
from attnlab.ui.language import t
from attnlab.ui.pictures import save_matrix
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
    show_keys(writing, frozen(keys.mean(1)))
    st.caption(t("write.cache_note", layers=layers, d=numbers // (2 * read * layers), n=read))


def show_keys(writing: Writing, lengths: Array) -> None:
    """The keys that are kept, by their length. lengths: [l n]"""
    rows, pieces = [f"L{layer}" for layer in range(len(lengths))], [writing.model.show(i) for i in writing.draft.read]
    title, name, axes, high = t("write.cache_map"), t("write.cache_key"), (t("ui.layer"), t("write.token")), float(lengths.max())
    canvas.matrix(
        lengths, rows, pieces, key="cache map", title=title, low=0.0, high=high, numbers=False,
        name=name, axes=axes, height=40 * len(rows) + 130, square=False,
    )  # fmt: skip
    spec = writing.model.spec
    facts = {"model": spec.name, "revision": spec.revision, "text": writing.in_sight}
    told: dict[str, Any] = {
        "title": f"{spec.name}: {title}",
        "caption": writing.in_sight,
        "legend": name,
        "axes": axes,
        "limit": (0.0, high),
    }
    save_matrix(lengths, rows, pieces, key="cache", name=f"{spec.name}-cache", facts=facts, **told)


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
