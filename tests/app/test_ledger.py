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


def test_a_word_of_a_translation_has_its_lens():
    app = opened(PAGE, model="translate-fr", text="The cat sleeps.", token="1", word="chat", against="chien")
    assert not app.error
    assert "chat − chien" in words(app)
    assert room("en", "ledger")["lens"] in words(app)


def test_a_word_that_the_model_has_not_is_told_with_others():
    app = opened(PAGE, model="translate-fr", text="The cat sleeps.", token="1", word="chatttt")
    assert "is not one token" in app.error[0].value
