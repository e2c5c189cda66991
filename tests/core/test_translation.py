"""Words of two sentences, and the three kinds of attention in one matrix. Numbers small enough to be checked on paper."""

import numpy as np
import pytest

from attnlab.core.trace import Attention, Tokens, Trace
from attnlab.core.translation import Aligned, joint, mean_or_head, sharpest, sharpness, shifted, word_alignment


def tokens(pieces: tuple[str, ...], words: tuple[int | None, ...]) -> Tokens:
    n = len(pieces)
    return Tokens(pieces, tuple(range(n)), tuple(word is None for word in words), words, (None,) * n, (0,) * n)


SOURCE = tokens(("red", "ca", "r", "[EOS]"), (0, 1, 1, None))
TARGET = tokens(("[BOS]", "voi", "ture", "rouge"), (None, 0, 0, 1))
CROSS = np.array(
    [
        [[0.1, 0.4, 0.3, 0.2], [0.3, 0.4, 0.2, 0.1], [0.7, 0.1, 0.1, 0.1], [0.0, 0.0, 0.0, 1.0]],
        [[0.25, 0.25, 0.25, 0.25]] * 4,
    ],
    np.float32,
)


def stored(stack: str, queries: Tokens, keys: Tokens, weights: np.ndarray) -> Attention:
    return Attention(stack, 0, queries, keys, None, None, None, stored=weights)


@pytest.fixture
def trace() -> Trace:
    causal = np.tril(np.ones((4, 4), np.float32))
    own = np.stack([causal / causal.sum(-1, keepdims=True)] * 2)
    layers = (
        stored("encoder", SOURCE, SOURCE, np.full((2, 4, 4), 0.25, np.float32)),
        stored("decoder", TARGET, TARGET, own),
        stored("cross", TARGET, SOURCE, CROSS),
    )
    return Trace("m", "r", "red car", SOURCE, layers, target_text="voiture rouge", target=TARGET, made="given")


def test_a_words_row_is_the_mean_over_its_pieces_and_its_column_their_sum(trace):
    found = word_alignment(trace, 0, 0)
    assert found.target == ("voiture", "rouge", "[EOS]")
    assert found.source == ("red", "car", "[EOS]")
    # voiture was written from the rows of [BOS] and "voi": red (0.1 + 0.3) / 2, car (0.7 + 0.6) / 2, end (0.2 + 0.1) / 2
    np.testing.assert_allclose(found.weights, [[0.2, 0.65, 0.15], [0.7, 0.2, 0.1], [0, 0, 1]], atol=1e-6)
    assert found.best == (1, 0, 2)


def test_reading_gives_each_word_the_rows_where_it_asks_itself(trace):
    found = word_alignment(trace, 0, 0, row="reading")
    assert found.target == ("[BOS]", "voiture", "rouge")
    np.testing.assert_allclose(found.weights[1], [0.5, 0.4, 0.1], atol=1e-6)


def test_rows_sum_to_1_unless_special_tokens_are_left_out(trace):
    np.testing.assert_allclose(word_alignment(trace, 0, None).weights.sum(-1), 1, atol=1e-6)
    left = word_alignment(trace, 0, 0, specials=False)
    assert (left.target, left.source) == (("voiture", "rouge"), ("red", "car"))
    np.testing.assert_allclose(left.weights.sum(-1), [0.85, 0.9], atol=1e-6)


def test_no_head_means_the_mean_of_all(trace):
    np.testing.assert_allclose(mean_or_head(trace.at("cross", 0), None), (CROSS[0] + CROSS[1]) / 2)


def test_what_is_written_is_what_is_read_one_place_on():
    written = shifted(TARGET, "[EOS]")
    assert written.pieces == ("voi", "ture", "rouge", "[EOS]")
    assert len(written) == len(TARGET)


def test_the_sharpest_head_is_the_one_that_decides(trace):
    assert sharpest(trace) == (0, 0)
    assert sharpness(np.eye(3, dtype=np.float32)) == 1


def test_the_joint_matrix_holds_each_kind_in_its_place(trace):
    both = joint(trace, 0, 0)
    assert both.pieces == SOURCE.pieces + TARGET.pieces
    assert both.split == 4
    np.testing.assert_allclose(both.weights[:4, :4], 0.25)
    np.testing.assert_allclose(both.weights[4:, :4], CROSS[0])
    assert np.isnan(both.weights[:4, 4:]).all()
    np.testing.assert_allclose(both.weights[4:].sum(-1), 2, atol=1e-6)  # its own attention and the source's
    assert both.weights[4, 5] == 0  # the future is masked


def test_a_model_without_cross_attention_is_named():
    alone = Trace("m", "r", "red car", SOURCE, (stored("encoder", SOURCE, SOURCE, np.full((2, 4, 4), 0.25, np.float32)),))
    with pytest.raises(IndexError, match="cross"):
        word_alignment(alone, 0, 0)


def test_nothing_of_an_alignment_can_be_written(trace):
    found = word_alignment(trace, 0, 0)
    assert isinstance(found, Aligned)
    with pytest.raises(ValueError, match="read-only"):
        found.weights[0, 0] = 1
