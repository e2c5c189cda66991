"""Step by step without a browser: every step of every kind of model stands, in both languages, and bad links do no harm."""

import pytest

from attnlab.core.walk.spot import base
from attnlab.models.load import load, names
from attnlab.models.weights import walk_of
from attnlab.words import room
from tests.app.conftest import opened

PAGE = "learn/steps.py"


def test_the_page_shows_a_stage_its_formula_and_the_proof():
    at = opened(PAGE, text="The cat sat on the mat", head="2", stage="6", lang="en")
    assert any("Every query meets every key" in each.value for each in at.markdown)
    assert r"Q K^{\mathsf T}" in at.latex[0].value
    assert "agrees with its own forward pass" in at.success[0].value


def test_both_languages_have_the_same_keys_and_two_sentences_a_stage():
    en, zh = room("en", "steps"), room("zh", "steps")
    assert set(en) == set(zh)
    for key in (key for key in en if key.startswith("say_")):
        assert sum(en[key].count(mark) for mark in (". ", "? ", ": ")) >= 1, key
        assert zh[key].count("。") >= 1, key


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("stack", ["encoder", "decoder", "cross"])
def test_every_step_of_a_translation_model_stands(language, stack):
    found = [name for name in names() if "cross" in load(name).spec.stacks]
    if not found:
        pytest.skip("no translation model is shipped")
    model = load(found[0])
    trace = model.trace("A small house.")
    at = opened(PAGE, model=found[0], text="A small house.", stack=stack, layer="1", lang=language)
    for stage, name in walk_of(model, trace, stack, 1).steps(stack, 0):
        at.session_state["steps place"] = {"stage": stage, "part": base(name)}
        at.run()
        assert not at.exception, (name, [each.message for each in at.exception])
        assert at.latex


@pytest.mark.parametrize(
    "bad", [{"stage": "99"}, {"stage": "x"}, {"part": "nothing"}, {"query": "-1", "key": "999"}, {"drawn": "7", "digits": "-2"}]
)
def test_a_broken_link_shows_what_there_is(bad):
    at = opened(PAGE, text="The cat sat on the mat", **bad)
    assert at.latex
