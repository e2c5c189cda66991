"""One head: who looks at whom."""

import streamlit as st

from attnlab.ui import canvas
from attnlab.ui.ask import ask_attention, ask_head, ask_model, ask_text
from attnlab.ui.errors import told
from attnlab.ui.traces import get_trace

with told():
    row = st.columns([3, 6, 1.5, 1.5])
    with row[0]:
        model = ask_model()
    with row[1]:
        text = ask_text()
    trace = get_trace(model, text)
    with row[2]:
        attention = ask_attention(trace)
    with row[3]:
        head = ask_head(attention)
canvas.matrix(attention.weights(head), attention.queries.pieces, attention.keys.pieces, key="heads map", title=f"L{attention.layer}H{head}")
