"""Add this view to a lesson: views gathered on any page, put in order, and taken away as a lesson file."""

import streamlit as st

from attnlab.lessons.links import PAGES, write_link
from attnlab.ui import choices, link
from attnlab.ui.language import md_escape, t

KEPT = "lesson views"  # what this visit has gathered: links, in order
MOST = 80


def collect_views(page: str) -> None:
    """The button under every page that a lesson can open, and the way back to a class that is going on."""
    code = link.given("live") or ""
    if code.isalpha() and len(code) == 5:
        st.link_button(t("teach.to_teacher"), f"live/{code}", type="primary")
    if page not in PAGES:
        return
    kept = choices.visit(KEPT, list[str])
    with st.container(horizontal=True, key="lesson views"), st.popover(t("teach.add", n=len(kept))):
        st.markdown(t("teach.add_lead"))
        st.button(t("teach.add_this"), key="add view", on_click=add, args=(page,), disabled=len(kept) >= MOST)
        for i, view in enumerate(kept):
            name, up, away = st.columns([6, 1, 1], vertical_alignment="center")
            name.caption(md_escape(f"{i + 1}. {view}"[:140]))
            up.button("↑", key=f"view up {i}", disabled=i == 0, on_click=move, args=(i,), help=t("teach.up"))
            away.button("✕", key=f"view away {i}", on_click=remove, args=(i,), help=t("teach.remove"))
        if kept:
            st.download_button(t("teach.download"), lesson_file(kept), "lesson.md", "text/markdown", on_click="ignore")


def add(page: str) -> None:
    """The view on screen, as its link says it."""
    query = {name: value for name, value in link.view().items() if name not in ("lang", "live")}
    choices.visit(KEPT, list[str]).append(write_link(page, query))


def remove(i: int) -> None:
    del choices.visit(KEPT, list[str])[i]


def move(i: int) -> None:
    kept = choices.visit(KEPT, list[str])
    kept[i - 1], kept[i] = kept[i], kept[i - 1]


def lesson_file(views: list[str]) -> str:
    """A lesson with a step for each view, to be filled with words."""
    texts = {"title": t("teach.new_title"), "audience": t("teach.new_audience"), "objective": t("teach.new_objective")}
    head = "+++\nminutes = 15\n" + "".join(f'{name} = "{text}"\n' for name, text in texts.items())
    steps = [f"# {t('lesson.step', number=i)}\n\n```view\n{view}\n```\n" for i, view in enumerate(views, 1)]
    return f'{head}models = ["bert"]\n+++\n\n' + "\n---\n\n".join(steps)
