"""Variants of attention: the same queries, keys and values, attended to in every way there is."""

import streamlit as st

from attnlab.core.variants import ALL, VARIANTS
from attnlab.ui import link
from attnlab.ui.ask import ask_choice, ask_row
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import t
from attnlab.ui.variants.cost import show_cost
from attnlab.ui.variants.given import ask_given, ask_options
from attnlab.ui.variants.maps import name_of, show_all, show_output, show_weights

PARTS = ("weights", "output", "all", "cost")

part = ask_row("show", {name: t(f"variants.part_{name}") for name in PARTS}, label=t("variants.parts"), hidden=True)
if part == "cost":
    show_cost()
    link.stop()

with mistake_box():
    given = ask_given()
possible = {variant.name: name_of(variant) for variant in ALL if given.can(variant)}
with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="variant controls"):
    variant = VARIANTS[
        ask_choice("variant", possible, label=t("variants.variant"), default="window" if "window" in possible else "full", width=320)
    ]
    options = ask_options(variant, given)
st.markdown(f"{t(f'variants.what_{variant.name}')} *{variant.source}*")
if given.masked:
    st.caption(t("variants.masked"))
if part == "weights":
    show_weights(given, variant, options)
elif part == "output":
    show_output(given, variant, options)
else:
    show_all(given, options)
