"""The frame around every page: the way to every other page, the languages, what the page is called and what it is for."""

import streamlit as st

from attnlab.ui import link, visits
from attnlab.ui.door import DOOR
from attnlab.ui.language import choose_language, language, linked_language, md_escape, settle_language, t
from attnlab.ui.page_bar import page_bar
from attnlab.ui.screen import ask_screen
from attnlab.ui.teach.collect import collect_views
from attnlab.words import ASSETS, LANGUAGES

# Every page by its folder, in the order of the bar. A page is one word here: its file, its address, and its room of words,
# which has its name in the bar (menu), its heading (title) and what it is for (purpose).
PAGES = {
    "start": ("home",),
    "look": ("heads", "layers", "compare", "atlas"),
    "learn": ("steps", "positions", "variants"),
    "change": ("change", "ledger"),
    "build": ("translate", "sentiment", "write", "fill", "train"),
    "teach": ("lessons", "class"),
}

came = DOOR.come_in()
link.begin()
settle_language()
visits.enter()
bar = {folder: [("" if name == "home" else name, t(f"{name}.menu")) for name in names] for folder, names in PAGES.items()}
pages = {
    address: st.Page(f"{folder}/{address or 'home'}.py", title=title, url_path=address or "home", default=not address)
    for folder, group in bar.items()
    for address, title in group
}
page = st.navigation(list(pages.values()), position="hidden")
name = page.url_path or "home"
wanted = link.wanted()
if wanted in pages and wanted != page.url_path:
    DOOR.leave(came)
    link.go(pages[wanted])
st.set_page_config(
    page_title=f"{page.title} · {t('home.title')}" if name != "home" else t("home.title"),
    page_icon=str(ASSETS / "favicon.png"),
    layout="wide",
)
st.html(ASSETS / "components" / "page.css")

with st.container(horizontal=True, gap=None, key="frame"):
    page_bar(bar, page.url_path)
    with st.container(horizontal=True, gap=None, width="content", key="languages"):
        for code, spoken in LANGUAGES.items():
            st.button(spoken, key=f"speak {code}", type="tertiary", disabled=code == language(), on_click=choose_language, args=(code,))
        ask_screen()
with st.container(key="heading"):
    st.title(t(f"{name}.title"), anchor=False)
    st.markdown(t(f"{name}.purpose"))
if (unread := link.unread()) is not None:
    asked, length = unread
    st.warning(t("ui.link_long", name=md_escape(asked[:40]), given=length, limit=link.LONGEST))

link.put("lang", linked_language())
link.tell(language=language(), skip=t("ui.skip"), page=page.url_path)
try:
    page.run()
    collect_views(page.url_path)
finally:  # a page that stopped at a mistake has its address too
    link.write()
    DOOR.leave(came)
