"""Where one stands on the walk: a place worth standing at, the step that is shown there, and where a number leads back to."""

import numpy as np
import pytest

from attnlab import load
from attnlab.core.walk.place import Jump, Place, follow, start_place, step_of
from attnlab.core.walk.spot import Spot
from attnlab.models.weights import walk_of

STEPS = ((5, "encoder.q.0"), (5, "encoder.k.0"), (6, "encoder.products.0"), (9, "encoder.weights.0"))


@pytest.fixture(scope="module")
def reverse():
    model = load("reverse-sinusoidal")
    return model, model.trace("c a b")


def test_the_step_shown_is_the_part_asked_for_else_the_first_of_its_stage_else_the_nearest_stage():
    assert step_of(STEPS, Place(stage=5, part="k")) == (5, "encoder.k.0")
    assert step_of(STEPS, Place(stage=5, part="weights")) == (5, "encoder.q.0")
    assert step_of(STEPS, Place(stage=5)) == (5, "encoder.q.0")
    assert step_of(STEPS, Place(stage=1)) == (5, "encoder.q.0")
    assert step_of(STEPS, Place(stage=14)) == (9, "encoder.weights.0")
    assert step_of(STEPS, Place(stage=7)) == (6, "encoder.products.0")


@pytest.mark.parametrize(("columns", "wanted"), [
    ("key", 4), ("head", 2), ("model", 13), ("embed", 3), ("joined", 3 * 8 + 2), ("wide", 60), ("id", 0),
])  # fmt: skip
def test_a_pinned_cell_lies_in_the_column_that_its_matrix_has(columns, wanted):
    place = Place(query=1, key=4, dim=2, column=13, unit=60)
    spot = Spot("x", "given", np.zeros, (), "query", columns)
    assert place.cell(spot, head=3, d_head=8, width=10) == (1, wanted)
    assert place.cell(Spot("x", "given", np.zeros, (), "key", columns), head=3, d_head=8, width=10) == (4, wanted)


def test_one_begins_at_the_last_word_where_it_looks_and_at_the_terms_that_matter_there(reverse):
    model, trace = reverse
    walk, attention = walk_of(model, trace, "encoder", 1), trace.at("encoder", 1)
    place = start_place(walk, attention, 2)
    q, k = attention.q[2, 2], attention.k[2]
    assert (place.stage, place.query) == (1, 2)
    assert place.key == int((k @ q).argmax())
    assert place.dim == int(np.abs(q * k[place.key]).argmax())
    weights = walk.spots["encoder.q.2"].facts["weight"][:, place.dim]  # [d_model]
    assert place.column == int(np.abs(walk.values("encoder.read")[2] * weights).argmax())
    unit = walk.values("active")[2] * walk.spots["narrow"].facts["weight"][:, place.column]
    assert place.unit == int(np.abs(unit).argmax())


def test_one_begins_at_a_cell_that_was_asked_for(reverse):
    model, trace = reverse
    place = start_place(walk_of(model, trace, "encoder", 0), trace.at("encoder", 0), 0, (1, 0))
    assert (place.query, place.key) == (1, 0)


def test_special_tokens_and_signs_are_no_words_to_begin_at(bert):
    trace = bert.trace("Yes, really!")
    place = start_place(walk_of(bert, trace, "encoder", 0), trace.at("encoder", 0), 0)
    assert trace.source.pieces[place.query] == "really"


def test_a_number_leads_to_the_step_that_makes_it(reverse):
    model, trace = reverse
    walk = walk_of(model, trace, "encoder", 1)
    assert follow(walk, "encoder", 1, 0, 8, "encoder.products.3", 2, 1) == Jump(
        "encoder", 1, 3, {"query": 2, "key": 1, "stage": 6, "part": "products"}
    )
    assert follow(walk, "encoder", 1, 5, 8, "encoder.joined", 0, 27).head == 3  # the 28th column of heads of 8 is head 3's
    assert follow(walk, "encoder", 1, 5, 8, "encoder.joined", 0, 27).changes["dim"] == 3
    assert follow(walk, "encoder", 1, 5, 8, "encoder.k.5", 2, 7).changes == {"key": 2, "dim": 7, "stage": 5, "part": "k"}
    assert follow(walk, "encoder", 1, 0, 8, "wide", 1, 200).changes == {"query": 1, "unit": 200, "stage": 13, "part": "wide"}


def test_what_a_layer_reads_leads_to_the_output_of_the_layer_below(reverse):
    model, trace = reverse
    jump = follow(walk_of(model, trace, "encoder", 1), "encoder", 1, 4, 8, "x", 1, 30)
    assert jump == Jump("encoder", 0, 4, {"query": 1, "column": 30, "stage": 14, "part": "output"})


def test_the_keys_of_a_translation_lead_into_the_source():
    model = load("translate-fr")
    trace = model.trace("the cat sleeps .", target="le chat dort .")
    walk = walk_of(model, trace, "decoder", 0)
    read = next(name for name, spot in walk.spots.items() if spot.source is not None and spot.source[0] == "encoder")
    jump = follow(walk, "decoder", 0, 0, trace.at("decoder", 0).d_head, read, 1, 5)
    assert (jump.stack, jump.layer) == ("encoder", len(trace.layers("encoder")) - 1)
