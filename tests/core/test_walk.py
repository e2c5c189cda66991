"""The arithmetic of a layer, one operation at a time: each equal to torch's own, and every number equal to the sum of its terms."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from attnlab.core.trace import MaskedRowError
from attnlab.core.walk import apart as apart_of
from attnlab.core.walk import arithmetic

RNG = np.random.default_rng(4)


def random(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def test_a_projection_is_one_row_times_one_column_plus_bias():
    x, weight, bias = np.float32([[1, 2]]), np.float32([[3, 0], [4, 1]]), np.float32([10, -1])
    assert arithmetic.project(x, weight, bias).tolist() == [[21, 1]]


def test_products_are_every_query_row_times_every_key_row():
    q, k = np.float32([[1, 0], [0, 2]]), np.float32([[3, 4], [5, 6], [7, 8]])
    assert arithmetic.products(q, k).tolist() == [[3, 5, 7], [8, 12, 16]]


def test_exponentials_and_quotients_are_softmax():
    scores = np.float32([[math.log(3), 0]])
    powers = arithmetic.exponentials(scores)
    np.testing.assert_allclose(powers, [[1, 1 / 3]], rtol=1e-7)
    np.testing.assert_allclose(arithmetic.quotients(powers), [[0.75, 0.25]], rtol=1e-7)


def test_a_temperature_divides_the_scores():
    scores = random(3, 5)
    np.testing.assert_array_equal(arithmetic.exponentials(scores, temperature=2.0), arithmetic.exponentials(scores / np.float32(2)))


def test_a_sink_takes_weight_from_every_key():
    scores = random(2, 3)
    ours = arithmetic.quotients(arithmetic.exponentials(scores), arithmetic.sinks(scores, 0.5))
    whole = np.concatenate([scores, np.full((2, 1), 0.5, np.float32)], 1)
    np.testing.assert_allclose(ours, torch.from_numpy(whole).softmax(-1)[:, :3], rtol=1e-6)


def test_a_row_without_keys_is_an_error_and_not_nan():
    with pytest.raises(MaskedRowError, match="row 1"):
        arithmetic.exponentials(np.float32([[0, 1], [-np.inf, -np.inf]]))


def test_layer_norm_is_torchs():
    x, gain, shift = random(4, 7), random(7), random(7)
    theirs = F.layer_norm(torch.from_numpy(x), (7,), torch.from_numpy(gain), torch.from_numpy(shift), 1e-5)
    np.testing.assert_allclose(arithmetic.layer_norm(x, gain, shift, 1e-5), theirs, atol=2e-6)


@pytest.mark.parametrize(
    ("kind", "theirs"), [("relu", F.relu), ("gelu", F.gelu), ("gelu_new", lambda x: F.gelu(x, approximate="tanh")), ("silu", F.silu)]
)
def test_activations_are_torchs(kind, theirs):
    x = 4 * random(5, 6)
    np.testing.assert_allclose(arithmetic.activate(x, kind), theirs(torch.from_numpy(x)), atol=1e-6)


def test_a_quarter_turn_swaps_a_pair():
    turned = arithmetic.turn(np.float32([[1, 0, 5, 6]]), np.array([[math.pi / 2, 0.0]]))
    np.testing.assert_allclose(turned, [[0, 1, 5, 6]], atol=1e-7)


def test_a_cap_is_never_passed():
    assert np.abs(arithmetic.cap(np.float32([[1000, -1000, 0]]), 5.0)).max() <= 5


@given(st.integers(1, 300), st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_the_terms_of_a_product_sum_to_the_number_itself(n, seed, size):
    rng = np.random.default_rng(seed)
    left, right, bias = (rng.normal(size=shape).astype(np.float32) * np.float32(size) for shape in ((1, n), (n, 1), (1,)))
    value = float(arithmetic.project(left, right, bias)[0, 0])
    apart = apart_of.dot_terms(left[0], right[:, 0], value, kind="project", axis="model", bias=float(bias[0]))
    assert apart.total == value
    assert len(apart.product) == n + 1


def test_the_largest_terms_keep_their_order():
    apart = apart_of.dot_terms(np.float32([1, -9, 2, 8]), np.float32([1, 1, 1, 1]), 2.0, kind="products", axis="head")
    assert apart.largest(2).tolist() == [1, 3]
    assert apart.largest(0).tolist() == [0, 1, 2, 3]
    assert apart.largest(9).tolist() == [0, 1, 2, 3]


def test_a_norms_terms_are_the_standardised_number_times_gain_and_the_shift():
    x, gain, shift = random(1, 9), random(9), random(9)
    value = float(arithmetic.layer_norm(x, gain, shift, 1e-5)[0, 3])
    apart = apart_of.norm_terms(x[0], 3, float(gain[3]), float(shift[3]), 1e-5, value)
    assert apart.total == value
    assert apart.facts["mean"] == pytest.approx(x.astype(np.float64).mean())


def test_a_weight_is_its_exponential_over_the_rows_sum():
    powers = arithmetic.exponentials(random(1, 6))
    weights = arithmetic.quotients(powers)
    apart = apart_of.softmax_terms(powers[0], 2, float(weights[0, 2]))
    assert apart.total == apart.value == float(weights[0, 2])
    assert apart.product.sum() == pytest.approx(1)
