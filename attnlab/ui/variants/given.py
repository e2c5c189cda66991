"""The queries, keys and values that the variants share: a model's head, or a small table typed by hand."""

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st

from attnlab.core.trace import Attention, frozen
from attnlab.core.variants import Inputs, Options, Variant
from attnlab.ui.ask import STACKS, ask_attention, ask_head, ask_model, ask_number, ask_row, ask_slider, ask_target, ask_text, tell_unknown
from attnlab.ui.language import t
from attnlab.ui.traces import get_trace
from attnlab.words import InputError

MOST = 256  # tokens: the maps of this page are drawn cell by cell
TYPED = (
    ("the", 0.2, 0.1, 0.3, 0.2, 0.1, 0.0),
    ("cat", 1.0, 0.4, 1.2, 0.8, 1.0, 0.0),
    ("sat", 0.3, 1.1, 0.2, 1.4, 0.0, 1.0),
    ("on", 0.1, 0.6, 0.1, 0.5, 0.2, 0.3),
    ("it", 1.4, 0.2, 0.9, 0.3, 0.5, 0.5),
    (".", 0.0, 0.2, 0.1, 0.1, 0.0, 0.2),
)
COLUMNS = ("q0", "q1", "k0", "k1", "v0", "v1")


@dataclass(frozen=True, eq=False)
class Given:
    """What is compared, and what it is called. masked: the model's own mask or position bias, which this page leaves out."""

    inputs: Inputs
    queries: tuple[str, ...]
    keys: tuple[str, ...]
    facts: dict[str, Any]
    title: str
    masked: bool = False

    def can(self, variant: Variant) -> bool:
        """Whether this variant exists for these queries and keys."""
        return not (variant.square and len(self.queries) != len(self.keys)) and not (variant.several and len(self.inputs.q) < 2)


def ask_given() -> Given:
    """Where q, k and v come from. Raises InputError for a model that does not give them, or too long a text."""
    if ask_row("from", {"model": t("variants.from_model"), "table": t("variants.from_table")}, label=t("variants.from")) == "table":
        return ask_table()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls"):
        model = ask_model(lambda spec: spec.records, width=190)
        text = ask_text()
        numbers = st.container(horizontal=True, gap="small", width="content")
    trace = get_trace(model, text, target=ask_target(model))
    tell_unknown(trace)
    with numbers:
        attention = ask_attention(trace, width=125)
        head = ask_head(attention, trace.model, width=125)
    return of_head(attention, head, {"model": trace.model, "revision": trace.revision, "text": trace.text})


def of_head(attention: Attention, head: int, facts: dict[str, Any]) -> Given:
    if max(len(attention.queries), len(attention.keys)) > MOST:
        raise InputError("error.too_long_to_show", n=max(len(attention.queries), len(attention.keys)), limit=MOST)
    inputs = Inputs(attention.need("q"), attention.need("k"), attention.need("v"), head, attention.scale)
    place = {"stack": attention.stack, "layer": attention.layer, "head": head}
    name = f"{facts['model']} {t(STACKS[attention.stack])} L{attention.layer}H{head}"
    return Given(inputs, attention.queries.pieces, attention.keys.pieces, facts | place, name, attention.adds)


def ask_table() -> Given:
    """A table with one row a token. Raises InputError for a cell that is no number."""
    st.caption(t("variants.table_help"))
    frame = pa.table(dict(zip(("token", *COLUMNS), map(list, zip(*TYPED, strict=True)), strict=True)))
    config: dict[str, Any] = {name: st.column_config.NumberColumn(name, format="%.2f", width="small") for name in COLUMNS}
    config["token"] = st.column_config.TextColumn(t("variants.token"), max_chars=24, width="small")
    edited = st.data_editor(frame, num_rows="dynamic", hide_index=True, column_config=config, key="typed", width=720)
    numbers = np.stack([np.array([np.nan if x is None else x for x in edited.column(name).to_pylist()], np.float64) for name in COLUMNS], 1)
    if not len(numbers):
        raise InputError("error.empty")
    if not np.isfinite(numbers).all():
        row, column = np.argwhere(~np.isfinite(numbers))[0]
        raise InputError("error.table_cell", row=row + 1, column=COLUMNS[column])
    tokens = tuple(str(name) if isinstance(name, str) and name else f"#{i}" for i, name in enumerate(edited.column("token").to_pylist()))
    q, k, v = (frozen(numbers[None, :, i : i + 2]) for i in (0, 2, 4))
    return Given(Inputs(q, k, v, 0, 1 / sqrt(2)), tokens, tokens, {}, t("variants.typed"))


def ask_options(variant: Variant, given: Given) -> Options:
    """What this variant can be given, and nothing else; the rest stays at its default."""
    n, heads = len(given.keys), len(given.inputs.q)
    possible = [str(g) for g in range(1, heads + 1) if heads % g == 0]
    middle = possible[len(possible) // 2]  # neither one group for all heads nor one for each
    found: dict[str, Any] = {"groups": int(middle)}
    for name in variant.needs:
        label = t(f"variants.option_{name}")
        if name == "temperature":
            found[name] = ask_slider("sharpness", 0.05, 5.0, 0.5, label=label, step=0.05)
        elif name == "groups":
            found[name] = int(ask_row("groups", {g: g for g in possible}, label=label, default=middle))
        else:
            low = {"n_global": 0, "n_random": 0, "hidden": 0, "seed": 0, "prefix": 0}.get(name, 1)
            high = {"seed": 999, "hidden": n - 1}.get(name, n)
            found[name] = ask_number(name, low, max(high, low), min(getattr(Options, name), max(high, low)), label=label, width=150)
    return Options(**found)
