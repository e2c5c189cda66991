"""A room on the teacher's page: its code, its address, the presenter's windows, and what the class answered."""

import json
from functools import partial

import streamlit as st

from attnlab.lessons.lesson import Lesson
from attnlab.live.address import reachable
from attnlab.live.page import qr_svg
from attnlab.live.rooms import rooms
from attnlab.ui import choices
from attnlab.ui.language import md_escape, t
from attnlab.words import InputError

ROOM = "class room"  # the code and the secret of this visit's room


def show_class(lesson: Lesson) -> None:
    """Start a room, or lead the one that is on."""
    room = choices.visit(ROOM, dict[str, str])
    if room and not alive(room["code"]):
        st.info(t("class.live_over"))
        room.clear()
    if not room:
        st.markdown(t("teach.class_lead"))
        if st.button(t("teach.start"), type="primary", key="start room"):
            with st.spinner(t("teach.opening")):
                room["code"], room["secret"] = rooms().begin(lesson)
            st.rerun()
        return
    show_room(room["code"], room["secret"])


def alive(code: str) -> bool:
    try:
        rooms().room(code)
    except InputError:
        return False
    return True


def show_room(code: str, secret: str) -> None:
    """Code, address and QR code for the class; the presenter's view and the notes for the teacher alone."""
    address = reachable(f"{base_address()}/live/{code}")
    left, right = st.columns([2, 3], vertical_alignment="center")
    with left:
        st.image(qr_svg(address).decode(), width=280)
    with right:
        st.markdown(f"# {code}")
        st.markdown(t("class.join"))
        st.code(address, language=None)
        with st.container(horizontal=True):
            st.link_button(t("teach.presenter"), f"{base_address()}/live/{code}/teach#{secret}", type="primary")
            st.link_button(t("teach.notes_window"), f"{base_address()}/live/{code}/notes#{secret}")
    show_counts(code)
    with st.container(horizontal=True):
        st.download_button(t("teach.save_results"), partial(results, code), f"class-{code}.json", on_click="ignore")
        st.button(t("class.do_end"), key="end room", on_click=end, args=(code,), help=t("class.live_end_sure"))


@st.fragment(run_every=5)
def show_counts(code: str) -> None:
    """Who is here. The presenter's own view is told at once; this line looks every few seconds."""
    state, here = rooms().store.state(code), rooms().store.here(code)
    if state is None:
        st.rerun()
        return
    answered = len(rooms().store.votes(code, [state.vote])[state.vote])
    st.caption(
        md_escape(" · ".join((t("class.live_here", n=here), t("lesson.step", number=state.step + 1), t("class.live_answers", n=answered))))
    )


def results(code: str) -> str:
    """Every tally as a file."""
    return json.dumps(rooms().export(code), ensure_ascii=False, indent=1)


def end(code: str) -> None:
    try:
        rooms().act(code, "end")
    except InputError:  # it was over already
        return


def base_address() -> str:
    """Where this app is, as the visitor's browser calls it, without the page."""
    return str(st.context.url or "http://localhost:8501").split("?")[0].rstrip("/").rsplit("/", 1)[0]
