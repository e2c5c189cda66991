"""A lesson gone through alone: predict, then see the model's own numbers with one's own mark beside them, then why."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.trace import Array
from attnlab.lessons.answers import answer_text, check_answer
from attnlab.lessons.bets import place_bet
from attnlab.lessons.lesson import Lesson
from attnlab.lessons.links import read_link
from attnlab.lessons.look import see
from attnlab.lessons.opening import Opened, open_lesson, picture_of
from attnlab.lessons.read import read_lesson
from attnlab.lessons.shelf import find_file, name_of, read_bytes, shelf
from attnlab.ui import canvas, choices, link
from attnlab.ui.ask import ask_choice
from attnlab.ui.language import language, md_escape, percent, t
from attnlab.ui.pictures import save_matrix
from attnlab.words import InputError

ANSWERS = "lesson answers"  # by lesson, step and question, what this visit answered
Data = Mapping[str, Any]


def ask_lesson() -> Lesson:
    """Which lesson: one of the shelf, or a file dropped on the page for this visit. Raises InputError for one with a mistake."""
    spoken = language()
    names = {name: title_of(name, spoken) for name in shelf()}
    if not names:
        raise InputError("lesson.unknown", given="", known="–")
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        name = ask_choice("lesson", names, label=t("teach.lesson"))
    with right, st.popover(t("teach.own_file"), width="stretch"):
        dropped = st.file_uploader(t("teach.drop"), type="md", key="lesson file")
    if dropped is not None:
        return read_lesson(dropped.getvalue(), name=dropped.name.removesuffix(".md"), language=spoken)
    file = find_file(name, spoken)
    return read_lesson(read_bytes(file), name=name_of(file), language=spoken)


@st.cache_data(max_entries=64, show_spinner=False)
def title_of(name: str, spoken: str) -> str:
    """A lesson's own title, its name when the file cannot be read."""
    try:
        return read_lesson(read_bytes(find_file(name, spoken)), name=name, language=spoken).title
    except InputError:
        return name


def get_opened(lesson: Lesson) -> Opened:
    """The lesson with its pictures and answers, made once for everybody."""
    with st.spinner(t("teach.opening")):
        return _opened(lesson)


@st.cache_resource(max_entries=16, show_spinner=False)
def _opened(lesson: Lesson) -> Opened:
    return open_lesson(lesson)


def show_lesson(opened: Opened) -> None:
    """The step that is on, with the way back and on."""
    lesson, last = opened.lesson, len(opened.steps) - 1
    facts = (t("lesson.minutes", minutes=lesson.minutes), t("lesson.for_whom", audience=lesson.audience))
    st.caption(md_escape(" · ".join(facts)) + "  \n" + md_escape(t("lesson.goal", objective=lesson.objective)))
    for mistake in opened.mistakes:
        st.warning(
            md_escape(t("lesson.at_line", name=lesson.name, line=mistake.line, why=mistake.say(language()), count=len(opened.mistakes)))
        )
    asked = choices.read("at", "1")
    at = min(max(int(asked), 1), last + 1) - 1 if asked.isdecimal() else 0
    link.put("at", None if at == 0 else str(at + 1))
    show_step(lesson.name, at, opened.steps[at])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(t("teach.back_step"), key="step back", disabled=at == 0, on_click=choices.keep, args=("at", str(at)))
        st.markdown(f"{at + 1} / {last + 1}")
        st.button(t("teach.next_step"), key="step on", type="primary", disabled=at == last, on_click=choices.keep, args=("at", str(at + 2)))


def show_step(name: str, at: int, step: Data) -> None:
    st.header(md_escape(step["title"]))
    show_text(step["texts"]["html"])
    answers = choices.visit(ANSWERS, dict[str, Any])
    question = step["questions"][0] if step["questions"] else None
    place = f"{name} {at}"
    left, right = st.columns([5, 4], gap="medium")
    mine = answers.get(place)
    hidden = question is not None and mine is None
    mark = None if question is None else marked(question, mine)
    with left:
        cell = None
        for i, picture in enumerate(step["pictures"] if question is None else question["pictures"]):
            cell = show_picture(picture, f"lesson {place} {i} {hidden}", hidden=hidden, mark=mark) or cell
            if not hidden:
                save_picture(picture, i, f"{name}-{at + 1}")
        own_sentence(step if question is None else question, place)
    with right:
        if question is None:
            show_text(step["texts"]["explain"])
        elif mine is None:
            ask_question(question, place, cell)
        else:
            reveal(question, mine, step["texts"]["explain"])
            st.button(t("teach.again"), key=f"again {place}", on_click=answers.pop, args=(place, None))


def show_text(markdown: str) -> None:
    """A teacher's Markdown with its formulas. An image would be fetched from elsewhere, so it stays the letters it is."""
    if markdown:
        st.markdown(markdown.replace("![", "!\\["))


def show_picture(picture: Data, key: str, *, hidden: bool, mark: tuple[int, int] | None = None) -> tuple[int, int] | None:
    """A map of the lesson, or its labels alone while something is asked of it; returns the cell that is marked."""
    values = values_of(picture)
    if hidden:
        values = np.full_like(values, np.nan)
    missing = t("class.live_curtain") if hidden else None
    return canvas.matrix(
        values, picture["queries"], picture["keys"], key=key, title=picture["title"], missing=missing, pinned=mark, height=430
    )  # fmt: skip


def save_picture(picture: Data, i: int, file: str) -> None:
    """What stands under a map of the lesson. Its address asks first and shows then; the view itself is linked below."""
    sides, text = (picture["queries"], picture["keys"]), picture["text"]
    told: Any = {"title": picture["title"], "caption": text, "legend": t("ui.weight"), "share": True, "linked": False}
    save_matrix(values_of(picture), *sides, key=f"lesson {i}", name=file, facts={}, **told)


def values_of(picture: Data) -> Array:
    return np.array([[np.nan if x is None else x for x in row] for row in picture["values"]], np.float32)


def own_sentence(holder: Data, place: str) -> None:
    """The same view of another sentence, live; the lesson's own is one click away."""
    if holder["link"] is None:
        return
    with st.popover(t("teach.own_sentence")):
        text = st.text_input(t("ui.text"), key=f"own {place}").strip()
        if text:
            try:
                view = read_link(holder["link"])
                show_picture(picture_of(see(replace(view, query={**view.query, "text": text}))), f"own map {place}", hidden=False)
            except InputError as error:
                st.error(md_escape(error.say(language())))
    st.markdown(f"[{t('teach.look_around')}]({holder['link']})")


def marked(question: Data, mine: Any) -> tuple[int, int] | None:
    """Where one's own mark stands on the map."""
    kind = question["asked"]["kind"]
    if mine is None or kind not in ("word", "cell"):
        return None
    return (mine[0], mine[1]) if kind == "cell" else (question["asked"]["row"], mine)


def ask_question(question: Data, place: str, cell: tuple[int, int] | None) -> None:
    """The question as a form; its answer is kept for the visit."""
    asked = question["asked"]
    st.header(t("class.live_predict"))
    st.markdown(f"**{md_escape(asked['question'])}**")
    given = ASK[asked["kind"]](asked, place, cell)
    if st.button(t("class.live_send"), key=f"send {place}", type="primary", disabled=given is None):
        try:
            counted = check_answer(asked, given)
            if asked["kind"] == "bet":
                counted |= {"moved": place_bet(question["link"], asked, counted)}
        except InputError as error:
            st.error(md_escape(error.say(language())))
            return
        choices.visit(ANSWERS, dict[str, Any])[place] = counted
        st.rerun()


def ask_word(asked: Data, place: str, cell: tuple[int, int] | None) -> Any:
    names = asked["labels"] if asked["kind"] == "word" else asked["options"]
    shown, flat = [md_escape(name) for name in names], asked["kind"] == "word"
    return st.radio(
        t("lesson.your_answer"), range(len(names)), index=None, format_func=shown.__getitem__, key=f"word {place}", horizontal=flat
    )


def ask_cell(asked: Data, place: str, cell: tuple[int, int] | None) -> Any:
    st.markdown(t("teach.click_cell"))
    if cell is not None:
        st.markdown(f"**{md_escape(asked['queries'][cell[0]])} → {md_escape(asked['labels'][cell[1]])}**")
    return None if cell is None else list(cell)


def ask_bars(asked: Data, place: str, cell: tuple[int, int] | None) -> Any:
    query = asked["queries"][asked.get("row", 0)]
    st.caption(f"{t('class.live_your_query')}: **{md_escape(query)}**")
    return canvas.bars(asked["labels"], key=f"bars {place}", hint=t("class.live_draw_hint"))


def ask_scale(asked: Data, place: str, cell: tuple[int, int] | None) -> Any:
    low, high = float(asked["low"]), float(asked["high"])
    return st.slider(t("lesson.your_answer"), low, high, (low + high) / 2, (high - low) / 100, key=f"scale {place}")


def ask_order(asked: Data, place: str, cell: tuple[int, int] | None) -> Any:
    names = asked["options"]
    chosen = st.multiselect(t("class.live_order_hint"), range(len(names)), format_func=names.__getitem__, key=f"order {place}")
    return chosen if len(chosen) == len(names) else None


def ask_bet(asked: Data, place: str, cell: tuple[int, int] | None) -> Any:
    st.caption(t("class.live_bet_hint"))
    shown = [md_escape(name) for name in asked["labels"]]
    word = st.radio(t("lesson.bet_box"), range(len(shown)), format_func=shown.__getitem__, key=f"which {place}", horizontal=True)
    into = st.text_input(t("class.live_bet_into"), key=f"into {place}", max_chars=24).strip()
    return {"word": word, "into": into} if into else None


ASK = {
    "word": ask_word,
    "choice": ask_word,
    "cell": ask_cell,
    "row": ask_bars,
    "head": ask_bars,
    "number": ask_scale,
    "order": ask_order,
    "bet": ask_bet,
}


def reveal(question: Data, mine: Any, explain: str) -> None:
    """One's own answer beside the model's, and why."""
    asked, answer = question["asked"], question["answer"]
    st.header(t("class.live_result"))
    st.markdown(f"{t('class.live_you_said')}: **{md_escape(own_text(asked, mine))}**")
    if (right := answer_text(asked, answer)) is not None:
        st.markdown(f"{t('class.live_model_says')}: **{md_escape(right)}**")
    if asked["kind"] in ("word", "row"):
        rows = {t("class.live_model_says"): answer["row"]}
        if asked["kind"] == "row":
            rows[t("class.live_you_said")] = mine
        st.dataframe({t("ui.key"): asked["labels"], **rows}, hide_index=True)
    show_text(explain)


def own_text(asked: Data, mine: Any) -> str:
    """One's own answer in words."""
    kind = asked["kind"]
    if kind in ("row", "head"):
        return ", ".join(f"{name} {percent(share, 0)}" for name, share in zip(asked["labels"], mine, strict=True) if share)
    if kind == "bet":
        return f"{asked['labels'][mine['word']]} → {mine['into']} ({mine['moved']:.3f})"
    as_answer = {"number": {"value": mine}, "order": {"order": mine}}.get(kind, {"best": mine})
    return answer_text(asked, as_answer) or ""
