"""What a picture shows in one sentence: computed, with special tokens named; numbers and percentages written in one way."""

import json
import re

import numpy as np
import pytest

from attnlab.core.translation import likeliest
from attnlab.figures.picture import Series
from attnlab.ui.language import number, percent, signed
from attnlab.ui.summary import chart_sentence, map_sentence
from tests.app.conftest import opened, words


def test_the_strongest_cell_is_named_and_what_special_tokens_take():
    weights = np.array([[0.75, 0.25], [0.5, 0.5]], np.float32)
    said = map_sentence(weights, ["it", "sat"], ["[CLS]", "cat"], name="weight", share=True, special=[True, False])
    assert said == "weight: strongest 75.0% (it → [CLS]). Special tokens ([CLS]) take 62.5% of all attention."
    signed = map_sentence(np.array([[0.5, -2.0]], np.float32), ["L0"], ["H0", "H1"], name="change", axes=("layer", "head"))
    assert signed == "change: strongest −2 (L0H1), weakest 0.5000 (L0H0)."
    assert map_sentence(np.full((1, 1), np.nan), ["a"], ["b"], name="weight") == "There is no number to show."


def test_an_arrow_leads_from_a_query_to_a_key_and_nowhere_else():
    values = np.array([[0.5, 2.0], [1.0, 3.0]], np.float32)
    said = map_sentence(values, ["0", "1"], ["4", "5"], name="value", axes=("position", "dimension"))
    assert said == "value: strongest 3 (position 1, dimension 5), weakest 0.5000 (position 0, dimension 4)."
    assert map_sentence(values[:1], ["cost"], ["it", "."], name="cost") == "cost: strongest 2 (.), weakest 0.5000 (it)."


def test_curves_are_told_by_their_highest_and_lowest_point():
    line = Series("loss", np.array([1.0, 2.0]), np.array([3.0, 0.25]))
    assert chart_sentence([line], ("step", "nats")) == "nats: highest 3 (loss, step 1), lowest 0.2500 (loss, step 2)."
    assert chart_sentence([Series("a", np.array([0.0]), np.array([np.nan]))], ("x", "y")) == "There is no number to show."


@pytest.mark.parametrize(
    ("value", "said"), [(0.0, "0"), (-0.0, "0"), (-0.25, "−0.2500"), (1e-7, "1.0e−07"), (12345.6, "12,346"), (float("nan"), "–")]
)
def test_a_number_is_written_in_one_way(value, said):
    assert number(value) == said
    assert percent(-0.0001) == "0.0%"


NUMBERS = (
    ("learn/positions.py", {"part": "scores"}),
    ("build/sentiment.py", {}),
    ("build/fill.py", {"view": "changes"}),
    ("change/ledger.py", {}),
)


@pytest.mark.parametrize(("page", "link"), NUMBERS)
def test_no_page_writes_a_negative_zero_a_percentage_in_two_ways_or_a_head_with_an_arrow(page, link):
    app = opened(page, lang="en", **link)
    sent = [each.proto.json or each.proto.mixed.json or "null" for each in app.get("bidi_component")]
    drawn = [json.dumps(json.loads(each), ensure_ascii=False) for each in sent]
    said = "\n".join([words(app).replace("\\", ""), *drawn])
    assert not re.search(r"(?<![\w.])[−-]0(\.0+)?(?![\d.e])", said)
    assert not re.search(r"\d[ \u00a0]%", said)
    assert not re.search(r"L\d+ → H\d+", said)


def test_a_change_has_its_sign_and_nothing_has_a_negative_zero():
    assert [signed(x) for x in (0.25, -0.25, -0.00001, 0.0, float("nan"))] == ["+0.2500", "−0.2500", "0.0000", "0.0000", "–"]
    assert signed(-12.34, 1) == "−12.3"


def test_what_could_come_next_adds_up_to_one_and_has_the_chosen_token_in_it():
    logits = np.log(np.array([0.5, 0.25, 0.125, 0.0625, 0.0625]))
    found = likeliest(logits, chosen=4, most=2, never=(0,))
    assert found.ids == (1, 4)
    assert sum(found.probabilities) + found.rest[1] == pytest.approx(1)
    assert found.rest == (3, pytest.approx(0.6875))
