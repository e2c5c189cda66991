"""What a class answered, as figures and as one file."""

import io
import json
import zipfile

import numpy as np
import pytest

from attnlab.figures import Words
from attnlab.lessons.results import class_map, figure_of, results_file

WORDS = ["the", "cat"]
ROWS = [[0.25, 0.75], None]
MAP = [[0.5, 0.5], [0.0, 1.0]]
HEAD = {"n": 3, "rows": ROWS, "map": MAP, "nearest": [{"layer": 3, "head": 1, "distance": 0.2}]}


def question(kind, tallies, answer=None, **asked):
    asked = {"kind": kind, "question": "Where?", "queries": WORDS, "labels": WORDS} | asked
    return {"step": 1, "question": 0, "title": "T", "asked": asked, "answer": answer or {}, "tallies": tallies}


def rows_of(picture):
    return [np.round(panel.values.astype(float), 2).tolist() for panel in picture.numbers.panels]


def test_the_class_as_a_head_is_its_map_the_heads_and_their_difference():
    picture = class_map(question("head", [HEAD])["asked"], HEAD, words=Words())
    mine, theirs, gap = (np.array(rows, float) for rows in rows_of(picture))
    np.testing.assert_array_equal(mine, [[0.25, 0.75], [np.nan, np.nan]])
    np.testing.assert_array_equal(theirs, MAP)
    np.testing.assert_array_equal(gap, [[-0.25, 0.25], [np.nan, np.nan]])
    assert "L3H1" in picture.numbers.title


@pytest.mark.parametrize(
    ("made", "rows"),
    [
        (question("word", [{"n": 4, "counts": [1, 3]}], {"best": 1, "row": [0.1, 0.9]}), [[0.25, 0.75], [0.1, 0.9]]),
        (question("choice", [{"n": 2, "counts": [2, 0]}] * 2, {"best": 1}, options=["x", "y"]), [[1, 0], [1, 0], [0, 1]]),
        (question("number", [{"n": 1, "counts": [0, 1]}], {"value": 1.0}, low=0.0, high=1.0), [[0, 1], [0, 1]]),
        (question("row", [{"n": 1, "row": [0.5, 0.5]}], {"best": 0, "row": [0.9, 0.1]}), [[0.5, 0.5], [0.9, 0.1]]),
        (question("cell", [{"n": 2, "cells": [[0, 1, 2]]}], {"best": [0, 1]}), [[0, 1], [0, 0]]),
    ],
)
def test_votes_stand_as_shares_above_the_model(made, rows):
    assert rows_of(figure_of(made, "en")) == [rows]


def test_a_vote_of_nobody_and_what_is_no_row_have_no_numbers():
    (rows,) = rows_of(figure_of(question("row", [{"n": 0, "row": None}], {"best": 0, "row": [0.9, 0.1]}), "zh"))
    assert np.isnan(rows[0]).all()
    assert figure_of(question("order", [{"n": 1, "orders": []}], {"order": [0, 1]}), "en") is None
    assert figure_of(question("head", [{"n": 0, "rows": [None, None], "nearest": []}]), "en") is None


def test_tallies_and_figures_are_one_file_with_the_same_bytes():
    results = {"lesson": "l", "title": "L", "questions": [question("head", [HEAD])]}
    made = results_file(results, "zh")
    zipped = zipfile.ZipFile(io.BytesIO(made))
    assert zipped.namelist() == ["results.json", "step-2.svg", "step-2.pdf", "step-2.csv"]
    assert json.loads(zipped.read("results.json")) == results
    assert made == results_file(results, "zh")
