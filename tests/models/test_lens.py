"""The lens: what a model would say at each layer; after the last one it is what the model says."""

import numpy as np
import pytest

from attnlab import load
from attnlab.models.ledgers import show
from attnlab.models.lens import lens
from attnlab.words import InputError


@pytest.fixture(scope="module")
def seen():
    model = load("write-en")
    trace = model.trace("Once upon a time there was a wolf")
    return model, trace, lens(model, trace)


def test_after_the_last_layer_the_lens_is_the_models_own_output(seen):
    model, trace, found = seen
    logits = trace.outputs["logits"].astype(np.float64)
    p = np.exp(logits - logits.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    assert found.words[-1] == tuple(show(model, int(i)) for i in logits.argmax(-1))
    np.testing.assert_allclose(found.probability[-1], p.max(-1), rtol=1e-4)
    np.testing.assert_allclose(found.divergence[-1], 0, atol=1e-6)
    assert (found.rank[-1] == 0).all()


def test_there_is_an_answer_before_every_layer_and_at_every_token(seen):
    _, trace, found = seen
    shape = (len(trace.residual["decoder"]), len(trace.source))
    assert found.probability.shape == found.divergence.shape == found.rank.shape == shape
    assert [len(words) for words in found.words] == [shape[1]] * shape[0]
    assert ((found.probability > 0) & (found.probability <= 1)).all()
    assert (found.divergence >= 0).all()
    assert found.divergence[0].mean() > found.divergence[-2].mean() > 0  # nearer and nearer to the end


def test_the_rank_is_that_of_the_last_word_among_the_words_of_a_layer(seen):
    """Where a layer would say the last word already, its rank is 0; elsewhere it is not."""
    _, _, found = seen
    for words, rank in zip(found.words, found.rank, strict=True):
        assert [word == last for word, last in zip(words, found.words[-1], strict=True)] == [r == 0 for r in rank]


@pytest.mark.parametrize(("name", "text"), [("sentiment", "A good film."), ("bert", "A cat.")])
def test_a_model_that_writes_no_tokens_has_no_lens(name, text):
    model = load(name)
    with pytest.raises(InputError) as caught:
        lens(model, model.trace(text))
    assert caught.value.key == "error.ledger_none"
