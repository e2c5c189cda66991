"""Attention calls of a whole batch, written out in torch: the second route to the weights that a trace works out."""

import math

import numpy as np
import pytest
import torch

from attnlab import load
from attnlab.core.batched import NAMES, Chosen, chosen_cells, measured_batch, strongest_cell
from attnlab.core.measures import Ask, measured
from attnlab.core.trace import Tokens
from attnlab.models.recorder import Call, record, recording, scores_of, softmax_of, visible_keys
from tests.models.test_edits import small

__all__ = ["small"]

TEXTS = ("the cat sat on the mat", "the dog lay in the sun")


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "gemma2", "gpt_oss", "modernbert", "distilbert"])
def test_every_call_of_a_batch_gives_the_weights_of_each_sentence(small, family):
    """Soft caps, sinks, shared keys, windows and causal masks."""
    model = small(family)
    tokens = [model.tokenize(text) for text in ("a quick brown fox", "a quick brown fox")]
    attentions = model.trace("a quick brown fox").attentions
    calls = model.calls(tokens)
    assert len(calls) == len(attentions)
    for call, attention in zip(calls, attentions, strict=True):
        weights = softmax_of(call, scores_of(call))
        assert weights.shape[0] == 2
        np.testing.assert_allclose(weights[1].numpy(), attention.all_weights(), atol=2e-6)
        np.testing.assert_array_equal(visible_keys(call), attention.visible())


@pytest.mark.parametrize("name", ["write-en", "reverse-alibi"])
def test_an_inhouse_batch_gives_the_weights_of_each_sentence(name):
    model = load(name)
    text = "The wolf saw the sheep" if name == "write-en" else "c a b"
    for call, attention in zip(model.calls([model.tokenize(text)]), model.trace(text).attentions, strict=True):
        np.testing.assert_allclose(softmax_of(call, scores_of(call))[0].numpy(), attention.all_weights(), atol=2e-6)
        np.testing.assert_array_equal(visible_keys(call), attention.visible())


def test_a_pass_ends_with_the_last_call_that_was_asked_for():
    x, went_on = torch.zeros(1, 1, 2, 1), []
    with recording(most=2) as recorder:
        for i in range(3):
            record(Call(x, x, x, 1.0))
            went_on.append(i)
    assert (len(recorder.calls), went_on) == (2, [0])


def test_scores_by_hand():
    """q·k is 1 and 2, halved; a bias is added, a cap bends, and what is hidden is minus infinity."""
    q, k = torch.tensor([[[[1.0], [2.0]]]]), torch.tensor([[[[1.0], [1.0]]]])
    bias = torch.tensor([[[[0.0, 0.25], [torch.finfo(torch.float32).min, 0.0]]]])
    plain = Call(q, k, k, 0.5, None, None, False)
    torch.testing.assert_close(scores_of(plain)[0, 0], torch.tensor([[0.5, 0.5], [1.0, 1.0]]))
    biased = Call(q, k, k, 0.5, None, bias, False)
    torch.testing.assert_close(scores_of(biased)[0, 0], torch.tensor([[0.5, 0.75], [-math.inf, 1.0]]))
    np.testing.assert_array_equal(visible_keys(biased), [[True, True], [False, True]])
    capped = Call(q, k, k, 0.5, None, None, True, soft_cap=2.0)
    torch.testing.assert_close(scores_of(capped)[0, 0, 1], 2 * torch.tanh(torch.tensor([0.5, 0.5])))
    assert scores_of(capped)[0, 0, 0, 1] == -math.inf
    np.testing.assert_array_equal(visible_keys(capped), [[True, False], [True, True]])
    mask = torch.tensor([[[[True, False], [True, True]]]])
    assert scores_of(Call(q, k, k, 0.5, mask, None, False))[0, 0, 0, 1] == -math.inf


def test_a_sink_takes_its_share_and_is_no_key():
    """Scores 0 and 0 beside a sink of log 2: a quarter each, half is gone."""
    q = k = torch.zeros(1, 1, 2, 1)
    call = Call(q, k, k, 1.0, None, None, False, sinks=torch.tensor([math.log(2)]))
    torch.testing.assert_close(softmax_of(call, scores_of(call)), torch.full((1, 1, 2, 2), 0.25))


def test_a_batch_measures_what_each_sentence_does(bert):
    tokens = [bert.tokenize(text) for text in TEXTS]
    assert len({len(one) for one in tokens}) == 1
    chosen = Chosen.of(tokens)
    each = [bert.trace(text).at("encoder", 3) for text in TEXTS]
    batch = measured_batch(torch.from_numpy(np.stack([attention.all_weights() for attention in each])), chosen)  # [b m h]
    for values, attention in zip(batch, each, strict=True):
        wanted = measured(attention)
        np.testing.assert_allclose(values, np.stack([wanted[name] for name in NAMES]), rtol=1e-3, atol=1e-4)


def test_the_strongest_cell_is_among_those_that_a_measure_counts():
    """Of the row 0.6 0.4 0, the neighbour before is the 0.4 in the second row; entropy takes the largest of the row that is spread most."""
    tokens = Tokens(("a", "b", "c"), (0, 1, 2), (False,) * 3, (0, 1, 2), (None,) * 3, (0,) * 3)
    weights = np.array([[[0.2, 0.3, 0.5], [0.4, 0.6, 0.0], [0.1, 0.8, 0.1]]], np.float32)
    ask = Ask(weights, tokens, tokens, visible=np.ones((3, 3), bool))
    cells = chosen_cells(ask, own=True)
    found = {name: strongest_cell(weights[0], name, cells.get(name)) for name in ("previous", "next", "self", "entropy")}
    assert found == {"previous": (2, 1), "next": (0, 1), "self": (1, 1), "entropy": (0, 2)}
