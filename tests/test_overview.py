"""Pooled maps: the same numbers, fewer of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnlab.core.overview import as_bytes, block_of, overview, pooled, tiles
from attnlab.core.trace import Attention, Tokens, Trace


def attention(n_q, n_k, heads=2, layer=0, **more):
    generator = np.random.default_rng(n_q * 31 + n_k + layer)

    def tokens(n):
        return Tokens(("t",) * n, (0,) * n, (False,) * n, (0,) * n, (None,) * n, (0,) * n)

    q, k = generator.normal(size=(heads, n_q, 4)), generator.normal(size=(heads, n_k, 4))
    return Attention("encoder", layer, tokens(n_q), tokens(n_k), q, k, k, **more)


def test_blocks_of_a_small_matrix():
    weights = np.array([[0.1, 0.2, 0.7], [0.5, 0.4, 0.1], [0.0, 0.0, 1.0]], np.float32)
    np.testing.assert_allclose(pooled(weights, 2), [[0.5, 0.7], [0.0, 1.0]])
    np.testing.assert_allclose(pooled(weights, 2, "mean"), [[0.3, 0.4], [0.0, 1.0]], rtol=1e-6)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.sampled_from(["max", "mean"]))
def test_every_cell_is_the_maximum_or_mean_of_its_block(n_q, n_k, block, pool):
    weights = np.random.default_rng(n_q * n_k).random((n_q, n_k), np.float32)
    cells = pooled(weights, block, pool)
    assert cells.shape == (-(-n_q // block), -(-n_k // block))
    for i, row in enumerate(cells):
        for j, cell in enumerate(row):
            part = weights[i * block : (i + 1) * block, j * block : (j + 1) * block]
            assert cell == pytest.approx(part.max() if pool == "max" else part.mean(), rel=1e-5)


@pytest.mark.parametrize("pool", ["max", "mean"])
@pytest.mark.parametrize(("n_q", "n_k", "size"), [(700, 700, 64), (513, 300, 512), (300, 513, 100), (40, 40, 64)])
def test_an_overview_is_the_pooled_whole(n_q, n_k, size, pool):
    seen = attention(n_q, n_k, causal=n_q == n_k)
    cells = overview(seen, 1, size=size, pool=pool)
    assert max(cells.shape) <= size
    np.testing.assert_allclose(cells, pooled(seen.weights(1), block_of(max(n_q, n_k), size), pool), rtol=1e-5, atol=1e-8)


def test_tiles_hold_every_head_of_a_stack():
    sublayers = (attention(100, 100), attention(100, 100, layer=1))
    trace = Trace("m", "r", "t", sublayers[0].queries, sublayers)
    made = tiles(trace, "encoder", size=64)
    assert made.shape == (2, 2, 50, 50)
    np.testing.assert_array_equal(made[1, 0], as_bytes(overview(sublayers[1], 0, size=64)))
    assert as_bytes(np.array([0, 0.5, 1], np.float32)).tolist() == [0, 128, 255]
