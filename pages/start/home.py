"""Home: a sentence and a model lead straight on; four sentences worth a look; what attention is; a figure leads back to its view."""

import streamlit as st

from attnlab.ui import link
from attnlab.ui.ask import ask_model, ask_text, open_head
from attnlab.ui.errors import mistake_box
from attnlab.ui.examples import examples_of
from attnlab.ui.home.reopen import open_figure
from attnlab.ui.language import language, md_escape, percent, t
from attnlab.ui.traces import get_trace

with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls"):
    text = ask_text()
    model = ask_model(width=190)
    go = st.button(t("home.go"), type="primary")
    every = st.button(t("home.every"))
if go or every:
    with mistake_box():
        get_trace(model, text)  # a mistake is told here, where it can be mended
    link.go("look/heads.py" if go else "look/layers.py")

st.header(t("home.examples"), anchor=False)
with mistake_box():
    examples = examples_of(language())
    for column, example in zip(st.columns(len(examples)), examples, strict=True):
        seen = get_trace(example.model, example.text).at("encoder", example.layer)
        query, key = seen.queries.pieces[example.query], seen.keys.pieces[example.key]
        weight = percent(float(seen.weights(example.head)[example.query, example.key]), 0)
        with column.container(border=True, height="stretch"):
            st.markdown(f"*{md_escape(example.text)}*")
            facts = {"layer": example.layer, "head": example.head, "query": query, "key": key, "percent": weight}
            st.markdown(t(f"home.example_{example.name}", **facts))
            if st.button(t("home.look", layer=example.layer, head=example.head), key=f"example {example.name}"):
                link.choose(model=example.model)
                open_head("encoder", example.layer, example.head, cell=(example.query, example.key), text=example.text)

left, right = st.columns([3, 2], gap="large")
with left:
    st.header(t("home.what"), anchor=False)
    st.markdown(t("home.attention"))
    st.latex(r"\mathrm{weights}=\mathrm{softmax}\!\left(\frac{QK^{\top}}{\sqrt{d}}\right),\qquad z=\mathrm{weights}\cdot V")
with right:
    st.header(t("home.figure"), anchor=False)
    with mistake_box():
        open_figure(st.file_uploader(t("home.drop"), type=["png", "svg", "pdf", "html", "npz"], max_upload_size=8))
