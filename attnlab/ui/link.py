"""The address says what is on screen: a link opened anywhere restores the view, and Back goes to the page before as it was.

Streamlit can bind widgets to the address itself, but it writes each change of a page's parameters as a step of the browser's history:
after a change of page Back then meets the same page without its choices. So the address is written here, once a run, in place.
"""

from typing import NoReturn
from urllib.parse import urlencode

import streamlit as st
from streamlit.navigation.page import StreamlitPage
from streamlit.runtime.scriptrunner import get_script_run_ctx

from attnlab.words import ASSETS

_address = st.components.v2.component("attnlab_address", html="<span></span>", js=(ASSETS / "components" / "address.js").read_text("utf-8"))
MINE, RUN, FRESH = "link written", "link run", "link fresh"  # what was put this run, how many runs there were, whether the address leads
BEFORE = "link before"  # what the last run put: the server is not told of an address that was written in place
PRIVATE = ("lang", "live", "job", "key")
LONGEST_LINK = 3000  # characters of text that still go into a link; browsers and servers cut longer ones
LONGEST = 4000  # characters of one choice
NEXT = "link next"  # what was chosen for the next run
ABOUT, WRITTEN = "link about", "link written run"  # what the document is told besides, and which run has written
KEY, WANTED = "address", "link wanted"  # the component that writes, and the page that was clicked in the bar


def begin() -> None:
    """Start a run. The address leads when it was just opened or gone back to; otherwise the page leads."""
    context = get_script_run_ctx()
    st.session_state[FRESH] = RUN not in st.session_state or bool(context and context.is_history_navigation)
    st.session_state[RUN] = st.session_state.get(RUN, 0) + 1
    before = st.session_state.get(MINE, {})
    st.session_state[BEFORE], st.session_state[MINE] = {} if leads() else before, dict.fromkeys(before)
    for name, value in st.session_state.pop(NEXT, {}).items():
        st.session_state[name] = value


def choose(**choices: object) -> None:
    """Choices for the run after this one: a widget that is on the page already takes none in the middle of a run."""
    st.session_state.setdefault(NEXT, {}).update(choices)


def go(page: str | StreamlitPage, **choices: object) -> None:
    """Open another page with these choices. The address goes along: one that is emptied first is a step of its own on the way Back."""
    choose(**choices)
    address = st.query_params.to_dict() | st.session_state.get(BEFORE, {})
    st.switch_page(page, query_params={name: value for name, value in address.items() if None not in (value, choices.get(name, value))})


def wanted() -> str | None:
    """The address of the page that was clicked in the bar, once."""
    page = st.session_state.pop(WANTED, None)
    return None if page is None else str(page)


def _want() -> None:
    st.session_state[WANTED] = st.session_state[KEY].go


def leads() -> bool:
    """Whether the address, and not what this visit chose before, says what to show."""
    return bool(st.session_state.get(FRESH, False))


def asks_beyond(*names: str) -> bool:
    """Whether the address leads and says more than these."""
    return leads() and any(name not in names for name in st.query_params)


def given(name: str) -> str | None:
    """What the address asks for; nothing where that is longer than any address that is written here."""
    asked = st.query_params.get(name)
    return asked if asked is None or len(asked) <= LONGEST else None


def unread() -> tuple[str, int] | None:
    """A choice that the address asks for and that is too long to be read, and how many characters it has."""
    asked = st.query_params.to_dict() if leads() else {}
    return next(((name, len(value)) for name, value in asked.items() if len(value) > LONGEST), None)


def bare() -> bool:
    """Whether the address names a page and nothing of a view."""
    return not set(st.query_params.to_dict()) - {"lang", "live"}


def put(name: str, value: str | None) -> None:
    """Have the address say this; None for what goes without saying."""
    st.session_state.setdefault(MINE, {})[name] = value


def view() -> dict[str, str]:
    """What the address says of the view that is on screen: what this run put, else what it said before."""
    said = st.query_params.to_dict() | st.session_state.get(MINE, {})
    return {name: value for name, value in said.items() if value is not None}


def here() -> str | None:
    """The address of the view on screen, from the root of the app; without what belongs to a visitor, a class or a language."""
    page = st.session_state.get(ABOUT, {}).get("page")
    query = {name: value for name, value in view().items() if name not in PRIVATE}
    return None if not page else f"{page}?{urlencode(query)}" if query else page


def tell(**about: str) -> None:
    """What the document is to know besides the address: its language, the page that is open."""
    st.session_state[ABOUT] = about


def write() -> None:
    """Write the address, once, at the end of a run. Parameters that are none of ours stay as they are."""
    state = st.session_state
    if state.get(WRITTEN) != state.get(RUN):
        state[WRITTEN] = state.get(RUN)
        data = {"put": state.get(MINE, {}), "run": state.get(RUN, 0), **state.get(ABOUT, {})}
        _address(data=data, key=KEY, on_go_change=_want)


def stop() -> NoReturn:
    """End the page here. Streamlit's own stop lets nothing be written afterwards, and the address would go on saying something else."""
    write()
    st.stop()
