"""Exact sums: adding in any order gives the same bits, and means, intervals and quantiles are what numpy says."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnlab.core.batched import DISTANCES
from attnlab.core.guide import NAMES
from attnlab.corpus.totals import ARRAYS, EDGES, LENGTHS, Seen, from_arrays, packed, sums_of, to_arrays, unpacked

PLACES = (("encoder", 0, 0), ("encoder", 0, 1))


def values(seed, n):
    found = np.random.default_rng(seed).random((n, len(NAMES), 2))
    found[np.random.default_rng(seed + 1).random(found.shape) < 0.2] = np.nan
    return list(found)


def sums(every, lengths, seed=0):
    """The sums of sentences with these values, cells and weight at every distance, and chance half of each value."""
    count = np.random.default_rng(seed).integers(0, 9, (DISTANCES, 2))
    return sums_of(PLACES, Seen(np.array(every), np.stack((count, (count << 40) // 3)), np.array(every) / 2), lengths)


def same(a, b):
    return all(np.array_equal(getattr(a, name).astype(object), getattr(b, name).astype(object)) for name in ARRAYS)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 99), n=st.integers(2, 30), cut=st.integers(1, 29))
def test_sums_of_parts_in_any_order_are_the_sums_of_the_whole(seed, n, cut):
    every, lengths = values(seed, n), list(np.random.default_rng(seed).integers(1, 200, n))
    cut = min(cut, n - 1)
    parts = [sums(every[:cut], lengths[:cut], 1), sums(every[cut:], lengths[cut:], 2)]
    whole = parts[0] + parts[1]
    assert whole.count.sum() == np.isfinite(np.stack(every)).sum()
    together = sums(every, lengths)
    assert all(np.array_equal(getattr(whole, name), getattr(together, name)) for name in ("count", "total", "square", "histogram"))
    assert same(parts[1] + parts[0], whole)
    assert same(from_arrays(to_arrays(whole)), whole)


def test_sums_go_round_as_text():
    whole = sums(values(1, 9), [5] * 9)
    assert same(unpacked(packed(whole)), whole)
    for wrong in ("", "!", packed(whole)[: len(packed(whole)) // 8 * 4]):
        with pytest.raises((ValueError, KeyError, TypeError)):
            unpacked(wrong)


def test_means_and_intervals_are_numpys():
    every = values(3, 200)
    found = sums(every, [5] * 200)
    stacked = np.stack(every)
    n = np.isfinite(stacked).sum(0)
    np.testing.assert_allclose(found.mean(), np.nanmean(stacked, 0), rtol=1e-9)
    np.testing.assert_allclose(found.deviation(), np.nanstd(stacked, 0, ddof=1), rtol=1e-6)
    np.testing.assert_allclose(found.margin(), 1.96 * np.nanstd(stacked, 0, ddof=1) / np.sqrt(n), rtol=1e-4)
    np.testing.assert_array_equal(found.answered(), n)
    assert found.tokens == 1000


def test_a_quantile_is_right_to_a_bin():
    every = values(5, 4000)
    found = sums(every, [5] * 4000).quantile(0.5)
    share = NAMES.index("previous")
    np.testing.assert_allclose(found[share], np.nanmedian(np.stack(every)[:, share], 0), atol=0.02)


def test_means_by_length_count_sentences_of_that_length():
    low, high = np.zeros((len(NAMES), 2)), np.ones((len(NAMES), 2))
    found = sums([low, high, high], [LENGTHS[0], LENGTHS[0] + 1, 1000]).by_length()
    assert (found[0] == 0).all()
    assert (found[1] == 1).all()
    assert (found[-1] == 1).all()
    assert np.isnan(found[2]).all()


def test_the_mean_weight_at_a_distance_is_weight_by_cells():
    found = sums(values(1, 20), [5] * 20)
    far = found.by_distance()
    np.testing.assert_allclose(far[np.isfinite(far)], 1 / 3)
    np.testing.assert_allclose(found.chance(), found.mean() / 2, rtol=1e-9)


def test_nobody_answers_where_every_value_is_missing():
    nothing = sums([np.full((len(NAMES), 2), np.nan)], [4])
    assert np.isnan(nothing.mean()).all()
    assert np.isnan(nothing.quantile(0.5)).all()
    assert (nothing.answered() == 0).all()


def test_sums_of_different_models_do_not_add():
    one = sums(values(1, 2), [3, 3])
    with pytest.raises(ValueError, match="different models"):
        one + replace(one, places=(("encoder", 0, 0), ("encoder", 1, 0)))


def test_borders_rise_and_hold_every_value_a_measure_can_have():
    for name, borders in zip(NAMES, EDGES, strict=True):
        assert (np.diff(borders) > 0).all(), name
