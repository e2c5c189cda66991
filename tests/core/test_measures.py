"""Every measure by hand, and rollout, flow and norm-based weights by another route."""

import math
from dataclasses import replace

import networkx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attnlab import load
from attnlab.core import measures
from attnlab.core.guide import RULES, Rule, sightings
from attnlab.core.measures import ALL, MEASURES, Ask, measured
from attnlab.core.trace import Attention, Tokens


def tokens(*pieces, special=()):
    n = len(pieces)
    names = sorted(set(pieces))
    hidden = tuple(piece in special for piece in pieces)
    return Tokens(pieces, tuple(map(names.index, pieces)), hidden, tuple(range(n)), ((0, 0),) * n, (0,) * n)


def one(*rows):
    return np.array([rows], np.float32)  # one head


EVEN = one([0.5, 0.5], [0.5, 0.5])
SHARP = one([0, 1], [1, 0])
THREE = one([0.2, 0.3, 0.5], [0.6, 0.4, 0], [0.1, 0.8, 0.1])


def test_entropy_of_an_even_row_is_the_logarithm_of_its_length():
    np.testing.assert_allclose(measures.entropy(EVEN), math.log(2), rtol=1e-6)
    np.testing.assert_array_equal(measures.entropy(SHARP), 0)
    np.testing.assert_allclose(measures.entropy(one([0.75, 0.25])), 0.75 * math.log(4 / 3) + 0.25 * math.log(4), rtol=1e-6)


def test_evenness_is_a_share_of_the_most_and_leaves_rows_with_one_key_out():
    np.testing.assert_allclose(measures.evenness(EVEN), 1)
    np.testing.assert_allclose(measures.evenness(one([1, 0, 0], [0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3])), 1, rtol=1e-6)
    np.testing.assert_array_equal(measures.evenness(SHARP), 0)


def test_a_key_that_may_be_seen_counts_for_evenness_though_its_weight_is_0():
    """Row 1: ln 2 of ln 3; row 2: ln 2 of ln 2, its third key being hidden."""
    weights, visible = one([0.5, 0.5, 0], [0.5, 0.5, 0]), np.array([[True, True, True], [True, True, False]])
    np.testing.assert_allclose(measures.evenness(weights, visible), (math.log(2) / math.log(3) + 1) / 2, rtol=1e-6)


def test_weights_that_underflow_are_not_taken_for_masked_ones():
    trace = load("reverse-sinusoidal").trace("a b c d e f g h i j k l")
    weights = trace.at("encoder", 1).weights(7).astype(np.float64)
    assert (weights == 0).any()
    wanted = -(weights * np.log(np.where(weights > 0, weights, 1))).sum(-1).mean() / math.log(12)
    np.testing.assert_allclose(measured(trace.at("encoder", 1))["evenness"][7], wanted, rtol=1e-5)
    np.testing.assert_allclose(wanted, 0.147, atol=5e-4)


def causal_head():
    """Three tokens, a b a, uniform over what each may see: rows 1; 1/2 1/2; 1/3 1/3 1/3."""
    text, zero = tokens("a", "b", "a"), np.zeros((1, 3, 2), np.float32)
    return Attention("decoder", 0, text, text, zero, zero, zero, causal=True)


def test_in_a_causal_stack_nobody_has_a_next_token_and_a_first_copy_has_no_other():
    found = measured(causal_head())
    assert np.isnan(found["next"]).all()
    np.testing.assert_allclose(found["previous"], (1 / 2 + 1 / 3) / 2, rtol=1e-6)
    np.testing.assert_allclose(found["duplicate"], 1 / 3, rtol=1e-6)
    np.testing.assert_allclose(found["evenness"], 1, rtol=1e-6)


def test_visible_keys_are_those_that_mask_causality_and_window_leave():
    head = causal_head()
    np.testing.assert_array_equal(head.visible(), np.tri(3, dtype=bool))
    np.testing.assert_array_equal(replace(head, window=2).visible(), np.tri(3, dtype=bool) & (np.tri(3, k=-2) == 0))
    np.testing.assert_array_equal(replace(head, causal=False).visible(), np.ones((3, 3), bool))
    stored = Attention("encoder", 0, head.queries, head.keys, None, None, None, stored=np.eye(3, dtype=np.float32)[None])
    np.testing.assert_array_equal(stored.visible(), np.eye(3, dtype=bool))


def test_mean_distance_by_hand():
    """Rows: 0.3·1 + 0.5·2 = 1.3, 0.6·1 = 0.6, 0.1·2 + 0.8·1 = 1.0; mean 2.9/3."""
    np.testing.assert_allclose(measures.mean_distance(THREE), 2.9 / 3, rtol=1e-6)
    with pytest.raises(ValueError, match=r"\[h q k\]"):
        measures.mean_distance(THREE[0])


@pytest.mark.parametrize(("step", "wanted"), [(-1, (0.6 + 0.8) / 2), (1, (0.3 + 0) / 2), (0, (0.2 + 0.4 + 0.1) / 3)])
def test_weight_on_neighbours_counts_queries_that_have_one(step, wanted):
    np.testing.assert_allclose(measures.on(THREE, measures.beside(3, step)), wanted, rtol=1e-6)


def test_weight_on_the_first_token_leaves_the_first_query_out():
    np.testing.assert_allclose(measures.on(THREE, measures.first(3, 3)), (0.6 + 0.1) / 2, rtol=1e-6)


def test_weight_on_special_tokens_delimiters_and_punctuation():
    text = tokens("[CLS]", "hi", "!", "[SEP]", special=("[CLS]", "[SEP]"))
    weights = one([0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1], [0.25] * 4, [0, 0, 1, 0])
    ask = Ask(weights, text, text)
    np.testing.assert_allclose(MEASURES["special"].of(ask), (0.5 + 0.5 + 0.5 + 0) / 4, rtol=1e-6)
    np.testing.assert_allclose(MEASURES["delimiter"].of(ask), (0.4 + 0.1 + 0.25 + 0) / 4, rtol=1e-6)
    np.testing.assert_allclose(MEASURES["punctuation"].of(ask), (0.3 + 0.2 + 0.25 + 1) / 4, rtol=1e-6)


@pytest.mark.parametrize(
    ("piece", "wanted"), [(".", True), ("...", True), ("，", True), ("▁,", True), ("Ġ!", True), ("a.", False), ("", False), ("$", True)]
)
def test_punctuation_in_any_script(piece, wanted):
    assert measures.is_punctuation(piece) is wanted


def test_duplicates_and_what_came_after_them():
    """a b a c: the two a see each other; the second a follows the first, which b came after."""
    text = tokens("a", "b", "a", "c")
    np.testing.assert_array_equal(np.argwhere(measures.repeats(text)), [[0, 2], [2, 0]])
    np.testing.assert_array_equal(np.argwhere(measures.after_repeats(text)), [[2, 1]])
    weights = one([0.1, 0.1, 0.7, 0.1], [0.25] * 4, [0.2, 0.6, 0.1, 0.1], [0.25] * 4)
    ask = Ask(weights, text, text)
    np.testing.assert_allclose(MEASURES["duplicate"].of(ask), (0.7 + 0.2) / 2, rtol=1e-6)
    np.testing.assert_allclose(MEASURES["induction"].of(ask), 0.6, rtol=1e-6)


def test_a_token_twice_in_a_row_is_not_its_own_induction():
    assert np.argwhere(measures.after_repeats(tokens("a", "a"))).size == 0


def test_special_tokens_repeat_nothing():
    assert not measures.repeats(tokens("[SEP]", "a", "[SEP]", special=("[SEP]",))).any()


def test_what_a_sentence_cannot_answer_is_nan():
    text = tokens("a", "b")
    assert np.isnan(MEASURES["duplicate"].of(Ask(EVEN, text, text))).all()
    assert np.isnan(measures.on(np.ones((3, 1, 1), np.float32), measures.beside(1, -1))).all()


def test_symmetry_by_hand():
    np.testing.assert_allclose(measures.symmetry(SHARP), 1)
    np.testing.assert_allclose(measures.symmetry(one([0, 1, 0], [0, 0, 1], [1, 0, 0])), 0)
    np.testing.assert_allclose(measures.symmetry(one([0.5, 0.5], [1, 0])), (0.25 + 2 * 0.5) / (0.25 + 0.25 + 1), rtol=1e-6)


def test_symmetry_is_the_symmetric_part_minus_the_other():
    w = THREE[0].astype(np.float64)
    even, odd = (w + w.T) / 2, (w - w.T) / 2
    np.testing.assert_allclose(measures.symmetry(THREE), ((even**2).sum() - (odd**2).sum()) / (w**2).sum(), rtol=1e-6)


def test_effective_rank_counts_independent_rows():
    np.testing.assert_allclose(measures.effective_rank(EVEN), 1, rtol=1e-5)
    np.testing.assert_allclose(measures.effective_rank(np.eye(4, dtype=np.float32)[None]), 4, rtol=1e-6)
    shares = np.array([3, 1]) / 4
    wanted = math.exp(-(shares * np.log(shares)).sum())
    np.testing.assert_allclose(measures.effective_rank(one([0.75, 0], [0, 0.25])), wanted, rtol=1e-6)


def test_confidence_is_the_mean_of_row_maxima():
    np.testing.assert_allclose(measures.confidence(THREE), (0.5 + 0.6 + 0.8) / 3, rtol=1e-6)


maps = st.integers(2, 5).flatmap(lambda n: arrays(np.float64, (3, 2, n, n), elements=st.floats(0.01, 1)))


@given(maps)
def test_every_measure_stays_in_its_range(raw):
    weights = (raw / raw.sum(-1, keepdims=True)).astype(np.float32)[0]
    n = weights.shape[-1]
    text = tokens(*"abacada"[:n])
    most = {"nats": math.log(n), "tokens": n - 1, "share": 1, "rank": n}
    for measure in ALL:
        got = measure.of(Ask(weights, text, text))
        low = 1 if measure.unit == "rank" else 0
        assert got.shape == (2,)
        assert (np.isnan(got) | ((got >= low - 1e-5) & (got <= most[measure.unit] + 1e-5))).all(), measure.name


# A whole model


def test_rollout_by_hand():
    """One layer: half the weights, half the identity. Two layers: the second times the first."""
    np.testing.assert_allclose(measures.rollout([SHARP]), [[0.5, 0.5], [0.5, 0.5]])
    np.testing.assert_allclose(measures.rollout([one([1, 0], [1, 0])] * 2), [[1, 0], [0.75, 0.25]])


@given(maps)
def test_rollout_is_what_torch_makes_of_the_papers_recursion(raw):
    """Written again from the paper's equation 1, in torch: add I, normalise, multiply from the last layer down."""
    layers = [(x / x.sum(-1, keepdims=True)).astype(np.float32) for x in raw]
    product = torch.eye(raw.shape[-1], dtype=torch.float64)
    for layer in reversed(layers):
        a = torch.tensor(layer, dtype=torch.float64).mean(0) + torch.eye(raw.shape[-1])
        product = product @ torch.nn.functional.normalize(a, p=1, dim=-1)
    np.testing.assert_allclose(measures.rollout(layers), product, atol=1e-6)
    np.testing.assert_allclose(measures.rollout(layers).sum(-1), 1, atol=1e-6)


def test_flow_by_hand():
    """Two layers of [[1,0],[1,0]] with half identity: from place 1, pipes 0.5 to 0 and 0.5 to itself, then 1 to 0, or 0.5 and 0.5."""
    layer = one([1, 0], [1, 0])
    np.testing.assert_allclose(measures.flow([layer, layer], 1), [1.0, 0.5])
    np.testing.assert_allclose(measures.flow([layer, layer], 0), [1, 0])


@given(maps)
def test_flow_is_networkx_maximum_flow(raw):
    layers = [(x / x.sum(-1, keepdims=True)).astype(np.float32) for x in raw]
    n = raw.shape[-1]
    graph = networkx.DiGraph()
    for depth, layer in enumerate(layers, 1):
        mixed = layer.mean(0).astype(np.float64) / 2 + np.eye(n) / 2
        for i in range(n):
            for j in range(n):
                graph.add_edge((depth, i), (depth - 1, j), capacity=mixed[i, j])
    wanted = [networkx.maximum_flow_value(graph, (len(layers), n - 1), (0, j)) for j in range(n)]
    np.testing.assert_allclose(measures.flow(layers, n - 1), wanted, atol=1e-6)


def test_flow_is_what_the_narrowest_pipes_let_through():
    """From place 0, half to itself and half to 1. Both go on to 2, through pipes of 0.2 and of 0.5: 0.7 arrives, where rollout has
    0.5·0.2 + 0.5·0.5 = 0.35 of it."""
    lower = one([0.6, 0, 0.4], [0, 0, 1], [0, 0, 1])  # half of it with half the identity: 0.8, 0.2 | 0.5, 0.5 | 1
    upper = one([0, 1, 0], [0, 1, 0], [0, 0, 1])
    np.testing.assert_allclose(measures.flow([lower, upper], 0), [0.5, 0.5, 0.7], atol=1e-6)
    np.testing.assert_allclose(measures.rollout([lower, upper])[0], [0.4, 0.25, 0.35], atol=1e-6)


@given(maps)
def test_flow_is_never_below_rollout_which_is_one_way_through_the_pipes(raw):
    layers = [(x / x.sum(-1, keepdims=True)).astype(np.float32) for x in raw]
    most, passed = measures.flow(layers, 0), measures.rollout(layers)[0]
    assert (most >= passed - 1e-6).all()
    assert (most <= 1 + 1e-6).all()


def test_norm_weights_by_hand():
    """v·W_O = (3, 4) and (0, 1): lengths 5 and 1."""
    v, w_o = np.array([[[3.0, 4.0], [0.0, 1.0]]], np.float32), np.eye(2, dtype=np.float32)[None]
    np.testing.assert_allclose(measures.norm_weights(one([0.2, 0.8]), v, w_o), one([1.0, 0.8]))


def test_norm_weights_are_lengths_of_what_torch_multiplies_out():
    rng = np.random.default_rng(0)
    weights, v, w_o = (rng.random(shape).astype(np.float32) for shape in ((2, 3, 4), (2, 4, 5), (2, 5, 6)))
    moved = torch.einsum("hqk,hkd,hdm->hqkm", *(torch.from_numpy(x) for x in (weights, v, w_o)))
    np.testing.assert_allclose(measures.norm_weights(weights, v, w_o), moved.norm(dim=-1), rtol=1e-5)


# Labels


def test_a_head_is_named_by_what_it_exceeds_most():
    seen = sightings({"previous": 0.95, "self": 0.41, "first": 0.1, "duplicate": math.nan})
    assert [(s.label, s.score, s.threshold) for s in seen] == [("previous", 0.95, 0.4), ("self", 0.41, 0.4)]


def test_nothing_fits_is_an_empty_list_and_thresholds_are_inclusive():
    assert sightings(dict.fromkeys((rule.measure for rule in RULES), 0.0)) == []
    assert sightings({"next": 0.3}, [Rule("next", "next", 0.3)])[0].label == "next"


def test_every_rule_asks_a_measure_that_exists():
    assert {rule.measure for rule in RULES} <= set(MEASURES)


def test_cross_attention_has_no_measures_that_compare_a_text_with_itself():
    a, b = tokens("x", "y"), tokens("u", "v", "w")
    cross = Attention("cross", 0, a, b, None, None, None, stored=np.full((2, 2, 3), 1 / 3, np.float32))
    got = measured(cross)
    assert set(got) == set(MEASURES)
    assert all(np.isnan(got[m.name]).all() for m in ALL if m.own)
    assert not any(np.isnan(got[name]).any() for name in ("entropy", "evenness", "first", "rank", "confidence"))
    np.testing.assert_allclose(got["rank"], 1, rtol=1e-4)


def test_the_shipped_berts_measures_are_those_of_its_weights(bert):
    trace = bert.trace("The cat sat on the mat because it was tired.")
    for attention in trace.attentions:
        got = measured(attention)
        weights = attention.all_weights().astype(np.float64)
        np.testing.assert_allclose(got["self"], [np.diag(w).mean() for w in weights], atol=1e-6)
        np.testing.assert_allclose(got["previous"], [np.diag(w, -1).mean() for w in weights], atol=1e-6)
        np.testing.assert_allclose(got["next"], [np.diag(w, 1).mean() for w in weights], atol=1e-6)
        np.testing.assert_allclose(got["first"], weights[:, 1:, 0].mean(-1), atol=1e-6)
        np.testing.assert_allclose(got["special"], weights[:, :, [0, -1]].sum(-1).mean(-1), atol=1e-6)
        the = [i for i, piece in enumerate(trace.source.pieces) if piece == "the"]
        np.testing.assert_allclose(got["duplicate"], (weights[:, the[0], the[1]] + weights[:, the[1], the[0]]) / 2, atol=1e-6)
        np.testing.assert_allclose(got["induction"], weights[:, the[1], the[0] + 1], atol=1e-6)
