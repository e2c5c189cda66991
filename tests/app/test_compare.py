"""Compare without a browser: every kind in both languages, the sides of each, links and bad input."""

import json
import re

import pytest

from attnlab.models.load import load
from attnlab.ui.own_models import OWN, SHELF
from tests.app.conftest import opened, words

COMPARE = "look/compare.py"
KINDS = ["texts", "models", "heads", "positions", "training"]


def titles(app):
    """What the two maps are called."""
    sent = [json.loads(each.proto.mixed.json) for each in app.get("bidi_component") if each.proto.component_name == "attnlab_matrix"]
    return [title for each in sent[:2] for title in re.findall(r"[AB] · [^\"]+", json.dumps(each, ensure_ascii=False))[:1]]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_speaks_both_languages(kind, language):
    app = opened(COMPARE, lang=language, **{"with": kind})
    assert not app.exception
    assert not app.error
    assert any("一" <= letter <= "鿿" for letter in words(app)) == (language == "zh")


@pytest.mark.parametrize("model", ["reverse-rotary", "reverse-rotary@untrained", "translate-fr", "sentiment"])
def test_every_model_has_a_before_and_an_after(model):
    text = "a b c d" if model.startswith("reverse") else "The red car is in the garden."
    app = opened(COMPARE, model=model, text=text, **{"with": "training"})
    assert not app.exception
    assert not app.error
    assert app.header[0].value == "Heads by how much training changed them"
    distances = list(app.dataframe[0].value["distance"])
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 0.05


def test_sentiment_does_not_claim_to_have_begun_from_random_weights():
    assert "did not begin there" in words(opened(COMPARE, model="sentiment", **{"with": "training"}))


def test_a_model_of_this_visit_has_a_before_too():
    app = opened(COMPARE, **{"with": "training"})
    mine = type(load("reverse-rotary"))
    trained = load("reverse-rotary")
    own = mine(trained.module, trained.tokenizer, name="my-reverse-rotary", revision="0a1b2c3d")
    app.session_state[OWN] = ["my-reverse-rotary"]
    SHELF.put((app.session_state["visitor"], "my-reverse-rotary"), own)
    app.run()
    app.session_state["text"] = "a b c d"
    app.selectbox(key="model").select("my-reverse-rotary").run()
    assert not app.exception
    assert not app.error
    assert "my-reverse-rotary@untrained" in words(app).replace("\\", "")


def test_model_b_is_chosen_from_the_same_list_as_model_a():
    app = opened(COMPARE, **{"with": "models"})
    assert app.selectbox(key="model_b").options == app.selectbox(key="model").options
    assert app.selectbox(key="model_b").value == "sentiment"


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"text_b": " "}, "There is no text"),
        ({"with": "models", "model_b": "no such model"}, "no such model"),
        ({"text": "word " * 300}, "302"),
        ({"with": "positions", "model": "reverse-none", "text": "a b c"}, "reverse-none"),
    ],
)
def test_bad_input_is_told_on_the_page(choices, said):
    app = opened(COMPARE, **choices)
    assert not app.exception
    assert app.error
    assert said in app.error[0].value.replace("\\", "")


def test_before_stands_on_the_left_unless_the_link_says_swapped():
    usual, swapped = (titles(opened(COMPARE, **{"with": "training"}, **more)) for more in ({}, {"swapped": "true"}))
    assert usual == ["A · encoder L3H1, untrained", "B · encoder L3H1, trained"]
    assert swapped == ["A · encoder L3H1, trained", "B · encoder L3H1, untrained"]


def test_a_second_text_that_is_too_long_is_the_one_that_is_cut():
    app = opened(COMPARE, text="Short.", text_b="word " * 300)
    assert "302" in app.error[0].value
    assert "256" in app.error[0].value
    app.main.button[-1].click().run()
    assert not app.error
    assert app.text_input(key="text").value == "Short."
    assert len(app.text_input(key="text_b").value.split()) == 254
