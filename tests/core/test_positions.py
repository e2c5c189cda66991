"""Positions: the six encodings obey their laws, agree with the models' own, and scores taken apart add up again."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attnlab.core import positions as pos
from attnlab.core import score_parts as parts_of
from attnlab.core.trace import softmax
from attnlab.core.walk.weights import Norm
from attnlab.models import weights as weights_of
from attnlab.models.inhouse import transformer
from attnlab.models.inhouse.model import InHouse
from attnlab.models.pretrained.model import Pretrained
from attnlab.training import lengths
from attnlab.training.tasks import LETTERS
from attnlab.training.tokenizer import letter_tokenizer
from attnlab.words import InputError
from tests.conftest import SENTENCES
from tests.models.test_pretrained import FAMILIES, random_module

EVEN = st.integers(1, 24).map(lambda i: 2 * i)
SEED = st.integers(0, 2**32 - 1)


def noise(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# The encodings, worked by hand and by a second route


def test_the_first_rows_of_a_sinusoid_are_the_papers_formula():
    table = pos.sinusoid(2, 4)
    np.testing.assert_allclose(table[0], [0, 1, 0, 1])
    np.testing.assert_allclose(table[1], [math.sin(1), math.cos(1), math.sin(0.01), math.cos(0.01)], rtol=1e-6)


@pytest.mark.parametrize(("column", "expected"), [(0, 2 * math.pi), (1, 2 * math.pi), (2, 200 * math.pi), (3, 200 * math.pi)])
def test_a_column_repeats_after_its_wavelength(column, expected):
    assert pos.wavelength(column, 4) == pytest.approx(expected)


def test_slopes_of_twelve_heads_differ_between_the_paper_and_its_code():
    """Paper: 2^(-8i/12). Code: the eight of 8 heads, then 2^-0.5, 2^-1.5, 2^-2.5, 2^-3.5, every other one of 16 heads."""
    np.testing.assert_allclose(pos.alibi_slopes(12), [2.0 ** (-8 * i / 12) for i in range(1, 13)], rtol=1e-6)
    code = [2.0**-i for i in range(1, 9)] + [2.0 ** -(i + 0.5) for i in range(4)]
    np.testing.assert_allclose(pos.alibi_slopes(12, "code"), code, rtol=1e-6)


def test_the_codes_slopes_are_those_that_transformers_gives_to_bloom():
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    for n_heads in (3, 6, 8, 12, 20):
        theirs = build_alibi_tensor(torch.ones(1, 2), n_heads, torch.float32)[:, 0, 1]
        np.testing.assert_allclose(pos.alibi_slopes(n_heads, "code"), theirs.numpy(), rtol=1e-5)


def test_the_last_of_32_buckets_begins_at_91_both_ways_and_at_113_one_way():
    gap = np.arange(200)
    for both, first in ((True, 91), (False, 113)):
        bucket = pos.relative_bucket(-gap, bidirectional=both)
        assert pos.shares_last_bucket(bidirectional=both) == first
        assert len(set(bucket[first:])) == 1
        assert bucket[first - 1] != bucket[first]


def test_slopes_of_eight_heads_halve_from_head_to_head():
    np.testing.assert_array_equal(pos.alibi_slopes(8), [2.0**-i for i in range(1, 9)])


def test_alibi_is_its_closed_form():
    np.testing.assert_allclose(pos.alibi(3, 2)[1], -(2.0**-8) * np.array([[0, 1, 2], [1, 0, 1], [2, 1, 0]]))


def test_near_distances_have_buckets_of_their_own_and_far_ones_share():
    gap = np.array([0, -1, -7, -8, -200, 1, 7, 200])
    np.testing.assert_array_equal(pos.relative_bucket(gap, bidirectional=True), [0, 1, 7, 8, 15, 17, 23, 31])
    np.testing.assert_array_equal(pos.relative_bucket(gap, bidirectional=False), [0, 1, 7, 8, 31, 0, 0, 0])


@pytest.mark.parametrize("d", [0, 1, 7])
def test_an_odd_width_has_no_pairs(d):
    with pytest.raises(ValueError, match="even"):
        pos.frequencies(d)


@given(n=st.integers(1, 80), d=EVEN, base=st.sampled_from([10.0, 10000.0, 500000.0]))
def test_sinusoid_agrees_with_the_models(n, d, base):
    np.testing.assert_allclose(pos.sinusoid(n, d, base), transformer.sinusoid(n, d, base).numpy(), atol=2e-5)


@given(n=st.integers(1, 60), d=EVEN, start=st.integers(0, 40), seed=SEED)
def test_rotation_agrees_with_the_models(n, d, start, seed):
    x = noise(seed, n, d)
    theirs = transformer.rotate(torch.from_numpy(x)[None, None], start)[0, 0].numpy()
    np.testing.assert_allclose(pos.rotate(x, np.arange(start, start + n)), theirs, atol=5e-5)


@pytest.mark.parametrize("n_heads", [1, 3, 4, 8, 12])
def test_slopes_agree_with_the_models(n_heads):
    for slopes in ("paper", "code"):
        np.testing.assert_allclose(pos.alibi_slopes(n_heads, slopes), transformer.alibi_slopes(n_heads, slopes).numpy(), rtol=1e-6)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_buckets_agree_with_the_models_and_with_t5s(bidirectional):
    from transformers.models.t5.modeling_t5 import T5Attention

    gap = np.arange(-600, 601)
    ours = pos.relative_bucket(gap, bidirectional=bidirectional)
    np.testing.assert_array_equal(ours, transformer.relative_bucket(torch.from_numpy(gap), bidirectional=bidirectional).numpy())
    np.testing.assert_array_equal(ours, T5Attention._relative_position_bucket(torch.from_numpy(gap), bidirectional=bidirectional).numpy())


@pytest.mark.parametrize("causal", [True, False])
def test_biases_agree_with_what_the_model_adds(causal):
    for kind in ("alibi", "relative"):
        config = transformer.Config("tag", 8, 8, encoder_layers=1, decoder_layers=0, n_heads=4, d_model=16, positions=kind)
        bias = transformer.PositionBias(config, causal=causal)
        theirs = bias(20, 20)[0].detach().numpy()
        table = None if kind == "alibi" else bias.table.weight.detach().numpy()
        ours = pos.alibi(20, 4) if table is None else pos.relative(table, pos.gaps(20), bidirectional=not causal)
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


# Laws


@given(d=EVEN, p=st.integers(0, 200), r=st.integers(0, 200), j=st.integers(0, 50))
def test_the_product_of_two_sinusoids_depends_on_their_distance_only(d, p, r, j):
    table = pos.sinusoid(260, d).astype(np.float64)
    assert table[p] @ table[p + j] == pytest.approx(table[r] @ table[r + j], abs=1e-4)
    assert table[p] @ table[p + j] == pytest.approx(np.cos(j * pos.frequencies(d)).sum(), abs=1e-4)


@given(d=EVEN, seed=SEED, p=st.integers(0, 100), r=st.integers(0, 100), j=st.integers(-40, 40))
def test_a_rotary_score_depends_on_the_distance_only(d, seed, p, r, j):
    q, k = noise(seed, 1, d), noise(seed + 1, 1, d)

    def score(p):
        return float(pos.rotate(q, np.array([p]))[0].astype(np.float64) @ pos.rotate(k, np.array([p + j]))[0])

    assert score(p) == pytest.approx(score(r), abs=1e-4)


@given(d=EVEN, seed=SEED, p=st.integers(0, 500))
def test_rotation_keeps_lengths_and_can_be_undone(d, seed, p):
    x = noise(seed, 3, d)
    turned = pos.rotate(x, np.full(3, p))
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), np.linalg.norm(x, axis=1), rtol=1e-5)
    np.testing.assert_allclose(pos.rotate(turned, np.full(3, -p)), x, atol=1e-5)


@given(d=EVEN, j=st.integers(-60, 60))
def test_rotary_similarity_is_what_a_rotated_vector_shows(d, j):
    ones = np.ones((2, d), np.float32)
    a, b = pos.rotate(ones, np.array([0, j]))
    assert pos.rotary_similarity(np.array([j]), d)[0] == pytest.approx(float(a @ b) / d, abs=1e-5)


def test_a_bias_multiplies_a_weight_by_its_factor():
    scores = np.zeros((1, 2), np.float32)
    before, after = softmax(scores)[0], softmax(scores + np.array([[0, -0.5]]))[0]
    assert pos.factor(np.array(-0.5), np.array(0.0)) == pytest.approx((after[1] / after[0]) / (before[1] / before[0]))


def test_similarity_by_distance_sums_up_both_sides_of_the_diagonal():
    seen = pos.by_distance(np.array([[1, 2, 6], [4, 1, 2], [8, 4, 1]], np.float32))
    assert (seen.mean.tolist(), seen.low.tolist(), seen.high.tolist()) == ([1, 3, 7], [1, 2, 6], [1, 4, 8])


def test_a_vector_of_zeros_is_like_nothing():
    np.testing.assert_allclose(pos.cosine(np.array([[0, 0], [3, 4]], np.float32)), [[0, 0], [0, 1]])


# Shuffling and measures


@given(n=st.integers(2, 40), seed=SEED)
def test_a_shuffle_is_a_permutation_and_never_the_same_order(n, seed):
    order = pos.shuffled(n, seed)
    assert sorted(order) == list(range(n))
    assert order.tolist() != list(range(n))


def test_one_thing_cannot_be_shuffled():
    assert pos.shuffled(1, 0).tolist() == [0]


@given(n=st.integers(2, 12), seed=SEED)
def test_attention_without_positions_permutes_with_its_tokens(n, seed):
    x, w_q, w_k, order = noise(seed, n, 6), noise(seed + 1, 6, 4), noise(seed + 2, 6, 4), pos.shuffled(n, seed)

    def weights(x):
        return softmax((x @ w_q) @ (x @ w_k).T / 2)[None]

    assert pos.shuffle_difference(weights(x), weights(x[order]), order)[0] < 1e-4


def test_total_variation_is_the_share_of_weight_that_moved():
    np.testing.assert_allclose(pos.total_variation(np.array([0.5, 0.5, 0]), np.array([0.5, 0, 0.5])), 0.5)


def test_vectors_move_and_turn():
    before, after = np.array([[3.0, 4.0], [1.0, 0.0]]), np.array([[6.0, 8.0], [0.0, 1.0]])
    np.testing.assert_allclose(pos.drift(before, after), [1, math.sqrt(2)])
    np.testing.assert_allclose(pos.same_direction(before, after), [1, 0], atol=1e-7)


@pytest.mark.parametrize(("right", "n", "low", "high"), [(0, 10, 0, 0.2775), (10, 10, 0.7225, 1), (50, 100, 0.4038, 0.5962)])
def test_wilsons_interval_is_the_published_one(right, n, low, high):
    assert pos.wilson(right, n) == pytest.approx((low, high), abs=1e-4)


def test_a_share_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        pos.wilson(0, 0)


# Scores taken apart


@given(seed=SEED, n=st.integers(1, 8))
def test_a_norm_split_is_the_norm(seed, n):
    c, p, m = (noise(seed + i, n, 10) for i in range(3))
    norm = Norm(noise(seed + 3, 10), noise(seed + 4, 10), 1e-5)
    theirs = torch.nn.functional.layer_norm(torch.from_numpy(c + p + m), (10,), torch.from_numpy(norm.gain), torch.from_numpy(norm.shift))
    np.testing.assert_allclose(parts_of.split_norm(norm, parts_of.Input(c, p, m)).total(), theirs.numpy(), atol=1e-4)


@given(seed=SEED, n=st.integers(1, 8), first=st.booleans())
def test_the_parts_add_up_to_the_score(seed, n, first):
    c, p = noise(seed, n, 8), noise(seed + 1, n, 8)
    read = parts_of.Input(c, p, np.zeros_like(c) if first else noise(seed + 2, n, 8))
    q, k = ((noise(seed + 3 + i, 8, 4) / 3, noise(seed + 5 + i, 4)) for i in range(2))
    x = read.total().astype(np.float64)
    split = parts_of.split_scores(read, q, k, 0.5, first=first)
    np.testing.assert_allclose(split.total(), (x @ q[0] + q[1]) @ (x @ k[0] + k[1]).T * 0.5, atol=1e-4)
    assert [name for name, _ in split.items()][-1] == ("position_position" if first else "mixed")


def test_hidden_cells_stay_hidden_when_parts_are_left_out():
    hidden = np.array([[False, True], [False, False]])
    split = parts_of.ScoreParts(np.zeros((2, 2), np.float32), bias=np.ones((2, 2), np.float32), hidden=hidden)
    np.testing.assert_allclose(split.weights("content_content"), [[1, 0], [0.5, 0.5]])
    assert np.isneginf(split.total()[0, 1])


def test_position_explains_all_of_a_score_that_is_position_alone_and_none_of_one_without():
    wave = noise(0, 4, 4)
    assert parts_of.ScoreParts(np.zeros((4, 4), np.float32), bias=wave).explained() == pytest.approx(1)
    assert parts_of.ScoreParts(wave, bias=np.ones((4, 4), np.float32)).explained() == pytest.approx(0)  # a constant changes no weight
    assert parts_of.ScoreParts(wave).explained() == 0
    assert parts_of.ScoreParts(wave, bias=wave).explained() == pytest.approx(0.5)


# On models


@pytest.fixture(scope="module")
def small(small_tokenizers):
    return lambda family: Pretrained(random_module(family), small_tokenizers[FAMILIES[family][0]], name=family, revision="random")


def worst(model, trace, stack):
    """The largest difference between the scores and the sum of their parts, over layers, heads and visible cells."""
    absolute = model.spec.positions in pos.ABSOLUTE and stack != "cross"
    weights = weights_of.read_weights(model, stack, trace.layers(stack)[0].queries)
    read = parts_of.inputs(trace, weights) if absolute else None
    found = 0.0
    for attention in trace.layers(stack):
        for head in range(attention.n_heads):
            ours, theirs = parts_of.score_parts(trace, attention, head, weights, read).total(), attention.scores(head)
            assert (np.isfinite(ours) == np.isfinite(theirs)).all()
            seen = np.isfinite(theirs)
            found = max(found, float((np.abs(ours[seen] - theirs[seen]) / np.maximum(np.abs(theirs[seen]), 1)).max()))
    return found


@pytest.mark.parametrize("text", SENTENCES)
def test_berts_scores_are_the_sum_of_their_parts_in_every_layer(bert, text):
    assert worst(bert, bert.trace(text), "encoder") < 1e-5


def test_the_parts_of_a_pair_of_texts_add_up_too(bert):
    assert worst(bert, bert.trace("Who is tired?", "The cat is."), "encoder") < 1e-5


def test_the_first_layer_holds_nothing_mixed_and_later_ones_do(bert):
    trace = bert.trace(SENTENCES[0])
    read = parts_of.inputs(trace, weights_of.read_weights(bert, "encoder", trace.source))
    assert np.abs(read[0].mixed).max() == 0
    assert np.abs(read[1].mixed).max() > 0.1


FOLLOWED = [
    "bert",
    "roberta",
    "xlm-roberta",
    "electra",
    "distilbert",
    "gpt2",
    "modernbert",
    "gpt_neox",
    "llama",
    "qwen2",
    "qwen3",
    "mistral",
]


@pytest.mark.parametrize("family", [*FOLLOWED, "phi3", "t5"])
def test_scores_of_every_followed_family_are_the_sum_of_their_parts(small, family):
    model = small(family)
    trace = model.trace(SENTENCES[0])
    for stack in trace.stacks:
        assert worst(model, trace, stack) < 1e-4


@pytest.mark.parametrize("family", ["llama", "gpt_neox", "qwen2"])
def test_turning_back_gives_what_the_projection_made(small, family):
    model = small(family)
    trace = model.trace(SENTENCES[0])
    first = trace.layers("decoder")[0]
    layer = model.module.layers[0]
    with torch.inference_mode():
        x = layer.input_layernorm(torch.from_numpy(trace.residual["decoder"][0].copy()))
        attention = layer.attention if family == "gpt_neox" else layer.self_attn
        q = attention.query_key_value(x)[:, :8] if family == "gpt_neox" else attention.q_proj(x)[:, :8]
    np.testing.assert_allclose(
        parts_of.turned_back(first.q[0], weights_of.rotations(model, "decoder", len(trace.source))[0]), q.numpy(), atol=1e-4
    )


@pytest.mark.parametrize("family", ["albert", "opt", "gemma2", "gpt_oss"])
def test_a_family_that_is_not_followed_says_so(small, family):
    model = small(family)
    trace = model.trace(SENTENCES[0])
    with pytest.raises(InputError, match="cannot be split"):
        parts_of.score_parts(trace, trace.attentions[0], 0, weights_of.read_weights(model, trace.stacks[0], trace.source))


def test_bert_has_a_table_of_positions_and_t5_a_bias_per_distance(bert, small):
    table = weights_of.position_table(bert, "encoder", 512)
    np.testing.assert_array_equal(table, bert.module.embeddings.position_embeddings.weight.numpy())
    with pytest.raises(InputError, match="no learned bias"):
        weights_of.relative_table(bert, "encoder")
    model = small("t5")
    bias, furthest = weights_of.relative_table(model, "encoder")
    trace = model.trace(SENTENCES[0])
    n = len(trace.source)
    ours = pos.relative(bias, pos.gaps(n), bidirectional=True, furthest=furthest)
    np.testing.assert_allclose(ours, trace.at("encoder", 0).bias[:, :n, :n], atol=1e-5)
    with pytest.raises(InputError, match="no absolute position"):
        weights_of.position_table(model, "encoder", 4)


def test_bert_without_positions_is_permuted_with_its_words(bert):
    words = ["the", "old", "man", "saw", "a", "red", "boat", "near", "shore"]
    order = pos.shuffled(len(words), 3)
    tokens = np.array([0, *(order + 1), len(words) + 1])
    texts = [" ".join(words), " ".join(words[i] for i in order)]

    def difference(positions):
        before, after = (bert.trace(text, positions=positions) for text in texts)
        layers = zip(before.layers("encoder"), after.layers("encoder"), strict=True)
        return max(pos.shuffle_difference(a.all_weights(), b.all_weights(), tokens).max() for a, b in layers)

    assert difference("none") < 1e-5
    assert difference(None) > 0.05


def test_taking_positions_out_of_the_sum_is_a_table_of_zeros(bert, small):
    import copy

    zeroed = copy.deepcopy(bert.module)
    torch.nn.init.zeros_(zeroed.embeddings.position_embeddings.weight)
    ours = bert.trace(SENTENCES[0], positions="none")
    theirs = Pretrained(zeroed, bert.tokenizer, name="zeroed", revision="-").trace(SENTENCES[0])
    for a, b in zip(ours.attentions, theirs.attentions, strict=True):
        np.testing.assert_allclose(a.all_weights(), b.all_weights(), atol=2e-6)


# Longer than training


@pytest.fixture(scope="module")
def reverser():
    """reverser(positions): a model that says letters backwards, not trained."""

    def make(kind, **options):
        torch.manual_seed(0)
        tokenizer = letter_tokenizer(LETTERS)
        size = tokenizer.get_vocab_size()
        shape = {"encoder_layers": 2, "decoder_layers": 0, "n_heads": 4, "d_model": 32, "d_ff": 32, "max_tokens": 40} | options
        return InHouse(
            transformer.Transformer(transformer.Config("tag", size, size, positions=kind, **shape)), tokenizer, name=f"reverse-{kind}"
        )

    return make


@pytest.mark.parametrize("kind", pos.ENCODINGS)
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_an_in_house_models_scores_are_the_sum_of_their_parts(reverser, kind, norm):
    model = reverser(kind, norm=norm)
    assert worst(model, model.trace("p o s i t i o n s"), "encoder") < 1e-5


@pytest.mark.parametrize("kind", ["sinusoidal", "rotary", "alibi"])
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_both_stacks_of_a_translator_add_up_and_its_cross_attention_says_where_it_stops(kind, norm):
    torch.manual_seed(0)
    tokenizer = letter_tokenizer(LETTERS)
    size = tokenizer.get_vocab_size()
    config = transformer.Config("translate", size, encoder_layers=2, decoder_layers=3, d_model=32, d_ff=32, positions=kind, norm=norm)
    model = InHouse(transformer.Transformer(config), tokenizer)
    trace = model.trace("a b c d", target="d c b a")
    assert worst(model, trace, "encoder") < 1e-5
    assert worst(model, trace, "decoder") < 1e-5
    if kind == "sinusoidal":
        with pytest.raises(InputError, match="stops here"):
            parts_of.score_parts(trace, trace.at("cross", 0), 0, weights_of.read_weights(model, "cross", trace.target))
    else:
        assert worst(model, trace, "cross") < 1e-5


@pytest.mark.parametrize("kind", pos.ENCODINGS)
def test_only_a_model_without_positions_is_permuted_with_its_letters(reverser, kind):
    model, order = reverser(kind), pos.shuffled(9, 1)
    letters = "positions"
    before, after = model.trace(letters), model.trace("".join(letters[i] for i in order))
    pairs = zip(before.attentions, after.attentions, strict=True)
    found = max(pos.shuffle_difference(a.all_weights(), b.all_weights(), order).max() for a, b in pairs)
    assert found < 1e-5 if kind == "none" else found > 1e-3


def test_the_table_of_an_in_house_model_is_what_it_adds(reverser):
    np.testing.assert_allclose(weights_of.position_table(reverser("sinusoidal"), "encoder", 12), pos.sinusoid(12, 32), atol=1e-5)
    model = reverser("learned")
    np.testing.assert_array_equal(weights_of.position_table(model, "encoder", 12), model.module.source.position.weight[:12].numpy())
    model = reverser("relative")
    bias = pos.relative(weights_of.relative_table(model, "encoder")[0], pos.gaps(9), bidirectional=True)
    np.testing.assert_allclose(bias, model.trace("positions").at("encoder", 0).bias, rtol=1e-6)
    assert weights_of.rotary_base(reverser("rotary")) == 10000


def test_accuracy_counts_letters_one_by_one(reverser):
    model = reverser("alibi")
    (seen,) = lengths.accuracy_by_length(model, [7], n=20, seed=5)
    drawn = lengths.sequences(7, n=20, seed=5)
    said = [model.tag([" ".join(row)])[0] for row in drawn]
    right = [[a == b for a, b in zip(answer, row[::-1], strict=True)] for answer, row in zip(said, drawn, strict=True)]
    assert seen == lengths.LengthScore(7, 20, sum(map(sum, right)), sum(map(all, right)))
    assert seen.accuracy == seen.right / 140
    assert seen.exact == seen.whole / 20
    assert seen.band[0] <= seen.accuracy <= seen.band[1]


def test_every_model_is_asked_the_same_sequences_and_another_seed_asks_others():
    assert lengths.sequences(5, n=3, seed=1) == lengths.sequences(5, n=3, seed=1) != lengths.sequences(5, n=3, seed=2)


def test_scores_come_one_by_one(reverser):
    scores = lengths.accuracy_by_length(reverser("none"), [4, 40], n=2)
    assert next(scores).length == 4
    assert [score.length for score in scores] == [40]


@pytest.mark.parametrize(("wanted", "n"), [([], 4), ([0], 4), ([4], 0)])
def test_lengths_that_cannot_be_measured_are_named(reverser, wanted, n):
    with pytest.raises(InputError, match="cannot be measured"):
        lengths.accuracy_by_length(reverser("none"), wanted, n=n)


def test_a_length_that_the_model_cannot_read_is_refused_before_anything_is_measured(reverser):
    with pytest.raises(InputError, match="at most 40"):
        lengths.accuracy_by_length(reverser("learned"), [4, 41])


def test_a_model_that_does_not_answer_letter_by_letter_is_refused(bert):
    with pytest.raises(InputError, match="letter by letter"):
        lengths.accuracy_by_length(bert, [4])


def test_the_anti_diagonal_holds_all_the_weight_of_a_mirror():
    assert pos.antidiagonal(np.eye(5)[:, ::-1]) == 1
    assert pos.antidiagonal(np.full((4, 4), 0.25)) == 0.25
