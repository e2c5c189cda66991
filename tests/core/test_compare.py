"""Aligning two token lists, and what is compared where they align."""

import difflib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attnlab.core.compare import (
    Alignment,
    Side,
    align,
    by_position,
    by_sequence,
    difference,
    head_distances,
    js_distance,
    lay_together,
    rank_heads,
    row_distances,
)
from attnlab.core.trace import Attention, Tokens, Trace

WORDS = st.lists(st.sampled_from("abcd"), max_size=9)


def tokens(text):
    pieces = tuple(text.split())
    n = len(pieces)
    return Tokens(pieces, (0,) * n, (False,) * n, tuple(range(n)), ((0, 0),) * n, (0,) * n)


def test_a_minimal_pair_differs_in_one_word():
    found = align(tokens("it was too tired ."), tokens("it was too wide ."))
    assert found.pairs == ((0, 0), (1, 1), (2, 2), (3, None), (None, 3), (4, 4))
    a, b = ["it", "was", "too", "tired", "."], ["it", "was", "too", "wide", "."]
    assert found.labels(a, b) == ["it", "was", "too", "−tired", "+wide", "."]


def test_an_inserted_word_moves_positions_but_not_the_sequence():
    a, b = tokens("the cat sat"), tokens("the old cat sat")
    assert align(a, b, "sequence").both == ((0, 0), (1, 2), (2, 3))
    assert align(a, b, "position").both == ((0, 0),)
    assert align(a, b, "position").only_b == (1, 2, 3)


@given(WORDS, WORDS)
def test_no_token_is_dropped_and_order_is_kept(a, b):
    for found in (by_position(a, b), by_sequence(a, b)):
        assert [i for i, _ in found.pairs if i is not None] == list(range(len(a)))
        assert [j for _, j in found.pairs if j is not None] == list(range(len(b)))
        assert all(a[i] == b[j] for i, j in found.both)


def longest(a, b):
    if not a or not b:
        return 0
    return max(longest(a[1:], b), longest(a, b[1:])) if a[0] != b[0] else 1 + longest(a[1:], b[1:])


@given(st.lists(st.sampled_from("ab"), max_size=6), st.lists(st.sampled_from("ab"), max_size=6))
def test_a_sequence_alignment_is_the_longest_there_is(a, b):
    assert len(by_sequence(a, b).both) == longest(a, b)


@given(WORDS, WORDS)
def test_it_is_at_least_as_long_as_difflibs(a, b):
    blocks = difflib.SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
    assert len(by_sequence(a, b).both) >= sum(block.size for block in blocks)


def test_a_difference_is_signed_and_unknown_where_tokens_stand_alone():
    a, b = np.array([[0.75, 0.25], [0.5, 0.5]], np.float32), np.array([[0.25, 0.75], [1, 0]], np.float32)
    pairs = Alignment(((0, 0), (1, None), (None, 1)))
    got = difference(a, b, pairs, pairs)
    np.testing.assert_array_equal(got[0], [-0.5, np.nan, np.nan])
    assert np.isnan(got[1:]).all()
    same = Alignment(((0, 0), (1, 1)))
    np.testing.assert_array_equal(difference(a, b, same, same), [[-0.5, 0.5], [0.5, -0.5]])
    np.testing.assert_array_equal(difference(b, a, same, same), [[0.5, -0.5], [-0.5, 0.5]])


def test_js_distance_by_hand():
    """(1, 0) and (1/2, 1/2): the middle (3/4, 1/4) has 0.8113 bits, the two have 0 and 1, so 0.8113 - 1/2 = 0.3113."""
    np.testing.assert_allclose(js_distance(np.array([1.0, 0]), np.array([0.0, 1])), 1)
    np.testing.assert_allclose(js_distance(np.array([0.3, 0.7]), np.array([0.3, 0.7])), 0)
    np.testing.assert_allclose(js_distance(np.array([1.0, 0]), np.array([0.5, 0.5])) ** 2, 0.311278, atol=1e-5)


rows = arrays(np.float64, (3, 4), elements=st.floats(0.01, 1)).map(lambda x: x / x.sum(-1, keepdims=True))


@given(rows)
def test_js_distance_is_a_distance(x):
    def js(i, j):
        return float(js_distance(x[i], x[j]))

    def entropy(p):
        return -(p * np.log2(p)).sum()

    assert js(0, 1) == js(1, 0)
    assert js(0, 2) <= js(0, 1) + js(1, 2) + 1e-6
    other_route = entropy((x[0] + x[1]) / 2) - (entropy(x[0]) + entropy(x[1])) / 2
    np.testing.assert_allclose(js(0, 1) ** 2, max(other_route, 0), atol=1e-6)


def test_weight_on_a_key_that_only_one_side_has_counts_as_change():
    a, b = np.array([[1.0, 0.0]], np.float32), np.array([[0.0, 1.0]], np.float32)
    queries, keys = Alignment(((0, 0),)), Alignment(((0, 0), (1, None), (None, 1)))
    np.testing.assert_allclose(row_distances(a, b, queries, keys), [1])
    np.testing.assert_allclose(row_distances(a, np.array([[1.0, 0.0]], np.float32), queries, keys), [0])


def stored(text, weights):
    return Attention("encoder", 0, tokens(text), tokens(text), None, None, None, stored=np.array(weights, np.float32))


def test_heads_are_compared_one_by_one():
    a = stored("x y", [[[1, 0], [0, 1]], [[1, 0], [0, 1]]])
    b = stored("x y", [[[1, 0], [0, 1]], [[0, 1], [1, 0]]])
    np.testing.assert_allclose(head_distances(a, b), [0, 1])
    assert np.isnan(head_distances(a, stored("p q", [[[1, 0], [0, 1]]] * 2))).all()
    with pytest.raises(ValueError, match="got 2 and 1"):
        head_distances(a, stored("x y", [[[1, 0], [0, 1]]]))


def test_a_sentence_compared_with_itself_changes_nothing(bert):
    first, again = (bert.trace("The cat sat on the mat.").at("encoder", 2) for _ in range(2))
    np.testing.assert_allclose(head_distances(first, again), 0, atol=1e-3)


def test_tired_and_wide_change_where_the_pronoun_looks(bert):
    a, b = (bert.trace(f"The animal didn't cross the street because it was too {word}.") for word in ("tired", "wide"))
    found = align(a.source, b.source)
    assert found.only_a == found.only_b
    assert len(found.both) == len(a.source) - 1
    assert max(head_distances(x, y).max() for x, y in zip(a.attentions, b.attentions, strict=True)) > 0.1


def side(text, weights):
    attention = stored(text, weights)
    return Side(Trace("hand", "", text, attention.queries, (attention,)), attention, 0, text)


def test_two_sides_lie_on_common_axes_and_a_hole_is_not_a_zero():
    """x y and x z share x alone: its cell differs by 3/4 - 1/4, every other cell is one side's own or nobody's."""
    both = lay_together(side("x y", [[[0.25, 0.75], [1, 0]]]), side("x z", [[[0.75, 0.25], [0, 1]]]), "sequence")
    nan = np.nan
    assert both.queries == both.columns == ["x", "−y", "+z"]
    np.testing.assert_allclose(both.spread[0], [[0.25, 0.75, nan], [1, 0, nan], [nan, nan, nan]])
    np.testing.assert_allclose(both.spread[1], [[0.75, nan, 0.25], [nan, nan, nan], [0, nan, 1]])
    np.testing.assert_allclose(both.difference, [[0.5, nan, nan], [nan, nan, nan], [nan, nan, nan]])


def test_heads_are_ranked_by_how_far_they_changed():
    same, turned = [[1, 0], [0, 1]], [[0, 1], [1, 0]]
    both = lay_together(side("x y", [same, same, same]), side("x y", [same, turned, [[1, 0], [1, 0]]]), "sequence")
    assert rank_heads(both, "sequence") == [(0, 1, 1.0), (0, 2, 0.5), (0, 0, 0.0)]
    other = lay_together(side("x y", [same, same]), side("x y", [same]), "sequence")
    assert rank_heads(other, "sequence") == []  # another number of heads


def test_one_head_is_ranked_against_every_head_of_its_trace():
    left = side("x y", [[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0.5, 0.5], [0, 1]]])
    right = Side(left.trace, left.attention, 1, "another head")
    ranked = rank_heads(lay_together(left, right, "sequence"), "sequence", from_left=True)
    assert [(layer, head) for layer, head, _ in ranked] == [(0, 1), (0, 2), (0, 0)]
    assert ranked[-1][2] == 0
