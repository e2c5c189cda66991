"""The whole model in the field guide, without a browser: every measure, stack and language, and why some do not exist."""

import numpy as np
import pytest

from attnlab import load
from attnlab.core.measures import flow, mean_distance, rollout
from attnlab.ui.layers import files, whole
from attnlab.ui.layers.distance import distances
from attnlab.ui.layers.norms import norm_sentence
from attnlab.ui.layers.rollout import means, most_tokens
from attnlab.words import room
from tests.app.conftest import opened, words

PAGE, EN = "look/layers.py", room("en", "measures")


def table(app):
    return app.dataframe[0].value


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(
    ("model", "stack"), [("bert", "encoder"), ("reverse-rotary", "encoder"), ("translate-fr", "decoder"), ("translate-fr", "cross")]
)
@pytest.mark.parametrize("part", whole.PARTS)
def test_every_measure_of_every_stack_is_shown_or_says_why_not(lang, model, stack, part):
    app = opened(
        PAGE, lang=lang, part="whole", whole=part, model=model, stack=stack, text="7 3 1 4" if "reverse" in model else "The cat sat."
    )
    assert not app.error
    missing = stack == "cross" and part != "norm"
    assert [info.value for info in app.info] == ([room(lang, "measures")[f"whole_cross_{part}"]] if missing else [])
    what = {"rollout": "what_rollout", "norm": "what_norm", "distance": "what_layers"}[part]
    assert (room(lang, "measures")[what] in words(app)) is not missing


def test_rollout_and_flow_of_the_pinned_place_are_those_of_the_measures():
    app = opened(PAGE, part="whole", text="Dogs bark.", token="2,0", upto="1")
    weights = [attention.all_weights() for attention in load("bert").trace("Dogs bark.").attentions[:2]]
    np.testing.assert_allclose(table(app)["rollout"], rollout(weights)[2], atol=1e-6)
    np.testing.assert_allclose(table(app)["flow"], flow(weights, 2), atol=1e-6)
    assert "What reaches “bark”" in words(app).replace("\\", "")


def test_without_a_pin_the_last_word_is_asked_about():
    assert "What reaches “bark”" in words(opened(PAGE, part="whole", text="Dogs bark")).replace("\\", "")


@pytest.mark.parametrize(
    "query", [{"token": "99,99"}, {"token": "x", "upto": "77"}, {"whole": "?"}, {"whole": "norm", "layer": "9", "cell": "-1"}]
)
def test_a_bad_link_shows_what_there_is(query):
    assert not opened(PAGE, part="whole", **query).error


def test_above_its_limit_flow_says_both_numbers_and_rollout_stays():
    app = opened(PAGE, part="whole", text="one " * 60)
    assert list(table(app)) == ["token", "rollout"]
    assert app.info[0].value == EN["flow_long"].format(n=62, limit=40, layers=6)
    assert "flow" in table(opened(PAGE, part="whole", text="one " * 60, upto="0"))  # one layer is a smaller network


def test_flow_is_computed_for_fewer_tokens_the_more_layers_there_are():
    assert [most_tokens(layers) for layers in (1, 3, 6, 12)] == [73, 51, 40, 32]


def test_a_text_too_long_to_draw_is_told_in_both_numbers(monkeypatch):
    monkeypatch.setattr(files, "LONG", 10)
    for part in ("rollout", "norm"):
        app = opened(PAGE, part="whole", whole=part)
        assert app.info[0].value == EN["whole_long"].format(n=13, limit=10)


def test_a_model_whose_output_map_is_not_known_shows_its_weights_and_says_so(monkeypatch):
    monkeypatch.setattr("attnlab.models.effects.walks_whole", lambda model: False)
    app = opened(PAGE, part="whole", whole="norm", text="A text for this test alone.")
    assert app.info[0].value == EN["norm_none"].format(model="bert")


def test_the_mean_over_heads_gives_the_rollout_of_all_heads(bert):
    trace = bert.trace("The cat sat on the mat.")
    wanted = rollout([attention.all_weights() for attention in trace.attentions])
    np.testing.assert_allclose(rollout(means(trace, "encoder", 5)), wanted, atol=1e-6)


def test_the_curve_of_distances_is_the_mean_over_heads_by_layer(bert):
    trace = bert.trace("The cat sat on the mat.")
    seen = distances(trace, "encoder")
    assert seen.shape == (6, 12)
    np.testing.assert_allclose(seen.mean(-1), [mean_distance(attention.all_weights()).mean() for attention in trace.attentions], atol=1e-5)


def test_the_key_that_moves_most_is_named_with_both_numbers(bert):
    """[CLS] gets (1 + 1/2)/2 of the weight and sends (1/2 + 0)/2; no other key differs as much."""
    weights, shares = np.array([[1, 0, 0], [0.5, 0.5, 0]], np.float32), np.array([[0.5, 0.25, 0.25], [0, 1, 0]], np.float32)
    line = norm_sentence(weights, shares, bert.tokenize("hi")).replace("\\", "")
    assert "“[CLS]” (place 0) gets 75.0% of the weight and sends 25.0%" in line
    assert norm_sentence(weights, weights, bert.tokenize("hi")) == EN["norm_same"]
