"""The trace and the recorder: hand-worked numbers, every error, and the laws of attention."""

import math
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attnlab.core.trace import Attention, MaskedRowError, NotRecordedError, Tokens, Trace, softmax
from attnlab.models.recorder import Call, record, recording, stream

NUMBERS = st.floats(-4, 4, width=32)


def tokens(n, name="t"):
    pieces = tuple(f"{name}{i}" for i in range(n))
    return Tokens(pieces, tuple(range(n)), (False,) * n, tuple(range(n)), ((0, 1),) * n, (0,) * n)


def attention(q, k, v=None, **more):
    q, k = np.asarray(q, np.float32), np.asarray(k, np.float32)
    v = k if v is None else np.asarray(v, np.float32)
    return Attention("encoder", 0, tokens(q.shape[1]), tokens(k.shape[1], "k"), q, k, v, **more)


def trace_of(*attentions):
    return Trace("bert", "r", "text", attentions[0].queries, attentions, residual={"encoder": (np.zeros((2, 3)),)})


# Numbers that can be worked out on paper


def test_weights_follow_the_exponential_of_scores():
    seen = attention([[[math.log(3) * math.sqrt(2), 0.0]]], [[[1.0, 0.0], [0.0, 0.0]]], [[[4.0, 0.0], [0.0, 8.0]]], scale=2**-0.5)
    np.testing.assert_allclose(seen.scores(0), [[math.log(3), 0]], rtol=1e-6)
    np.testing.assert_allclose(seen.weights(0), [[0.75, 0.25]], rtol=1e-6)
    np.testing.assert_allclose(seen.z(0), [[3.0, 2.0]], rtol=1e-6)


def test_products_come_before_the_scale_and_what_is_added_after_it():
    seen = attention([[[2.0]]], [[[3.0], [1.0]]], scale=0.5, bias=[[[0.0, 7.0]]])
    assert seen.products(0).tolist() == [[6.0, 2.0]]
    assert seen.added(0).tolist() == [[0.0, 7.0]]
    assert seen.scores(0).tolist() == [[3.0, 8.0]]


def test_a_soft_cap_bends_scores_before_the_mask():
    seen = attention([[[10.0]]], [[[1.0], [-1.0]]], soft_cap=2.0, bias=[[[0.0, -np.inf]]])
    np.testing.assert_allclose(seen.scores(0), [[2 * math.tanh(5), -np.inf]], rtol=1e-6)
    assert seen.weights(0).tolist() == [[1.0, 0.0]]


def test_a_sink_takes_its_share_of_every_row():
    seen = attention([[[0.0]]], [[[1.0], [1.0]]], sinks=[math.log(2)])
    np.testing.assert_allclose(seen.weights(0), [[0.25, 0.25]], rtol=1e-6)  # 1 : 1 : 2


def test_a_large_sink_does_not_overflow():
    np.testing.assert_allclose(softmax(np.zeros((1, 2), np.float32), sink=500.0), [[0.0, 0.0]])


def test_causal_rows_see_themselves_and_what_came_before():
    seen = attention(np.zeros((1, 3, 1)), np.zeros((1, 3, 1)), causal=True)
    np.testing.assert_allclose(seen.weights(0), [[1, 0, 0], [1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-6)


def test_a_window_cuts_both_sides_and_with_causal_only_the_past():
    same = np.zeros((1, 4, 1))
    around = attention(same, same, window=2).weights(0) > 0
    assert around.astype(int).tolist() == [[1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1], [0, 0, 1, 1]]
    behind = attention(same, same, window=2, causal=True).weights(0) > 0
    assert behind.astype(int).tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]


def test_grouped_queries_share_keys_in_order():
    seen = attention(np.ones((4, 1, 1)), [[[0.0], [0.0]], [[math.log(3)], [0.0]]])
    assert [seen.kv_head(head) for head in range(4)] == [0, 0, 1, 1]
    np.testing.assert_allclose(seen.all_weights()[:, 0, 0], [0.5, 0.5, 0.75, 0.75], rtol=1e-6)


def test_a_bias_may_be_shared_by_heads_and_by_rows():
    seen = attention(np.zeros((2, 3, 1)), np.zeros((2, 2, 1)), bias=[[[0.0, -np.inf]]])
    assert seen.all_weights().tolist() == [[[1, 0]] * 3] * 2


def test_rows_can_be_had_one_by_one():
    generator = np.random.default_rng(0)
    q, k = generator.normal(size=(2, 5, 3)), generator.normal(size=(2, 5, 3))
    seen = attention(q, k, bias=generator.normal(size=(2, 5, 5)), causal=True)
    rows = np.concatenate([seen.weights(1, slice(i, i + 1)) for i in range(5)])
    np.testing.assert_allclose(rows, seen.weights(1), rtol=1e-6)
    np.testing.assert_allclose(seen.z(1, slice(2, 4)), seen.z(1)[2:4], rtol=1e-6)


# Laws


@given(arrays(np.float32, (2, 4, 3), elements=NUMBERS), arrays(np.float32, (2, 5, 3), elements=NUMBERS))
def test_rows_of_weights_sum_to_one(q, k):
    np.testing.assert_allclose(attention(q, k).all_weights().sum(-1), 1, atol=1e-6)


@given(arrays(np.float32, (3, 5), elements=NUMBERS), st.floats(-50, 50, width=32))
def test_adding_a_constant_to_a_row_changes_nothing(scores, constant):
    np.testing.assert_allclose(softmax(scores + np.float32(constant)), softmax(scores), atol=2e-5)


@given(arrays(np.float32, (1, 4, 2), elements=NUMBERS), arrays(np.float32, (1, 4, 2), elements=NUMBERS), arrays(bool, (1, 4, 4)))
def test_masked_keys_get_exactly_zero_and_a_masked_row_is_an_error(q, k, hidden):
    seen = attention(q, k, bias=np.where(hidden, -np.inf, 0))
    if hidden.all(-1).any():
        with pytest.raises(MaskedRowError, match="every key is masked"):
            seen.weights(0)
    else:
        weights = seen.weights(0)
        assert (weights[hidden[0]] == 0).all()
        assert np.isfinite(weights).all()


@given(arrays(np.float32, (1, 5, 3), elements=NUMBERS), arrays(np.float32, (1, 5, 3), elements=NUMBERS), st.permutations(range(5)))
def test_without_positions_permuting_tokens_permutes_weights(q, k, order):
    order = list(order)
    weights = attention(q, k).weights(0)
    np.testing.assert_allclose(attention(q[:, order], k[:, order]).weights(0), weights[np.ix_(order, order)], atol=1e-6)


@given(
    arrays(np.float32, (2, 4, 4), elements=NUMBERS),
    arrays(np.float32, (2, 6, 4), elements=NUMBERS),
    arrays(np.float32, (2, 6, 4), elements=NUMBERS),
)
def test_weights_times_v_is_what_torch_computes(q, k, v):
    ours = np.stack([attention(q, k, v, scale=0.5).z(head) for head in range(2)])
    theirs = torch.nn.functional.scaled_dot_product_attention(*(torch.tensor(x) for x in (q, k, v)), scale=0.5)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


# What cannot be done


def test_a_fully_masked_row_names_itself():
    seen = attention(np.zeros((1, 2, 1)), np.zeros((1, 2, 1)), bias=[[[0, 0], [-np.inf, -np.inf]]])
    with pytest.raises(MaskedRowError, match=r"row 1 \('t1'\) of encoder L0H0"):
        seen.weights(0)
    with pytest.raises(MaskedRowError, match="row 1"):
        seen.weights(0, slice(1, 2))


def test_arrays_of_a_trace_refuse_writing():
    seen = attention(np.ones((1, 2, 2)), np.ones((1, 2, 2)), bias=np.zeros((1, 2, 2)))
    whole = trace_of(seen)
    written = [
        seen.q,
        seen.k,
        seen.v,
        seen.bias,
        seen.weights(0),
        seen.scores(0),
        seen.z(0),
        seen.all_weights(),
        whole.residual["encoder"][0],
    ]
    for array in written:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(AttributeError):
        seen.layer = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        whole.residual["encoder"] = ()  # type: ignore[index]


def test_what_was_given_to_a_trace_can_still_be_written_by_its_owner():
    mine = np.ones((1, 2, 2), np.float32)
    attention(mine, mine)
    mine[0] = 2


def test_stored_weights_are_shown_and_the_rest_says_why_it_is_missing():
    seen = Attention("encoder", 1, tokens(2), tokens(2), None, None, None, stored=np.full((3, 2, 2), 0.5))
    assert not seen.recorded
    assert seen.n_heads == 3
    assert seen.weights(2).tolist() == [[0.5, 0.5], [0.5, 0.5]]
    for use in (seen.products, seen.scores, seen.z, seen.kv_head):
        with pytest.raises(NotRecordedError, match="gives its weights but not"):
            use(0)


def test_a_head_or_layer_or_stack_that_is_not_there_is_named_with_what_is():
    seen = attention(np.ones((2, 2, 2)), np.ones((2, 2, 2)))
    whole = trace_of(seen)
    with pytest.raises(IndexError, match="heads 0 to 1"):
        seen.weights(2)
    with pytest.raises(IndexError, match="heads 0 to 1"):
        seen.weights(-1)
    with pytest.raises(IndexError, match="layers 0 to 0"):
        whole.at("encoder", 1)
    with pytest.raises(IndexError, match="it has encoder"):
        whole.at("cross", 0)


def test_a_masked_row_is_named_as_it_stands_in_the_sentence():
    bias = np.zeros((1, 9, 9), np.float32)
    bias[0, 8] = -np.inf
    seen = Attention("encoder", 0, tokens(9), tokens(9), *(np.ones((1, 9, 2)),) * 3, bias=bias)
    for rows in (slice(None), slice(0, 9, 4), slice(8, 9), slice(-3, None)):
        with pytest.raises(MaskedRowError, match="row 8 \\('t8'\\) of encoder L0H0") as caught:
            seen.weights(0, rows)
        assert caught.value.row == 8


def test_traces_of_other_words_targets_or_positions_have_other_keys():
    whole = trace_of(Attention("encoder", 0, tokens(2), tokens(2), *(np.ones((1, 2, 2)),) * 3))
    others = [replace(whole, **change) for change in ({"text": "b"}, {"pair": "b"}, {"target_text": "b"}, {"positions": "none"})]
    others += [replace(whole, positions=[1, 0]), replace(whole, revision="s"), replace(whole, model="m2")]
    assert len({trace.key for trace in (whole, *others)}) == 8
    assert replace(whole, positions=range(2)).positions == (0, 1)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="2 and 2 rows but there are"):
        Attention("encoder", 0, tokens(3), tokens(3), *(np.ones((1, 2, 2)),) * 3)
    with pytest.raises(ValueError, match="stored weights are"):
        Attention("encoder", 0, tokens(3), tokens(3), None, None, None, stored=np.ones((1, 2, 2)))
    with pytest.raises(ValueError, match="needs q, k and v"):
        Attention("encoder", 0, tokens(3), tokens(3), None, None, None)
    with pytest.raises(ValueError, match="one entry per token"):
        Tokens(("a",), (1, 2), (False,), (0,), (None,), (0,))


def test_a_trace_shows_itself_in_a_notebook_with_its_tokens_escaped():
    bad = Tokens(("<script>", "b"), (0, 1), (False,) * 2, (0, 1), (None, None), (0, 0))
    whole = Trace("bert", "r", "text", bad, (Attention("encoder", 0, bad, bad, *(np.ones((1, 2, 2)),) * 3),))
    assert repr(whole) == "Trace('bert', 2 tokens, encoder: 1 x 1 heads)"
    assert "<script>" not in whole._repr_html_()
    assert "0.50" in whole._repr_html_()


# The recorder


def call(number=0.0):
    x = torch.full((1, 1, 1, 1), number)
    return Call(x, x, x, 1.0)


def test_nothing_is_kept_when_nobody_records():
    x = torch.zeros(1)
    assert record(call()) is None
    assert stream(x, "encoder", 0) is x


def test_recordings_nest_and_end_even_after_an_error():
    with recording() as outer:
        record(call(1))
        with recording() as inner:
            record(call(2))
        with pytest.raises(RuntimeError), recording():
            raise RuntimeError
        record(call(3))
        stream(torch.zeros(2), "encoder", 0)
    assert [float(c.q.sum()) for c in outer.calls] == [1, 3]
    assert [float(c.q.sum()) for c in inner.calls] == [2]
    assert list(outer.residual) == ["encoder"]
    record(call(4))
    assert len(outer.calls) == 2


def test_thirty_two_threads_mix_nothing():
    found, start = {}, threading.Barrier(32)

    def work(number):
        with recording() as recorder:
            start.wait()
            for _ in range(50):
                record(call(number))
        found[number] = [float(c.q.sum()) for c in recorder.calls]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {i: [float(i)] * 50 for i in range(32)}
