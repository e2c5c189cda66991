"""The field guide over many sentences: means by hand, and the table as a file."""

import csv
import io
import math

import numpy as np
import pytest

from attnlab.core.guide import NAMES, Head, Rule, Sums, write_table
from attnlab.core.trace import Attention, Tokens, Trace


def trace(text, *heads):
    pieces = tuple(text.split())
    n = len(pieces)
    seen = Tokens(pieces, tuple(map(ord, pieces)), (False,) * n, tuple(range(n)), (None,) * n, (0,) * n)
    weights = np.array(heads, np.float32)
    return Trace("hand", "", text, seen, (Attention("encoder", 0, seen, seen, None, None, None, stored=weights),))


def test_a_mean_is_over_the_sentences_that_can_answer():
    """The first sentence repeats nothing, so it says nothing about duplicates; "next" is answered by both, 1/2 and 1."""
    sums = Sums()
    sums.add(trace("a b", [[0.5, 0.5], [0.5, 0.5]], [[1, 0], [1, 0]]))
    sums.add(trace("a a", [[0, 1], [1, 0]], [[1, 0], [0, 1]]))
    first, second = sums.heads()
    assert (sums.sentences, sums.tokens) == (2, 4)
    assert (first.stack, first.layer, first.head, second.head) == ("encoder", 0, 0, 1)
    assert first.measures["duplicate"] == 1
    assert first.measures["next"] == pytest.approx(0.75)
    assert second.measures["next"] == 0
    assert second.measures["self"] == pytest.approx(0.75)
    assert first.measures["entropy"] == pytest.approx(math.log(2) / 2, abs=1e-6)


def test_what_no_sentence_can_answer_is_not_known():
    sums = Sums()
    sums.add(trace("a b", [[0.5, 0.5], [0.5, 0.5]]))
    (head,) = sums.heads()
    assert math.isnan(head.measures["duplicate"])
    assert math.isnan(head.measures["punctuation"])


def test_a_table_has_a_row_a_head_with_its_best_label_or_the_reason_why_none():
    nothing = dict.fromkeys(NAMES, math.nan)
    heads = [Head("encoder", 1, 2, nothing | {"previous": 0.75, "entropy": 1 / 3}), Head("encoder", 1, 3, nothing | {"previous": 0.2})]
    out = io.StringIO()
    write_table(out, heads, sentences=7, more={"previous_low": [0.5, math.nan]})
    named, other = csv.DictReader(io.StringIO(out.getvalue()))
    assert (named["stack"], named["layer"], named["head"], named["sentences"]) == ("encoder", "1", "2", "7")
    assert (named["label"], named["score"], named["threshold"], named["previous"]) == ("previous", "0.75", "0.4", "0.75")
    assert (named["entropy"], named["next"], named["previous_low"]) == ("0.333333", "", "0.5")
    assert "75" in named["reason"]
    assert (other["label"], other["score"], other["threshold"], other["previous_low"]) == ("", "", "", "")
    assert other["reason"] not in ("", named["reason"])


def test_labels_follow_the_rules_that_are_given():
    head = Head("encoder", 0, 0, dict.fromkeys(NAMES, 0.3))
    assert head.labels() == []
    assert [seen.label for seen in head.labels((Rule("self", "self", 0.3),))] == ["self"]
