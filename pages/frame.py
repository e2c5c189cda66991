"""The frame around every page: title, language and menu. A page is listed here by one line."""

import streamlit as st

from attnlab.ui import link, visits
from attnlab.ui.language import choose_language, language, linked_language, settle_language, t
from attnlab.ui.teach.collect import collect_views
from attnlab.words import ASSETS, LANGUAGES

link.begin()
settle_language()
visits.enter()
st.set_page_config(page_title="Attention Lab", page_icon=str(ASSETS / "favicon.png"), layout="wide")
st.html(ASSETS / "components" / "page.css")

menu = {
    t("ui.start"): [
        st.Page("start/home.py", title=t("home.menu"), default=True),
    ],
    t("ui.look"): [
        st.Page("look/heads.py", title=t("heads.menu"), url_path="heads"),
        st.Page("look/layers.py", title=t("layers.menu"), url_path="layers"),
        st.Page("look/compare.py", title=t("compare.menu"), url_path="compare"),
    ],
    t("ui.learn"): [
        st.Page("learn/steps.py", title=t("steps.menu"), url_path="steps"),
        st.Page("learn/positions.py", title=t("positions.menu"), url_path="positions"),
        st.Page("learn/variants.py", title=t("variants.menu"), url_path="variants"),
    ],
    t("ui.build"): [
        st.Page("build/translate.py", title=t("translate.menu"), url_path="translate"),
        st.Page("build/train.py", title=t("train.menu"), url_path="train"),
    ],
    t("teach.menu"): [
        st.Page("teach/lessons.py", title=t("teach.lessons_menu"), url_path="lessons"),
        st.Page("teach/class.py", title=t("teach.class_menu"), url_path="class"),
    ],
}
page = st.navigation(menu, position="top")

with st.container(horizontal=True, gap="small", key="languages"):
    for code, name in LANGUAGES.items():
        st.button(name, key=f"speak {code}", type="tertiary", disabled=code == language(), on_click=choose_language, args=(code,))

link.put("lang", linked_language())
try:
    page.run()
    collect_views(page.url_path)
finally:  # a page that stopped at a mistake has its address too
    link.write()
