"""The frame around every page: what it is called and what it is for, in both languages, and the bar that names every page."""

import re
from html import escape

import pytest

from attnlab.words import LANGUAGES, room
from tests.app.conftest import FRAME, HOME, opened

PAGES = {
    name: f"{folder}/{name}.py"
    for folder, names in re.findall(r'^    "(\w+)": \((.*)\),$', FRAME.read_text("utf-8"), flags=re.M)
    for name in re.findall(r'"(\w+)"', names)
}


def test_every_page_file_stands_in_the_bar():
    there = {str(file.relative_to(FRAME.parent)) for file in FRAME.parent.glob("*/*.py")}
    assert there == set(PAGES.values())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_every_page_says_in_its_own_words_what_it_is_and_what_it_is_for(name, language):
    said = room(language, name)
    assert said["purpose"].endswith("." if language == "en" else "。")
    assert len({said["title"], said["menu"], said["purpose"]}) >= 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_begins_with_its_heading_its_sentence_and_the_way_to_every_page(language):
    app = opened(HOME, lang=language)
    assert [each.value for each in app.title] == [room(language, "home")["title"]]
    assert room(language, "home")["purpose"] in [each.value for each in app.markdown]
    bar = next(each.proto.body for each in app.get("html") if "<nav" in each.proto.body)
    assert re.findall(r"<a [^>]*>([^<]*)</a>", bar) == [escape(room(language, name)["menu"]) for name in PAGES]
    assert re.findall(r'<a href="([^"]*)"[^>]*aria-current="page">', bar) == ["./"]
