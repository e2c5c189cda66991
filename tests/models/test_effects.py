"""One weight changed while the model runs: the rest stays, zero means zero, and gradients are slopes."""

import numpy as np
import pytest
import torch

from attnlab.core.measures import rollout
from attnlab.core.trace import Attention, Tokens
from attnlab.models.effects import evidence, gradient, likelihood, norms_of, without
from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.models.recorder import Call, Intervention, intervening, record, scores_of
from attnlab.words import InputError

TASKS = {
    "translate": {"encoder_layers": 2, "decoder_layers": 2},
    "classify": {"encoder_layers": 2, "decoder_layers": 0, "classes": 3},
    "tag": {"encoder_layers": 2, "decoder_layers": 0},
    "generate": {"encoder_layers": 0, "decoder_layers": 2},
}


def model(task, tokenizers, positions="sinusoidal"):
    torch.manual_seed(1)
    tokenizer = tokenizers["words"].backend_tokenizer
    small = {"n_heads": 2, "d_model": 16, "d_ff": 24, "max_tokens": 64, "positions": positions}
    module = Transformer(Config(task, vocab=tokenizer.get_vocab_size(), **small, **TASKS[task]))
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.4)
    return InHouse(module, tokenizer, labels=("a", "b", "c") if task == "classify" else ())


def traced(made):
    if made.spec.task == "translate":
        return made.trace("the cat sat", target="a quick brown fox")
    return made.trace("the cat sat on the mat")


def weights_changed(attention, change):
    """The weights of one sublayer, changed by a function of them alone."""
    return Intervention("weights", attention.stack, attention.layer, lambda weights, here: change(weights))


@pytest.mark.parametrize("positions", ["sinusoidal", "alibi", "relative", "rotary"])
@pytest.mark.parametrize("task", TASKS)
def test_weights_written_out_are_the_models_own(small_tokenizers, task, positions):
    made = model(task, small_tokenizers, positions)
    trace = traced(made)
    with torch.inference_mode():
        before = made.again(trace)
    for attention in trace.attentions:
        seen = []
        same = weights_changed(attention, lambda weights, seen=seen: seen.append(weights) or weights)
        with torch.inference_mode():
            after = made.again(trace, [same])
        np.testing.assert_allclose(seen[0][0], attention.all_weights(), atol=1e-5)
        torch.testing.assert_close(likelihood(after, trace), likelihood(before, trace), atol=1e-4, rtol=1e-5)
        torch.testing.assert_close(after.last, before.last, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_the_gradient_is_the_slope_of_what_is_said(small_tokenizers, task):
    """Against a difference of two forward passes with the weight a little smaller and larger."""
    made = model(task, small_tokenizers)
    trace = traced(made)
    for attention in trace.attentions:
        slope = gradient(made, trace, attention)
        head, query, key = np.unravel_index(np.abs(slope).argmax(), slope.shape)
        said = []
        for step in (-1e-3, 1e-3):
            add = torch.zeros(attention.all_weights().shape)
            add[head, query, key] = step
            with torch.inference_mode():
                passed = made.again(trace, [weights_changed(attention, lambda weights, add=add: weights + add)])
                said.append(float(likelihood(passed, trace)))
        assert (said[1] - said[0]) / 2e-3 == pytest.approx(slope[head, query, key], rel=0.05, abs=0.02)


def test_without_a_weight_its_value_does_not_arrive():
    q, k, v = (torch.randn(1, 2, 3, 4, generator=torch.Generator().manual_seed(i)) for i in range(3))
    calls = [Call(q, k, v, 0.5, where={"stack": "encoder", "layer": layer}) for layer in range(3)]
    dropped = torch.ones(1, 2, 3, 3)
    dropped[0, 1, 2, 0] = 0
    with intervening([Intervention("weights", "encoder", 1, lambda weights, here: weights * dropped)]):
        first, second, third = map(record, calls)
    assert first is None
    assert third is None
    lost = torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=0.5) - second
    wanted = torch.zeros_like(v)
    wanted[0, 1, 2] = scores_of(calls[1]).softmax(-1)[0, 1, 2, 0] * v[0, 1, 0]
    torch.testing.assert_close(lost, wanted)
    assert record(calls[1]) is None


@pytest.mark.parametrize("task", TASKS)
def test_a_weight_taken_away_changes_what_is_said(small_tokenizers, task):
    made = model(task, small_tokenizers)
    trace = traced(made)
    attention = trace.attentions[0]
    effect = without(made, trace, attention, 0, len(attention.queries) - 1, 0)
    assert effect.said != 0
    assert effect.moved.max() > 0


def test_a_weight_of_zero_can_be_taken_away_without_a_trace(small_tokenizers):
    made = model("generate", small_tokenizers)
    trace = traced(made)
    effect = without(made, trace, trace.attentions[0], 0, 0, 3)  # a key in the future
    assert effect.said == pytest.approx(0, abs=1e-5)
    assert effect.moved.max() < 1e-5


def test_what_is_said_does_not_stay_changed(small_tokenizers):
    made = model("tag", small_tokenizers)
    first = traced(made)
    without(made, first, first.attentions[0], 0, 1, 1)
    gradient(made, first, first.attentions[1])
    np.testing.assert_array_equal(traced(made).outputs["logits"], first.outputs["logits"])
    assert all(p.grad is None for p in made.module.parameters())


def test_bert_says_nothing_but_its_vectors_move(bert):
    trace = bert.trace("The cat sat on the mat because it was tired.")
    found = evidence(bert, trace, trace.at("encoder", 3), 1, 8, 2)
    assert found.gradient is None
    assert found.without is None
    assert 0 < found.moved < 1
    assert found.weight == pytest.approx(float(trace.at("encoder", 3).weights(1)[8, 2]))
    assert found.rollout == pytest.approx(float(rollout([a.all_weights() for a in trace.layers("encoder")[:4]])[8, 2]))


def test_berts_norms_are_those_of_its_own_output_map(bert):
    """Kobayashi's f(x) = (x·W_V + b_V)·W_O, from transformers' modules and the residual stream."""
    trace = bert.trace("The cat sat on the mat.")
    attention = trace.at("encoder", 2)
    block = bert.module.encoder.layer[2].attention
    x = torch.from_numpy(trace.residual["encoder"][2].copy())
    v = block.self.value(x).unflatten(-1, (12, -1))  # [n h d]
    w_o = block.output.dense.weight.T.unflatten(0, (12, -1))  # [h d m]
    lengths = torch.einsum("nhd,hdm->hnm", v, w_o).norm(dim=-1)
    wanted = torch.from_numpy(attention.all_weights().copy()) * lengths[:, None]
    np.testing.assert_allclose(norms_of(bert, trace, attention), wanted, rtol=1e-4, atol=1e-6)


def test_cross_attention_has_evidence_but_no_rollout(small_tokenizers):
    made = model("translate", small_tokenizers)
    trace = traced(made)
    found = evidence(made, trace, trace.at("cross", 1), 1, 2, 0)
    assert found.rollout is None
    assert None not in (found.norm, found.gradient, found.without)
    assert 0 <= found.share <= 1


def test_a_model_that_gives_its_weights_alone_cannot_be_changed(bert):
    one = Tokens(("x",), (0,), (False,), (0,), ((0, 1),), (0,))
    bare = Attention("encoder", 0, one, one, None, None, None, stored=np.ones((1, 1, 1), np.float32))
    with pytest.raises(InputError, match="weights"):
        evidence(bert, bert.trace("a"), bare, 0, 0, 0)
