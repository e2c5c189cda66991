"""The walk and the decoder as widgets: where one stands, what a click does, what is taken apart."""

import json
from dataclasses import replace

import numpy as np
import pytest

import attnlab
from attnlab import widgets
from attnlab.figures.picture import Picture
from attnlab.figures.walks import Parcel
from tests.widgets.test_heads import click


@pytest.fixture(scope="module")
def walked():
    return attnlab.load("reverse-sinusoidal").trace("a b c d")


@pytest.fixture(scope="module")
def translated():
    return attnlab.load("translate-fr").trace("The cat sleeps.")


def test_a_walk_begins_where_it_is_asked_to(walked):
    widget = widgets.steps(walked, "encoder", 1, 2, query=1, key=3)
    assert (widget.cell, widget.layer, widget.head, widget.stage) == ((1, 3), 1, 2, 1)
    place = widget._views[0]["meta"]["place"]
    assert (place["query"], place["key"]) == (1, 3)
    assert isinstance(widget.figure(), Picture)
    assert "/steps?" in widget.link()


def test_a_move_of_the_player_is_followed_and_its_number_taken_apart(walked):
    widget, heard = widgets.steps(walked, head=1, query=1, key=2), []
    widget.observe(lambda change: heard.append(change["new"]), "stage")
    click(widget, "go", {"seq": 7, "stage": 6, "part": "products"})
    assert (widget.stage, heard) == (6, [6])
    table = widget._views[1]
    exact = np.frombuffer(table["terms"]["bytes"], table["terms"]["kind"])
    start, _ = table["meta"]["apart"]["value"]
    attention = walked.attentions[0]
    assert exact[start] == pytest.approx(attention.products(1)[1, 2], abs=1e-5)
    click(widget, "go", {"seq": 8, "key": 0})
    assert (widget.cell, heard) == ((1, 0), [6])
    assert widget._views[0]["meta"]["seq"] == 8


def test_following_a_number_goes_to_where_it_was_made(walked):
    widget = widgets.steps(walked, layer=1, head=1, stage=6)
    assert widget._views[1]["meta"]["apart"]["from"][0][0] == "encoder.q.1"
    click(widget, "follow", {"seq": 9, "spot": "encoder.q.1", "row": 0, "column": 3})
    assert (widget.stage, widget.place.part, widget.cell[0]) == (5, "q", 0)
    click(widget, "follow", {"seq": 10, "spot": "x", "row": 0, "column": 3})
    assert (widget.layer, widget.stage) == (0, 14)


def test_python_sets_where_one_stands(walked):
    widget = widgets.steps(walked, query=0, key=0)
    widget.cell = (3, 1)
    widget.head = 4
    widget.stage = 9
    assert (widget.place.query, widget.place.key, widget._views[0]["meta"]["head"], widget.place.stage) == (3, 1, 4, 9)
    with pytest.raises(IndexError, match="query 9 does not exist; there are tokens 0 to 3"):
        widgets.steps(walked, query=9)
    with pytest.raises(IndexError, match="head 9 does not exist"):
        widgets.steps(walked, head=9)


def test_a_walk_that_is_kept_holds_the_step_on_screen_and_its_neighbours():
    seen = attnlab.load("bert").trace("The cat sat on the mat")
    widget = widgets.steps(seen, layer=2, head=5, stage=6)
    kept = set(widget._views[0]["meta"]["pictures"])
    assert {"products", "scaled", "v"} <= kept
    assert "narrow" not in kept
    widget.stage = 9
    assert {"exponentials", "weights"} <= set(widget._views[0]["meta"]["pictures"])


def test_a_walk_through_a_model_in_memory_needs_it(walked):
    alone = replace(walked, revision="memory")
    with pytest.raises(ValueError, match="give it as model="):
        widgets.steps(alone)
    assert widgets.steps(alone, model=attnlab.load("reverse-sinusoidal")).stage == 1


def test_a_list_of_numbers_is_sent_once():
    parcel = Parcel()
    assert parcel.exact([0, 1, 2]) == parcel.exact([0, 1, 2]) == [0, 3]
    assert parcel.exact([3]) == [3, 1]
    assert parcel.arrays()["terms"].tolist() == [0, 1, 2, 3]


def test_a_decoder_shows_each_step_with_its_candidates(translated):
    widget = widgets.decoder(translated)
    meta = widget._views[0]["meta"]
    assert len(meta["steps"]) == len(meta["written"]) == len(widget.written)
    first = meta["steps"][0]
    logits = translated.outputs["logits"][0].astype(np.float64)
    share = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    assert first["candidates"][first["chosen"]]["p"] == pytest.approx(share[translated.target.ids[1]], rel=1e-6)
    listed = first["next"]
    assert sum(each["p"] for each in listed["listed"]) + listed["rest"]["p"] == pytest.approx(1)
    click(widget, "step", 1)
    assert (widget.step, widget.cell[0]) == (1, 1)
    assert isinstance(widget.figure(), Picture)
    assert "/translate?" in widget.link()


def test_a_clicked_candidate_is_written_instead(translated):
    widget = widgets.decoder(translated, layer=0)
    before = widget._views[0]["meta"]["written"]
    other = next(i for i, each in enumerate(widget.candidates(0)["candidates"]) if not each["kept"])
    token = widget.candidates(0)["candidates"][other]["token"]
    click(widget, "force", {"step": 0, "token": widget.candidates(0)["candidates"][other]["id"]})
    assert widget._views[0]["meta"]["written"][0] == token != before[0]


def test_a_text_that_nobody_wrote_has_no_decoder(walked, translated):
    with pytest.raises(ValueError, match="nothing that was written"):
        widgets.decoder(walked)
    with pytest.raises(IndexError):
        widgets.decoder(translated, layer=0, head=99)


def test_what_is_sent_of_a_text_that_was_written_is_json_and_bytes(translated):
    sent = widgets.decoder(translated)._views
    assert json.loads(json.dumps(sent, default=lambda each: len(each) if isinstance(each, bytes) else None))[0]["values"]["bytes"] > 0
