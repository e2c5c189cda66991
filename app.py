"""The server: `streamlit run app.py`. The default model is loaded in the background while the first visitor reads the page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st

from attnlab.ui.traces import warm_up


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[dict[str, object]]:
    warm_up()
    yield {}


app = st.App("pages/frame.py", lifespan=lifespan)
