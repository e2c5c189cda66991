"""Weights by distance: which links count, and where a link belongs."""

import numpy as np
import torch

from attnlab.core.batched import DISTANCES, FAR, by_distance, distance_of, real_links


def test_a_link_belongs_to_its_distance_and_far_ones_share_a_place():
    assert distance_of(np.array([5, 5, 5]), np.array([5, 4, 6])).tolist() == [FAR + 1, FAR, FAR + 2]
    assert distance_of(np.array([0, 100]), np.array([100, 0])).tolist() == [DISTANCES - 1, 0]


def test_the_weight_at_each_distance_is_that_of_links_between_words(bert):
    trace = bert.trace("The cat sat on the mat.")
    attention = trace.attentions[0]
    weights = attention.weights(2)
    cells = real_links(trace.source, trace.source)
    count, total = by_distance(torch.tensor(attention.all_weights())[None], cells[None])[0]
    assert cells.sum() == (len(trace.source) - 2) ** 2
    previous = [weights[i, i - 1] for i in range(2, len(trace.source) - 1)]
    assert count[FAR, 2] == len(previous)
    np.testing.assert_allclose(total[FAR, 2], sum(previous), rtol=1e-5)
    np.testing.assert_allclose(total.sum(0), (attention.all_weights() * cells).sum((1, 2)), rtol=1e-5)
