import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnlab.core import views
from attnlab.core.trace import Attention, Tokens, Trace, softmax
from attnlab.core.views import (
    View,
    by_words,
    overview,
    part,
    see,
    sheet,
    special_mass,
    strongest,
    tempered_weights,
    thumbnails,
    word_groups,
    word_names,
)


def tokens(n, words=None, special=None, segments=None):
    return Tokens(
        tuple(f"t{i}" for i in range(n)),
        tuple(range(n)),
        special or (False,) * n,
        words or tuple(range(n)),
        (None,) * n,
        segments or (0,) * n,
    )


def attention(n=3, heads=2, layer=0, seed=0, **more):
    random = np.random.default_rng(seed)
    q, k, v = (random.normal(size=(heads, n, 4)).astype(np.float32) for _ in range(3))
    return Attention("encoder", layer, tokens(n), tokens(n), q, k, v, scale=0.5, **more)


def test_a_word_sums_its_keys_and_averages_its_queries():
    weights = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.3, 0.0, 0.7]], np.float32)
    words = ((0,), (1, 2))
    np.testing.assert_allclose(by_words(weights, words, words), [[0.5, 0.5], [0.2, 0.8]], atol=1e-7)


def test_rows_of_words_still_sum_to_one():
    weights = softmax(np.random.default_rng(1).normal(size=(7, 7)).astype(np.float32))
    words = ((0,), (1, 2, 3), (4,), (5, 6))
    np.testing.assert_allclose(by_words(weights, words, words).sum(-1), 1, atol=1e-6)


def test_special_tokens_are_words_of_their_own_and_a_second_text_starts_new_words():
    seen = tokens(6, words=(None, 0, 0, None, 0, None), segments=(0, 0, 0, 0, 1, 1))
    assert word_groups(seen) == ((0,), (1, 2), (3,), (4,), (5,))
    touching = tokens(2, words=(0, 0), segments=(0, 1))
    assert word_groups(touching) == ((0,), (1,))


def test_a_word_is_written_as_it_was_typed():
    seen = Tokens(
        ("[CLS]", "un", "##happy", "cat"),
        (0, 1, 2, 3),
        (True, False, False, False),
        (None, 0, 0, 1),
        (None, (0, 2), (2, 7), (8, 11)),
        (0,) * 4,
    )
    assert word_names(seen, word_groups(seen), ["Unhappy cat"]) == ("[CLS]", "Unhappy", "cat")
    assert word_names(seen, word_groups(seen), [None]) == ("[CLS]", "unhappy", "cat")


def test_the_mass_hidden_is_what_the_rows_shown_give_to_columns_not_shown():
    weights = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.3, 0.0, 0.7]], np.float32)
    shown = part(weights, [False, True, True], [False, True, True])
    np.testing.assert_allclose(shown.weights, [[0.6, 0.3], [0.0, 0.7]], atol=1e-7)
    assert shown.rows == (1, 2)
    assert shown.columns == (1, 2)
    assert shown.hidden == pytest.approx((0.1 + 0.3) / 2)


def test_renormalised_rows_sum_to_one_and_the_mass_hidden_is_still_told():
    weights = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]], np.float32)
    shown = part(weights, [True, True], [False, True, True], renormalise=True)
    np.testing.assert_allclose(shown.weights, [[0.6, 0.4], [2 / 3, 1 / 3]], atol=1e-6)
    assert shown.hidden == pytest.approx(0.3)


def test_a_row_that_gives_nothing_to_what_is_shown_stays_zero():
    shown = part(np.array([[1.0, 0.0]], np.float32), [True], [False, True], renormalise=True)
    assert shown.weights.tolist() == [[0.0]]
    assert shown.hidden == 1


def test_temperature_one_is_the_model_itself_and_others_divide_the_scores():
    seen = attention()
    assert tempered_weights(seen, 0) is not None
    np.testing.assert_array_equal(tempered_weights(seen, 0, 1.0), seen.weights(0))
    np.testing.assert_allclose(tempered_weights(seen, 1, 2.0), softmax(seen.scores(1) / 2), atol=1e-7)


def test_temperature_works_on_weights_alone():
    seen = attention()
    stored = Attention("encoder", 0, seen.queries, seen.keys, None, None, None, stored=seen.all_weights())
    np.testing.assert_allclose(tempered_weights(stored, 1, 0.5), tempered_weights(seen, 1, 0.5), atol=1e-6)


def test_the_mean_and_the_maximum_are_over_the_heads_of_the_layer():
    layers = (attention(seed=1), attention(seed=2, layer=1))
    trace = Trace("m", "r", "text", layers[0].queries, layers)
    first = layers[0].all_weights()
    np.testing.assert_allclose(sheet(trace, layers[0], 0, over="mean"), first.mean(0), atol=1e-7)
    np.testing.assert_allclose(sheet(trace, layers[0], 0, over="max"), first.max(0), atol=1e-7)
    every = np.concatenate([first, layers[1].all_weights()])
    np.testing.assert_allclose(sheet(trace, layers[0], 0, over="layers"), every.mean(0), atol=1e-7)
    np.testing.assert_array_equal(sheet(trace, layers[1], 1, rows=slice(1, 2)), layers[1].weights(1)[1:2])


def test_the_strongest_link_can_leave_tokens_out():
    weights = np.array([[0.9, 0.1], [0.4, 0.6]], np.float32)
    assert strongest(weights) == (0, 0)
    assert strongest(weights, [False, True], [True, True]) == (1, 1)
    assert strongest(weights, [False, False], [True, True]) is None


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12), st.sampled_from(["max", "mean"]))
def test_an_overview_is_the_pooled_map_however_many_rows_come_at_a_time(n_q, n_k, side, how):
    weights = np.random.default_rng(n_q * 41 + n_k).random((n_q, n_k)).astype(np.float32)
    block = -(-max(n_q, n_k) // side)
    by_hand = [[getattr(weights[r : r + block, c : c + block], how)() for c in range(0, n_k, block)] for r in range(0, n_q, block)]
    np.testing.assert_allclose(overview(lambda rows: weights[rows], n_q, n_k, side=side, how=how), by_hand, atol=1e-6)


@pytest.mark.parametrize("how", ["max", "mean"])
def test_rows_pooled_by_several_threads_are_the_same_map(how, monkeypatch):
    weights = np.random.default_rng(0).random((300, 200)).astype(np.float32)
    whole = overview(lambda rows: weights[rows], 300, 200, side=50, how=how)
    monkeypatch.setattr(views, "BLOCK", 200 * 6)  # one block of rows at a time
    np.testing.assert_array_equal(overview(lambda rows: weights[rows], 300, 200, side=50, how=how), whole)


def test_thumbnails_of_a_short_text_are_the_weights():
    seen = attention(n=5)
    small = thumbnails([seen])
    assert (small.block, small.sampled) == (1, 1)
    restored = small.pixels / 255 * small.most[..., None, None]
    np.testing.assert_allclose(restored[0], seen.all_weights(), atol=0.5 / 255)


def test_thumbnails_of_a_longer_text_are_the_maxima_of_blocks():
    seen = attention(n=10)
    small = thumbnails([seen], side=5)
    by_hand = seen.weights(1).reshape(5, 2, 5, 2).max((1, 3))
    np.testing.assert_allclose(small.pixels[0, 1] / 255 * small.most[0, 1], by_hand, atol=0.5 / 255)
    assert small.block == 2


def test_thumbnails_of_a_long_text_look_at_one_query_a_block():
    seen = attention(n=10)
    small = thumbnails([seen], side=5, longest=8)
    by_hand = seen.weights(0)[::2].reshape(5, 5, 2).max(-1)
    np.testing.assert_allclose(small.pixels[0, 0] / 255 * small.most[0, 0], by_hand, atol=0.5 / 255)
    assert small.sampled == 2


# A view as a visitor chose it


def pair_of_texts():
    """[CLS] un ##do [SEP] go, two texts; every row gives 0.1, 0.2, 0.3, 0.15, 0.25."""
    pieces, special = ("[CLS]", "un", "##do", "[SEP]", "go"), (True, False, False, True, False)
    both = Tokens(pieces, tuple(range(5)), special, (None, 0, 0, None, 0), (None, (0, 2), (2, 4), None, (0, 2)), (0, 0, 0, 0, 1))
    weights = np.tile(np.array([0.1, 0.2, 0.3, 0.15, 0.25], np.float32), (1, 5, 1))
    only = Attention("encoder", 0, both, both, None, None, None, stored=weights)
    return Trace("hand", "", "Undo", both, (only,), pair="go"), only


def test_a_view_of_everything_is_the_map_itself():
    seen = see(*pair_of_texts(), 0, View())
    assert seen.weights.shape == (5, 5)
    assert seen.queries == seen.keys == ("[CLS]", "un", "##do", "[SEP]", "go")
    assert seen.special_queries == seen.special_keys == (True, False, False, True, False)
    assert seen.hidden == 0


def test_special_tokens_left_out_are_told_as_mass_hidden():
    seen = see(*pair_of_texts(), 0, View(bare=True))
    assert seen.queries == seen.keys == ("un", "##do", "go")
    np.testing.assert_allclose(seen.weights, [[0.2, 0.3, 0.25]] * 3)
    assert seen.hidden == pytest.approx(0.25)


def test_words_are_written_as_typed_and_sum_their_pieces():
    seen = see(*pair_of_texts(), 0, View(words=True, bare=True, renormalise=True))
    assert seen.queries == seen.keys == ("Undo", "go")
    np.testing.assert_allclose(seen.weights, [[2 / 3, 1 / 3]] * 2, atol=1e-6)
    assert seen.special_keys == (False, False)


def test_between_two_texts_the_queries_are_of_one_and_the_keys_of_the_other():
    seen = see(*pair_of_texts(), 0, View(between="ab"))
    assert (seen.queries, seen.keys) == (("[CLS]", "un", "##do", "[SEP]"), ("go",))
    np.testing.assert_allclose(seen.weights, [[0.25]] * 4)
    seen = see(*pair_of_texts(), 0, View(between="ba", bare=True))
    assert (seen.queries, seen.keys) == (("go",), ("un", "##do"))


def test_the_share_of_special_tokens_is_of_the_weight_shown():
    assert special_mass(see(*pair_of_texts(), 0, View())) == pytest.approx(0.25)
    assert special_mass(see(*pair_of_texts(), 0, View(between="aa", words=True))) == pytest.approx(0.25 / 0.75)
    assert special_mass(see(*pair_of_texts(), 0, View(between="bb", bare=True))) == 0


def test_words_of_a_translation_are_those_of_its_own_side():
    """Queries of cross attention are written in the target, keys in the source."""
    source = Tokens(("un", "##do"), (0, 1), (False,) * 2, (0, 0), ((0, 2), (2, 4)), (0, 0))
    target = Tokens(("ann", "##uler"), (2, 3), (False,) * 2, (0, 0), ((0, 3), (3, 7)), (0, 0))
    stacks = {"encoder": (source, source), "decoder": (target, target), "cross": (target, source)}
    each = {name: Attention(name, 0, q, k, None, None, None, stored=np.full((1, 2, 2), 0.5, np.float32)) for name, (q, k) in stacks.items()}
    trace = Trace("hand", "", "Undo", source, tuple(each.values()), target=target, target_text="Annuler")
    named = {name: (seen.queries, seen.keys) for name, one in each.items() for seen in [see(trace, one, 0, View(words=True))]}
    assert named["encoder"] == (("Undo",), ("Undo",))
    assert named["decoder"] == (("Annuler",), ("Annuler",))
    assert named["cross"] == (("Annuler",), ("Undo",))
