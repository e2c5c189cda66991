"""The Translate page without a browser: both languages, every view, good links and bad ones, forced words."""

import json

import pytest
import torch

from attnlab.models import load
from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.training.tokenizer import train_tokenizer
from attnlab.words import room
from tests.app.conftest import opened, words

PAGE, SENTIMENT = "build/translate.py", "build/sentiment.py"
TEXTS = ["the cat sat on the mat because it was tired .", "le chat dort sur le tapis .", "the food was great but slow ."] * 3
SMALL = {"n_heads": 2, "d_model": 16, "d_ff": 16}


@pytest.fixture(autouse=True, scope="module")
def models(tmp_path_factory):
    """Small untrained models under the shipped names, so that these tests need no shipped weights."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    tokenizer = train_tokenizer(TEXTS, vocab=80)
    vocab = tokenizer.get_vocab_size()
    translator = Transformer(Config("translate", vocab=vocab, encoder_layers=2, decoder_layers=2, max_tokens=64, **SMALL))
    judge = Transformer(Config("classify", vocab=vocab, classes=2, encoder_layers=1, decoder_layers=0, max_tokens=64, **SMALL))
    InHouse(translator, tokenizer).save(folder / "translate-fr")
    InHouse(judge, tokenizer, labels=("negative", "positive")).save(folder / "sentiment")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "MODELS", folder)
        yield


def component(app, name):
    """What the page sends to a canvas component: everything but its numbers."""
    found = [json.loads(each.proto.mixed.json) for each in app.get("bidi_component") if each.proto.component_name.endswith(name)]
    return found[0]["meta"] if found else None


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("view", ["steps", "whole", "scores"])
def test_every_view_speaks_both_languages(view, language):
    app = opened(PAGE, lang=language, view=view)
    assert not app.exception
    assert [each.value for each in app.error] == []
    assert any("一" <= letter <= "鿿" for letter in words(app)) == (language == "zh")


@pytest.mark.parametrize(
    "query",
    [
        {"search": "magic", "beam": "99", "penalty": "nan", "cross": "9-9", "at": "x"},
        {"forced": "1-2-3"},
        {"forced": "999999"},
        {"forced": "a-b"},
        {"view": "attic", "row": "sideways"},
        {"text": "![x](http://evil.example) $\\frac$ \u202e"},
        {"view": "whole", "picture": "joint", "cross": "1-mean"},
        {"view": "scores", "reference": "le chat dort"},
        {"search": "greedy"},
    ],
)
def test_no_link_breaks_the_page(query):
    app = opened(PAGE, lang="en", **query)
    assert not app.exception
    assert [each.value for each in app.error] == []


def test_a_translator_that_does_not_exist_gives_way_to_one_that_does():
    app = opened(PAGE, lang="en", translator="nobody")
    assert not app.exception
    assert app.selectbox(key="translator").value == "translate-fr"


@pytest.mark.parametrize(("text", "said"), [("", "There is no text"), ("tired " * 200, "at most 64")])
def test_a_sentence_that_cannot_be_read_is_said_in_words(text, said):
    app = opened(PAGE, lang="en")
    app.text_input(key="text").set_value(text).run()
    assert not app.exception
    assert said in app.error[0].value


def test_forcing_a_word_goes_on_from_there():
    model = load.load("translate-fr")
    begun = model.target_ids("le chat")
    app = opened(PAGE, lang="en", forced="-".join(map(str, begun)))
    assert "begins as you said" in words(app)
    shown = "".join(md for md in (each.value for each in app.markdown) if md.startswith("## "))
    assert shown.startswith("## le chat")
    app.text_input(key="text").set_value("the mat .").run()
    assert "begins as you said" not in words(app)  # another sentence, another translation


def test_greedy_has_one_branch_and_a_beam_as_many_as_it_is_wide():
    model = load.load("translate-fr")
    greedy, beam = (model.decode("the cat sat .", beam=width) for width in (1, 3))
    assert max(len(step.alive) for step in greedy.steps) == 1
    assert max(len(step.alive) for step in beam.steps) == 3


def test_taking_a_word_out_of_a_review_changes_the_answer_as_the_model_says():
    app = opened(SENTIMENT, lang="en", review="the food was great")
    app.session_state["removed words"] = {"off": [3]}
    app.run()
    model = load.load("sentiment")
    before, after = (model.trace(text).outputs["probabilities"] for text in ("the food was great", "the food was"))
    best = int(before.argmax())
    said = next(each.value for each in app.markdown if each.value.startswith("Without"))
    assert f"{100 * before[best]:.1f}%" in said
    assert f"{100 * after[best]:.1f}%" in said


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_classifier_has_a_page_of_its_own_and_its_old_address_leads_there(language):
    for app in (
        opened(SENTIMENT, lang=language, review="<b>good</b>"),
        opened(PAGE, lang=language, view="sentiment", review="<b>good</b>"),
    ):
        assert app.title[0].value == room(language, "sentiment")["title"]
        assert app.text_input(key="review").value == "<b>good</b>"
        assert not app.error
