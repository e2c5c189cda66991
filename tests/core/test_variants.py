"""Every variant against an independent route: dense softmax with the mask, torch, quadratic forms, bisection, and hand values."""

import math
from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from attnlab.core import sparse, variants
from attnlab.core.costs import MEASURED, cells, cost, measure, runner
from attnlab.core.trace import MaskedRowError, softmax
from attnlab.core.variants import VARIANTS, Inputs, Net, Options

OPTIONS = Options(width=3, stride=3, n_global=2, n_random=2, prefix=4, hidden=3, temperature=0.5, groups=2, seed=7)


def inputs(n=9, d=4, heads=4, seed=0, n_k=None):
    rng = np.random.default_rng(seed)
    q, k, v = (rng.standard_normal((heads, m, d)).astype(np.float32) for m in (n, n_k or n, n_k or n))
    return Inputs(q, k, v, head=2)


def dense(scores, v, seen=None):
    """The route through torch, in double precision."""
    scores = torch.tensor(np.array(scores), dtype=torch.float64)
    if seen is not None:
        scores = scores.masked_fill(~torch.tensor(seen), -math.inf)
    weights = scores.softmax(-1)
    return weights.numpy(), (weights @ torch.tensor(np.array(v), dtype=torch.float64)).numpy()


def loop(n, allowed):
    """A pattern written out cell by cell."""
    return np.array([[allowed(i, j) for j in range(n)] for i in range(n)])


DRAWN = variants.random_keys(9, 2, 7)
WRITTEN_OUT = {
    "causal": lambda i, j: j <= i,
    "padding": lambda i, j: j < 6,
    "prefix": lambda i, j: j <= i or j < 4,
    "window": lambda i, j: abs(i - j) <= 2,
    "longformer": lambda i, j: abs(i - j) <= 2 or i < 2 or j < 2,
    "strided": lambda i, j: j <= i and (i - j < 3 or (i - j) % 3 == 0),
    "bigbird": lambda i, j: abs(i - j) <= 2 or i < 2 or j < 2 or j in DRAWN[i],
}


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_a_pattern_is_what_its_paper_says(name):
    np.testing.assert_array_equal(VARIANTS[name].seen(9, OPTIONS), loop(9, WRITTEN_OUT[name]))


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_a_masked_variant_is_the_dense_softmax_with_its_mask(name):
    made = inputs()
    weights, z = dense(made.scores(), made.one()[2], loop(9, WRITTEN_OUT[name]))
    got = VARIANTS[name](made, OPTIONS)
    np.testing.assert_allclose(got.weights, weights, atol=1e-6)
    np.testing.assert_allclose(got.z, z, atol=1e-6)
    assert (got.weights[~loop(9, WRITTEN_OUT[name])] == 0).all()


def test_full_and_causal_are_torchs_own_attention():
    made = inputs()
    q, k, v = (torch.from_numpy(np.array(x)) for x in made.one())
    for name, how in (("full", {}), ("causal", {"is_causal": True})):
        wanted = F.scaled_dot_product_attention(q[None], k[None], v[None], **how)[0]
        np.testing.assert_allclose(VARIANTS[name](made).z, wanted, atol=1e-6)


def test_scaling_divides_by_the_square_root_of_the_width():
    q, k = np.array([[2.0, 0, 0, 0]], np.float32), np.array([[3.0, 0, 0, 0], [1.0, 0, 0, 0]], np.float32)
    np.testing.assert_array_equal(variants.dot(q, k), [[6, 2]])
    np.testing.assert_array_equal(variants.scaled_dot(q, k), [[3, 1]])


def test_unscaled_is_softmax_of_the_plain_products():
    made = inputs()
    q, k, v = made.one()
    weights, z = dense(q @ k.T, v)
    got = VARIANTS["unscaled"](made)
    np.testing.assert_allclose(got.weights, weights, atol=1e-6)
    np.testing.assert_allclose(got.z, z, atol=1e-5)


def test_the_models_own_scale_is_used_where_it_says_one():
    made = inputs()
    quarter = Inputs(made.q, made.k, made.v, made.head, scale=0.25)
    np.testing.assert_allclose(quarter.scores(), 0.25 * variants.dot(*made.one()[:2]), atol=1e-6)


def test_additive_attention_by_hand():
    """W_q = W_k = 1, u = 2: score 2·tanh(q + k)."""
    one = np.ones((1, 1), np.float32)
    got = variants.additive(np.array([[0.5]], np.float32), np.array([[0.5], [-0.5]], np.float32), one, one, np.array([2.0], np.float32))
    np.testing.assert_allclose(got, [[2 * math.tanh(1), 0]], rtol=1e-6)


def test_additive_attention_is_a_torch_net_of_one_hidden_layer():
    made = inputs()
    q, k, v = made.one()
    net = Net.random(4, OPTIONS.seed)
    hidden = torch.nn.Linear(8, 4, bias=False)  # reads query and key side by side
    hidden.weight.data = torch.from_numpy(np.concatenate((net.w_q, net.w_k)).T.copy())
    both = torch.from_numpy(np.stack([[np.concatenate((a, b)) for b in k] for a in q]))
    scores = hidden(both).tanh().detach().numpy() @ net.u
    weights, z = dense(scores, v)
    got = VARIANTS["additive"](made, OPTIONS)
    np.testing.assert_allclose(got.weights, weights, atol=1e-6)
    np.testing.assert_allclose(got.z, z, atol=1e-6)


def test_general_attention_is_torchs_bilinear_form():
    made = inputs()
    q, k, v = made.one()
    net = Net.random(4, OPTIONS.seed)
    rows = [
        F.bilinear(torch.from_numpy(np.repeat(a[None], 9, 0)), torch.from_numpy(k.copy()), torch.from_numpy(net.w.copy())[None]) for a in q
    ]
    weights, _ = dense(torch.stack(rows)[..., 0].numpy(), v)
    np.testing.assert_allclose(VARIANTS["general"](made, OPTIONS).weights, weights, atol=1e-6)


def test_random_weights_are_the_same_for_the_same_seed():
    assert (Net.random(4, 3).w_q == Net.random(4, 3).w_q).all()
    assert (Net.random(4, 3).w_q != Net.random(4, 4).w_q).any()


@given(st.integers(1, 12), st.integers(0, 5))
def test_a_window_as_wide_as_the_text_is_full_attention(n, more):
    made = inputs(n)
    np.testing.assert_array_equal(VARIANTS["window"](made, Options(width=n + more)).weights, VARIANTS["full"](made).weights)


@given(st.integers(1, 12))
def test_a_stride_as_long_as_the_text_is_causal_attention(n):
    np.testing.assert_array_equal(variants.strided(n, n), variants.causal(n))


@given(st.integers(1, 20), st.integers(1, 6), st.integers(0, 4), st.integers(0, 4), st.integers(0, 9))
def test_bigbird_without_random_keys_is_longformer_and_without_global_ones_a_window(n, width, n_global, n_random, seed):
    assert (variants.bigbird(n, width, n_global, 0, seed) == variants.longformer(n, width, n_global)).all()
    assert (variants.longformer(n, width, 0) == variants.window(n, width)).all()
    drawn = variants.random_keys(n, n_random, seed)
    assert all(len(set(row)) == min(n_random, n) for row in drawn.tolist())


def test_random_keys_of_a_long_text_are_distinct_and_in_range():
    drawn = variants.random_keys(1000, 8, 1)
    assert drawn.min() >= 0
    assert drawn.max() < 1000
    assert (np.diff(drawn, axis=1) > 0).all()


@given(st.integers(1, 10))
def test_prefixes_of_nothing_and_of_everything(n):
    assert (variants.prefix(n, 0) == variants.causal(n)).all()
    assert variants.prefix(n, n).all()
    assert variants.padding(n, 0).all()


def test_a_query_that_sees_nothing_is_an_error_and_no_nan():
    with pytest.raises(MaskedRowError, match="row 1"):
        variants.attend(np.zeros((2, 2), np.float32), np.zeros((2, 1), np.float32), np.array([[True, True], [False, False]]))


def test_a_pattern_of_self_attention_refuses_cross_attention():
    with pytest.raises(ValueError, match="4 queries and 6 keys"):
        VARIANTS["causal"](inputs(4, n_k=6))
    assert VARIANTS["full"](inputs(4, n_k=6)).weights.shape == (4, 6)


# Normalisers


def test_temperature_one_is_softmax_and_a_low_one_picks_the_largest():
    scores = np.array([[1.0, 2.0, 0.0]], np.float32)
    np.testing.assert_allclose(variants.tempered(scores, 1), softmax(scores))
    np.testing.assert_allclose(variants.tempered(scores, 0.01), [[0, 1, 0]], atol=1e-6)
    np.testing.assert_allclose(variants.tempered(scores, 1e6), [[1 / 3] * 3], atol=1e-5)
    np.testing.assert_allclose(variants.tempered(scores, 0.5), dense(scores * 2, np.zeros((3, 1)))[0], atol=1e-6)
    with pytest.raises(ValueError, match="above 0"):
        variants.tempered(scores, 0)


def bisected(scores, shape):
    """max(..)^p with the threshold found by halving an interval, one row at a time."""
    rows = []
    for row in np.asarray(scores, np.float64):
        low, high = -abs(row).max() - 2, abs(row).max() + 2
        for _ in range(200):
            tau = (low + high) / 2
            low, high = (tau, high) if shape(row, tau).sum() > 1 else (low, tau)
        rows.append(shape(row, (low + high) / 2))
    return np.array(rows)


SPARSE = {
    "sparsemax": (variants.sparsemax, lambda row, tau: np.maximum(row - tau, 0)),
    "entmax15": (variants.entmax15, lambda row, tau: np.maximum(row / 2 - tau, 0) ** 2),
}
ROWS = st.lists(st.floats(-6, 6, width=32), min_size=1, max_size=9)


@pytest.mark.parametrize("name", SPARSE)
@given(row=ROWS)
def test_sparse_normalisers_agree_with_bisection(name, row):
    exact, shape = SPARSE[name]
    scores = np.array([row], np.float32)
    np.testing.assert_allclose(exact(scores), bisected(scores, shape), atol=2e-5)
    np.testing.assert_allclose(exact(scores).sum(), 1, atol=1e-5)


@given(row=ROWS)
def test_sparsemax_is_the_nearest_point_of_the_simplex(row):
    """The conditions of the quadratic programme min ‖p - s‖², p ≥ 0, Σp = 1: s - p is constant where p > 0 and no larger elsewhere."""
    scores = np.array([row], np.float64)
    p = variants.sparsemax(scores.astype(np.float32)).astype(np.float64)
    slack = scores - p
    tau = slack[p > 1e-6].mean()
    assert (np.abs(slack[p > 1e-6] - tau) < 1e-4).all()
    assert (slack[p <= 1e-6] <= tau + 1e-4).all()


def test_sparsemax_by_hand():
    np.testing.assert_allclose(variants.sparsemax(np.array([[0.5, 0.0], [2.0, 0.0]], np.float32)), [[0.75, 0.25], [1, 0]])
    np.testing.assert_allclose(variants.sparsemax(np.array([[1.0, 1.0, 0.25]], np.float32)), [[0.5, 0.5, 0]], atol=1e-7)


def test_entmax_by_hand():
    """√p differs by half of what the scores differ: 0.8 - 0.6 = 0.4/2, and 0.8² + 0.6² = 1."""
    np.testing.assert_allclose(variants.entmax15(np.array([[0.4, 0.0], [9.0, 0.0]], np.float32)), [[0.64, 0.36], [1, 0]], atol=1e-6)


@pytest.mark.parametrize("name", SPARSE)
def test_sparse_normalisers_leave_masked_keys_at_zero(name):
    scores = np.array([[1.0, -np.inf, 0.8]], np.float32)
    got = SPARSE[name][0](scores)
    np.testing.assert_allclose(got[:, [0, 2]], SPARSE[name][0](scores[:, [0, 2]]), atol=1e-6)
    assert got[0, 1] == 0


# Linear attention


def test_the_feature_map_is_torchs_elu_plus_one():
    x = np.linspace(-4, 4, 33, dtype=np.float32)
    np.testing.assert_allclose(variants.feature(x), F.elu(torch.from_numpy(x)) + 1, atol=1e-6)


@pytest.mark.parametrize("causal", [False, True])
def test_linear_attention_is_its_quadratic_form(causal):
    made = inputs()
    q, k, v = made.one()
    products = (F.elu(torch.from_numpy(q)) + 1) @ (F.elu(torch.from_numpy(k)) + 1).T
    products = products.tril() if causal else products
    weights = (products / products.sum(-1, keepdim=True)).numpy()
    got = VARIANTS["linear_causal" if causal else "linear"](made)
    np.testing.assert_allclose(got.weights, weights, atol=1e-6)
    np.testing.assert_allclose(got.z, weights @ v, atol=1e-5)


def test_the_last_token_of_running_sums_has_seen_everything():
    q, k, v = inputs().one()
    np.testing.assert_allclose(variants.linear_causal(q, k, v)[-1], variants.linear(q, k, v)[-1], atol=1e-5)


# Shared keys and values


def test_grouped_query_attention_is_torchs_with_fewer_keys():
    made = inputs()
    q, k, v = (torch.from_numpy(np.array(x)) for x in (made.q, made.k, made.v))
    few = (x.unflatten(0, (2, 2)).mean(1) for x in (k, v))
    wanted = F.scaled_dot_product_attention(q[None], *(x[None] for x in few), enable_gqa=True)[0, made.head]
    np.testing.assert_allclose(VARIANTS["grouped"](made, Options(groups=2)).z, wanted, atol=1e-6)


def test_as_many_groups_as_heads_is_full_attention_and_one_group_is_multi_query():
    made = inputs()
    np.testing.assert_allclose(VARIANTS["grouped"](made, Options(groups=4)).weights, VARIANTS["full"](made).weights, atol=1e-6)
    np.testing.assert_array_equal(VARIANTS["grouped"](made, Options(groups=1)).z, VARIANTS["multi_query"](made).z)


def test_groups_by_hand_and_groups_that_do_not_divide():
    heads = np.arange(4, dtype=np.float32).reshape(4, 1, 1)
    np.testing.assert_array_equal(variants.grouped(heads, 2).ravel(), [0.5, 0.5, 2.5, 2.5])
    with pytest.raises(ValueError, match="4 heads cannot be split into 3"):
        variants.grouped(heads, 3)


def test_every_row_of_every_variant_sums_to_one():
    for variant in VARIANTS.values():
        got = variant(inputs(), OPTIONS)
        np.testing.assert_allclose(got.weights.sum(-1), 1, atol=1e-5, err_msg=variant.name)
        np.testing.assert_allclose(got.z, got.weights @ (inputs().one()[2] if not variant.several else got_v(variant)), atol=1e-5)
        assert not got.weights.flags.writeable


def got_v(variant):
    return inputs().shared(2 if variant.name == "grouped" else 1).one()[2]


# Computed sparsely, and counted


@given(n=st.integers(1, 200), width=st.integers(1, 90), n_global=st.integers(0, 5), n_random=st.integers(1, 4), seed=st.integers(0, 9))
def test_sparse_computation_gives_what_the_mask_gives(n, width, n_global, n_random, seed):
    options = Options(width=width, stride=width, n_global=min(n_global, n), n_random=n_random, seed=seed)
    rng = np.random.default_rng(seed)
    q, k, v = (torch.from_numpy(rng.standard_normal((2, n, 8)).astype(np.float32)) for _ in range(3))
    for name in MEASURED:
        got = runner(name, options)(q, k, v)
        if name == "linear":
            wanted = torch.stack([torch.from_numpy(np.array(variants.linear(*(x[h].numpy() for x in (q, k, v))))) for h in range(2)])
        else:
            seen = VARIANTS[name].seen(n, options)
            wanted = F.scaled_dot_product_attention(q, k, v, None if seen is None else torch.from_numpy(seen))
        torch.testing.assert_close(got, wanted, atol=2e-5, rtol=1e-4, msg=lambda said, name=name: f"{name}: {said}")


def test_parts_join_to_one_softmax():
    q, k, v = (torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(i)) for i in range(3))
    parts = [sparse.part(q, k[:, :2], v[:, :2]), sparse.part(q, k[:, 2:], v[:, 2:])]
    torch.testing.assert_close(sparse.join(parts), F.scaled_dot_product_attention(q, k, v))


@given(n=st.integers(1, 40), width=st.integers(1, 12), stride=st.integers(1, 12), n_global=st.integers(0, 6), some=st.integers(0, 50))
def test_counted_scores_are_the_cells_of_the_pattern(n, width, stride, n_global, some):
    options = Options(width=width, stride=stride, n_global=n_global, n_random=0, prefix=some, hidden=some)
    for name in ("causal", "padding", "prefix", "window", "longformer", "strided", "bigbird", "linear_causal"):
        assert cells(name, n, options) == VARIANTS[name].seen(n, options).sum(), name
    assert cells("full", n, options) == n * n


def test_costs_by_hand():
    """4 tokens, width 2: full 16 scores of 2 multiplications, and 2 more each for the output; linear 2·4·2·3, a state of 4 + 2."""
    assert cost("full", 4, 2, OPTIONS).operations == 64
    assert cost("full", 4, 2, OPTIONS).memory == 16
    assert cost("linear", 4, 2, OPTIONS).operations == 48
    assert cost("linear", 4, 2, OPTIONS).memory == 6
    assert cost("additive", 4, 2, OPTIONS).operations == 64 + 2 * 4 * 4


def test_measured_times_come_one_by_one_with_ratios():
    got = list(measure(("full", "window"), (32, 64), heads=1, d=8, options=Options(width=4), runs=1))
    assert [(t.name, t.n) for t in got] == [("full", 32), ("window", 32), ("full", 64), ("window", 64)]
    assert all(t.seconds > 0 for t in got)
    assert got[3].ratio == got[2].seconds / got[3].seconds


def test_every_option_is_needed_by_a_variant_and_every_need_is_an_option():
    assert {need for variant in VARIANTS.values() for need in variant.needs} == {field.name for field in fields(Options)}
