"""Models that are in memory already, and what they have already said."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import attnlab
from attnlab.models.load import bert_folder


@pytest.fixture(scope="module")
def own():
    """Somebody's BERT in training mode, and its tokenizer."""
    transformers = pytest.importorskip("transformers")
    module = transformers.AutoModel.from_pretrained(bert_folder(), attn_implementation="eager").train()
    return module, transformers.AutoTokenizer.from_pretrained(bert_folder())


def test_a_model_in_memory_gives_the_same_trace_and_stays_as_it_was(own):
    module, tokenizer = own
    recorded = attnlab.record(module, tokenizer, name="mine")
    mine, bert = recorded.trace("The cat sat."), attnlab.load("bert").trace("The cat sat.")
    for a, b in zip(mine.attentions, bert.attentions, strict=True):
        np.testing.assert_allclose(a.all_weights(), b.all_weights(), atol=1e-6)
        assert a.recorded
    assert (mine.model, mine.revision) == ("mine", "memory")
    assert module.training
    assert all(each.requires_grad for each in module.parameters())
    assert module.config._attn_implementation == "eager"


def test_a_training_that_goes_on_in_place_is_seen(own):
    module, tokenizer = own
    recorded = attnlab.record(module, tokenizer)
    before = recorded.trace("a b").attentions[0].weights(0).copy()
    weight = module.encoder.layer[0].attention.self.query.weight
    with torch.no_grad():
        weight.mul_(2)
    try:
        assert not np.allclose(recorded.trace("a b").attentions[0].weights(0), before)
    finally:
        with torch.no_grad():
            weight.div_(2)


def test_outputs_are_a_trace_of_weights_alone_without_padding(own):
    module, tokenizer = own
    inputs = tokenizer(["The cat sat on the mat.", "The cat sat."], padding=True, return_tensors="pt")
    module.eval()
    try:
        with torch.no_grad():
            outputs = module(**inputs, output_attentions=True)
    finally:
        module.train()
    trace, bert = attnlab.from_outputs(tokenizer, inputs, outputs, row=1), attnlab.load("bert").trace("The cat sat.")
    assert trace.source.pieces == bert.source.pieces
    assert not trace.attentions[0].recorded
    np.testing.assert_allclose(trace.at("encoder", 3).weights(2), bert.at("encoder", 3).weights(2), atol=1e-5)


def ids(*numbers):
    return np.array([numbers])


def test_a_decoder_is_told_by_what_its_tokens_cannot_see(own):
    weights = np.array([[[[1.0, 0.0], [0.5, 0.5]]]])
    trace = attnlab.from_outputs(own[1], {"input_ids": ids(1996, 4937)}, {"attentions": (weights,)})
    assert trace.stacks == ("decoder",)
    assert trace.source.pieces == ("the", "cat")


@pytest.mark.parametrize("given", [{"decoder_input_ids": ids(0, 4937)}, {"labels": ids(4937, -100)}])
def test_an_encoder_decoder_has_three_stacks(own, given):
    encoder, decoder, cross = np.ones((1, 1, 1, 1)), np.tril(np.ones((1, 1, 2, 2))), np.ones((1, 1, 2, 1))
    outputs = SimpleNamespace(encoder_attentions=(encoder,), decoder_attentions=(decoder,), cross_attentions=(cross,))
    trace = attnlab.from_outputs(own[1], {"input_ids": ids(1996)} | given, outputs)
    assert trace.stacks == ("encoder", "decoder", "cross")
    assert trace.at("cross", 0).weights(0).shape == (2, 1)
    assert trace.target.pieces == ("[PAD]", "cat")


ONE = (np.ones((1, 1, 1, 1)),)


@pytest.mark.parametrize(
    ("inputs", "outputs", "more", "said"),
    [
        ({"input_ids": ids(5)}, {"attentions": None}, {}, "output_attentions=True"),
        ({"input_ids": ids(5)}, {"attentions": (None,)}, {}, "output_attentions=True"),
        ({"input_ids": ids(5)}, {"attentions": (ONE,)}, {}, "step by step"),
        ({"pixels": ids(5)}, {"attentions": ONE}, {}, "inputs hold no input_ids; they hold pixels"),
        ({"input_ids": ids(5)}, {"attentions": ONE}, {"row": 3}, "row 3 does not exist; the batch has 1 texts"),
        ({"input_ids": ids(5, 6)}, {"attentions": ONE}, {}, "encoder weights are 1 x 1 but there are 2 x 2 ids"),
        ({"input_ids": ids(5)}, {"encoder_attentions": ONE, "cross_attentions": ONE}, {}, "neither decoder_input_ids nor labels"),
    ],
)
def test_outputs_that_cannot_be_read_say_why(own, inputs, outputs, more, said):
    with pytest.raises(ValueError, match=said):
        attnlab.from_outputs(own[1], inputs, outputs, **more)
