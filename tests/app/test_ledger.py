"""The page Ledger without a browser: every kind of output, in both languages, balances on the page."""

import pytest

from attnlab.words import room
from tests.app.conftest import opened, words

PAGE = "change/ledger.py"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_likeness_is_a_sum_in_both_languages(lang):
    app = opened(PAGE, lang=lang)
    assert app.title[0].value == room(lang, "ledger")["title"]
    assert not app.error
    assert "e-0" in words(app)  # the difference of the sum and the model's own number


def test_the_bar_beside_a_head_is_the_real_knock_out():
    app = opened(PAGE, model="sentiment", text="What a lovely film!", beside="true")
    assert not app.error
    assert "They differ most at" in words(app)
    app = opened(PAGE, model="sentiment", text="What a lovely film!", beside="true", repaired="encoder.0.3")
    assert "Without **L0H3**" in words(app)
    assert "L1H" in words(app).split("Without **L0H3**")[1].split("all of them together")[0]


def test_a_word_of_a_translation_has_its_lens():
    app = opened(PAGE, model="translate-fr", text="The cat sleeps.", token="1", word="chat", against="chien")
    assert not app.error
    assert "chat − chien" in words(app)
    assert room("en", "ledger")["lens"] in words(app)


def test_a_word_that_the_model_has_not_is_told_with_others():
    app = opened(PAGE, model="translate-fr", text="The cat sleeps.", token="1", word="chatttt")
    assert "is not one token" in app.error[0].value


def test_every_ranking_is_tried_beside_chance_and_a_random_model():
    app = opened(PAGE, model="sentiment", text="What a lovely film!", truth="true")
    assert not app.error
    table = app.table[0].value
    assert len(table) == 8
    assert room("en", "ledger")["truth_read"] in words(app)
    assert "two stacks" in opened(PAGE, model="translate-fr", text="The cat sleeps.", token="1", truth="true").error[0].value


def test_a_head_has_its_row_its_words_and_its_paths():
    app = opened(PAGE, model="translate-fr", text="The cat sleeps.", token="1", word="chat", against="chien", part="cross.1.2", keep="0.3")
    assert not app.error
    assert room("en", "ledger")["click_word"] in words(app)
    assert "edges" in words(app)
