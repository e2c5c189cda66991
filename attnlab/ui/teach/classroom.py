"""A room on the teacher's page: its code, its address, the presenter's windows, and what the class answered."""

from functools import partial
from typing import Any

import streamlit as st

from attnlab.figures.picture import Picture
from attnlab.figures.style import Look, Words, words_in
from attnlab.lessons.lesson import Lesson, View
from attnlab.lessons.links import read_link
from attnlab.lessons.look import see
from attnlab.lessons.results import class_map
from attnlab.live.address import reachable
from attnlab.live.page import qr_svg
from attnlab.live.rooms import rooms
from attnlab.ui import choices
from attnlab.ui.language import language, md_escape, t
from attnlab.ui.save import facts_of, save_bar
from attnlab.ui.show import show
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
    for line, why in rooms().room(code)["script"].get("mistakes", []):
        st.warning(md_escape(t("teach.mistake", line=line, why=why)))
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
        st.download_button(t("teach.save_results"), partial(rooms().results, code), f"class-{code}.zip", on_click="ignore")
        st.button(t("class.do_end"), key="end room", on_click=end, args=(code,), help=t("class.live_end_sure"))
    show_class_map(code)


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


def show_class_map(code: str) -> None:
    """The class as a head, with files like any other picture; there once somebody answered such a question."""
    script = rooms().room(code)["script"]
    found = [each for each in rooms().export(code)["questions"] if each["asked"]["kind"] == "head" and each["tallies"][-1]["nearest"]]
    if not found:
        return
    question, tally = found[-1], found[-1]["tallies"][-1]
    best, link = tally["nearest"][0], script["steps"][question["step"]]["questions"][question["question"]]["link"]

    def draw(look: Look, words: Words) -> Picture:
        return class_map(question["asked"], tally, look=look, words=words)

    st.header(t("class.live_like", head=f"L{best['layer']}H{best['head']}"))
    show(draw(Look(), words_in(language())), name="class map", alt=t("teach.class_map_alt", n=tally["n"]))
    save_bar(draw, key="class", name=f"class-{code}", facts=facts_of_head(read_link(link), best["layer"], best["head"]))


def facts_of_head(view: View, layer: int, head: int) -> dict[str, Any]:
    """The record of the nearest head's map, as a link shows it."""
    seen = see(view)
    options = {name: True for name in ("words", "bare", "renormalise") if view.query.get(name) == "true"}
    return facts_of(seen.trace, seen.trace.at(seen.attention.stack, layer), head, **options)


def end(code: str) -> None:
    try:
        rooms().act(code, "end")
    except InputError:  # it was over already
        return


def base_address() -> str:
    """Where this app is, as the visitor's browser calls it, without the page."""
    return str(st.context.url or "http://localhost:8501").split("?")[0].rstrip("/").rsplit("/", 1)[0]
