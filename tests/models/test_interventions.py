"""Heads knocked out and numbers carried over: in a batch as one by one, 1 where all is restored, refused where it means nothing."""

import numpy as np
import pytest

from attnlab import Edit, load
from attnlab.models.answers import answers
from attnlab.models.interventions import importance, knock_outs
from attnlab.models.ledgers import ledger, reading
from attnlab.words import InputError

TEXT = "the cat sat on the mat"
GOOD, BAD = "What a lovely film!", "What a boring film!"


def test_knock_outs_in_one_batch_are_those_one_by_one(bert):
    trace, other = bert.trace(TEXT), bert.trace("a dog ran")
    found = knock_outs(bert, trace, "encoder", found=reading(bert, trace, similar_to=other))
    assert found.shape == (6, 12)
    clean = ledger(trace, similar_to=other).output
    for layer, head in ((0, 0), (2, 3), (5, 11)):
        alone = ledger(bert.trace(TEXT, edits=[Edit("z", layer=layer, head=head)]), similar_to=other).output
        assert found[layer, head] == pytest.approx(alone - clean, abs=1e-5)


def test_the_layers_below_a_change_are_run_once(bert):
    rows = []
    watch = lambda layer, given, named: rows.append(len(given[0] if given else named["hidden_states"]))  # noqa: E731
    hooks = [layer.register_forward_pre_hook(watch, with_kwargs=True) for layer in bert.module.base_model.encoder.layer]
    trace = bert.trace(TEXT)
    rows.clear()
    knock_outs(bert, trace, "encoder")
    for hook in hooks:
        hook.remove()
    assert rows == [14, 26, 38, 50, 62, 74]  # the run as it is, the same with its z written out, and one more for each head so far


def test_a_mean_and_a_sample_stand_in_for_a_head(bert):
    trace, texts = bert.trace(TEXT), [TEXT, "a dog ran"]
    by_mean, by_sample, by_zero = (knock_outs(bert, trace, "encoder", by=by, texts=texts) for by in ("mean", "resample", "zero"))
    edit = Edit("z", layer=1, head=2, to="mean", texts=["a dog ran"])
    cosine = answers(bert, bert.trace(TEXT, edits=[edit]), trace)[0].value
    assert by_mean[1, 2] == pytest.approx(cosine - 1, abs=1e-5)
    assert not np.allclose(by_mean, by_zero)
    assert not np.allclose(by_mean, by_sample)
    with pytest.raises(InputError, match="needs texts"):
        knock_outs(bert, trace, "encoder", by="mean", texts=[TEXT])


def test_importance_is_the_mean_over_sentences_with_an_interval():
    model = load("sentiment")
    found = importance(model, [GOOD, BAD, "It was fine."], "encoder")
    each = np.stack([knock_outs(model, model.trace(text), "encoder") for text in (GOOD, BAD, "It was fine.")])
    np.testing.assert_allclose(found.mean, each.mean(0), atol=1e-6)
    assert (found.low <= found.mean + 1e-7).all()
    assert (found.mean <= found.high + 1e-7).all()
    assert found.sentences == 3
    with pytest.raises(InputError, match="needs texts"):
        importance(model, [], "encoder")


def test_a_model_of_weights_alone_has_no_knock_outs(bert):
    trace = bert.trace(TEXT)

    class Bare:
        spec = type("Spec", (), {"records": False, "name": "bare"})()

    with pytest.raises(InputError, match="does not let them be changed"):
        knock_outs(Bare(), trace, "encoder")


@pytest.mark.parametrize("name", ["bert", "sentiment", "translate-fr", "reverse-rotary"])
def test_every_kind_of_model_says_what_it_says(name):
    model = load(name)
    trace = model.trace("a b c d" if "reverse" in name else GOOD)
    found = answers(model, trace, trace)
    assert all(0 <= answer.value <= 1 + 1e-6 for answer in found)
    said = {"sentiment": "positive", "translate-fr": trace.target_text, "bert": "cosine", "reverse-rotary": "d"}[name]
    assert said in [answer.says for answer in found]
