"""The server: `streamlit run app.py`. The default model is loaded in the background while the first visitor reads the page."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from attnlab.live.closing import on_exit
from attnlab.live.rooms import stop_streams
from attnlab.live.routes import routes
from attnlab.ui.access import is_open
from attnlab.ui.errors import note_error
from attnlab.ui.headers import Headers
from attnlab.ui.traces import warm_up

# Streamlit puts the pages' folder into sys.path at each run and takes it out again, unless it is there already. Another thread that
# looks a module up in that moment skips an entry of the list and finds nothing.
sys.path.append(str(Path(__file__).resolve().parent / "pages"))


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[dict[str, object]]:
    print(is_open())  # noqa: T201 - the host is told once whose app it is
    warm_up()
    on_exit(stop_streams)
    yield {}


app = st.App("pages/frame.py", lifespan=lifespan, routes=routes(), middleware=[Middleware(Headers)], on_script_error=note_error)
