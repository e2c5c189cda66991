"""Lessons and the class on their pages: predict, reveal, one's own mark; a room begun and ended; views gathered for a lesson."""

import json

import pytest

from attnlab.lessons.links import PAGES
from attnlab.lessons.read import parse_lesson
from attnlab.lessons.shelf import shelf
from attnlab.lessons.template import ENGLISH
from attnlab.live.rooms import rooms
from attnlab.ui.teach.collect import lesson_file
from tests.app.conftest import opened, words
from tests.app.test_frame import PAGES as EVERY

LESSONS, CLASS = "teach/lessons.py", "teach/class.py"
FIRST = "1-what-a-head-looks-at"


def sent(app):
    """What the last map was sent."""
    return json.dumps(
        [json.loads(each.proto.mixed.json) for each in app.get("bidi_component") if each.proto.component_name == "attnlab_matrix"]
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_predicts_and_then_sees_with_ones_own_mark(language):
    app = opened(LESSONS, lesson=FIRST, at="2", lang=language)
    assert not app.error
    assert "**fox**" not in words(app)
    app.radio[0].set_value(4).run()
    app.button("send 1-what-a-head-looks-at 1").click().run()
    assert not app.exception
    assert "**fox**" in words(app)
    assert '"pinned": [5, 4]' in sent(app)
    app.button("again 1-what-a-head-looks-at 1").click().run()
    assert "**fox**" not in words(app)
    app.button("step on").click().run()
    assert app.header[0].value == {"en": "Another head, another habit", "zh": "另一个头，另一种习惯"}[language]


@pytest.mark.parametrize("name", shelf())
def test_every_lesson_opens_in_its_middle(name):
    app = opened(LESSONS, lesson=name, at="4")
    assert not app.error
    assert not app.warning


@pytest.mark.parametrize("at", ["0", "99", "x", ""])
def test_a_step_that_does_not_exist_is_the_nearest(at):
    assert opened(LESSONS, lesson=FIRST, at=at).header


def test_a_room_begins_and_ends_on_the_teachers_page():
    app = opened(CLASS, lesson=FIRST)
    app.button("start room").click().run()
    assert not app.exception
    code = app.code[0].value.rsplit("/", 1)[-1]
    assert rooms().store.state(code) is not None
    assert f"# {code}" in words(app)
    app.button("end room").click().run()
    assert rooms().store.state(code) is None
    assert app.button("start room")


def test_views_are_gathered_put_in_order_and_taken_away():
    app = opened("look/heads.py", layer="3", head="1")
    app.button("add view").click().run()
    app.number_input(key="head").set_value(5).run()
    app.button("add view").click().run()
    app.button("view up 1").click().run()
    gathered = app.session_state["lesson views"]
    assert ["head=5" in view for view in gathered] == [True, False]
    assert not parse_lesson(lesson_file(gathered).encode(), name="t").mistakes
    app.button("view away 0").click().run()
    assert len(app.session_state["lesson views"]) == 1


def test_who_came_from_a_class_finds_the_way_back():
    app = opened("look/heads.py", live="ABCDE")
    assert any(each.proto.url.endswith("live/ABCDE") for each in app.get("link_button"))


def test_a_row_is_drawn_with_the_finger_and_stands_beside_the_models():
    app = opened(LESSONS, lesson=FIRST, at="3")
    assert app.button(f"send {FIRST} 2").disabled
    app.session_state[f"bars {FIRST} 2"] = {"row": [0.5, 0.5] + [0.0] * 10}
    app.run()
    app.button(f"send {FIRST} 2").click().run()
    assert not app.exception
    assert "[CLS] 50%" in words(app).replace("\\", "")


def test_a_lesson_file_is_dropped_on_the_page_for_this_visit():
    app = opened(LESSONS, lesson=FIRST)
    app.get("file_uploader")[0].set_value(("mine.md", ENGLISH.encode(), "text/markdown")).run()
    assert not app.exception
    assert app.header[0].value == "What is a row?"
    app.get("file_uploader")[0].set_value(("mine.md", "+++\n标题".encode("gbk"), "text/markdown")).run()
    assert "UTF" in app.error[0].value
    assert "mine" not in shelf()


@pytest.mark.parametrize("page", [path for name, path in EVERY.items() if name in PAGES])
def test_every_page_with_a_view_offers_it_to_a_lesson(page):
    app = opened(page)
    app.button("add view").click().run()
    (view,) = app.session_state["lesson views"]
    assert view.partition("?")[0] == page.rpartition("/")[2].removesuffix(".py")
    assert not parse_lesson(lesson_file([view]).encode(), name="t").mistakes


def test_the_class_as_a_head_is_a_picture_with_files_on_the_teachers_page():
    app = opened(CLASS, lesson="7-the-class-as-a-head")
    app.button("start room").click().run()
    code = app.code[0].value.rsplit("/", 1)[-1]
    assert not app.get("imgs")[1:]
    rooms().store.vote(code, "0.0.1", "0.a", [0.0, 1.0] + [0.0] * 9)
    app.run()
    assert not app.exception
    assert any("attends like L" in each.value for each in app.header)
    assert "Save" in str([each.label for each in app.expander])
    app.button("end room").click().run()
