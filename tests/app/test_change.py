"""The page Change without a browser: heads struck out by a click, undone and redone, rows edited, and mistakes told."""

import pytest

from attnlab.core.edits import Edit, write_edits
from attnlab.words import room
from tests.app.conftest import opened, words

PAGE = "change/change.py"
FILM = {"model": "sentiment", "text": "What a lovely film!"}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_opens_in_both_languages(lang):
    app = opened(PAGE, lang=lang, **FILM)
    assert not app.error
    assert room(lang, "change")["says_same"] in words(app)


def edits_of(app):
    """The edits that stand on the page, ready for the command line."""
    return app.get("code")[0].value


def test_a_struck_head_is_an_edit_that_is_undone_and_redone():
    app = opened(PAGE, **FILM)
    next(group for group in app.get("button_group") if group.label == "L1 · H").select(3).run()
    one = write_edits([Edit("z", layer=1, head=3)])
    assert edits_of(app) == one
    for button, wanted in (("undo", "[]"), ("redo", one), ("take 0", "[]"), ("undo", one), ("clear", "[]")):
        app.button(key=button).click().run()
        assert not app.exception
        assert edits_of(app) == wanted


def test_a_row_is_edited_and_its_link_opens_the_same():
    app = opened(PAGE, **FILM)
    app.button(key="put in").click().run()
    edits = write_edits([Edit("weights", layer=0, head=0, query=0, to="uniform")])
    assert edits_of(app) == edits
    again = opened(PAGE, **FILM, edits=edits)
    assert not again.error
    assert "moved most" in words(again)


def test_edits_without_a_place_are_told():
    app = opened(PAGE, **FILM, edits=write_edits([Edit("z", layer=9)]))
    assert "no layer 9" in app.error[0].value
    assert "cannot be read" in opened(PAGE, **FILM, edits="{").warning[0].value


def test_who_predicts_sees_nothing_before():
    app = opened(PAGE, **FILM, edits=write_edits([Edit("z", to="zero")]), predict="true")
    assert room("en", "change")["guess_first"] in words(app)
    assert room("en", "change")["says_same"] not in words(app)


def test_every_head_and_every_place_has_its_map():
    app = opened(PAGE, **FILM, every="true", other="What a boring film!")
    assert not app.error
    assert "positive − negative" in words(app)
    short = opened(PAGE, **FILM, other="boring")
    assert "tokens" in short.error[0].value
