"""Numbers of one run put into another: 1 where all is restored, as hooks do it, refused where it means nothing."""

import numpy as np
import pytest
import torch

from attnlab import load
from attnlab.models.answers import answers
from attnlab.models.patching import LONGEST, aligned, patch_map, spearman
from attnlab.words import InputError

GOOD, BAD = "What a lovely film!", "What a boring film!"


def test_the_word_that_was_changed_carries_the_whole_answer():
    model = load("sentiment")
    clean, corrupt = model.trace(GOOD), model.trace(BAD)
    found = patch_map(model, clean, corrupt)
    place = next(i for i, (a, b) in enumerate(zip(clean.source.ids, corrupt.source.ids, strict=True)) if a != b)
    assert found.shares[0, place] == pytest.approx(1, abs=1e-4)  # before the first layer the word is all the difference
    np.testing.assert_allclose(np.delete(found.shares[0], place), 0, atol=1e-4)
    noisy = patch_map(model, clean, corrupt, noise=True)
    assert noisy.shares[0, place] == pytest.approx(0, abs=1e-4)
    heads = patch_map(model, clean, corrupt, place="z")
    assert heads.shares.shape == (2, 12)
    assert heads.places[3] == "H3"
    restored = answers(model, model.trace(BAD, edits=[found.edits[place]]), clean)  # what a click on the cell shows
    assert [one.value for one in restored] == pytest.approx([one.value for one in answers(model, clean, clean)], abs=1e-5)


def test_a_translation_is_restored_by_the_word_it_speaks_of():
    model = load("translate-fr")
    clean = model.trace("The cat sleeps.")
    found = patch_map(model, clean, model.trace("The dog sleeps.", target=clean.target_text))
    assert found.shares[0, 1] == pytest.approx(1, abs=1e-3)
    assert found.clean > found.corrupt


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ("What a very boring film!", "tokens; numbers can only be moved"),
        (GOOD, "are the same"),
        ("what a lovely film!", "the same|hardly differ"),
    ],
)
def test_a_pair_that_means_nothing_is_refused(other, said):
    model = load("sentiment")
    with pytest.raises(InputError, match=said):
        patch_map(model, model.trace(GOOD), model.trace(other))


@pytest.mark.parametrize("place", ["z", "q", "k", "v", "weights"])
def test_a_head_patched_is_what_a_hook_gives(bert, place):
    """q, k, v: what the projection gives; z: what W_O reads, both by transformers' own modules; weights: their mix of v."""
    texts = ("the cat sat on the mat", "the dog sat on the mat")
    clean, corrupt = map(bert.trace, texts)
    found = patch_map(bert, clean, corrupt, place=place)
    layer, head = 2, 5
    block, d = bert.module.encoder.layer[layer].attention, slice(head * 32, (head + 1) * 32)
    ours, theirs = (run.at("encoder", layer) for run in (clean, corrupt))
    new = {"z": ours.z(head), "weights": ours.weights(head) @ theirs.need("v")[head]} | {p: ours.need(p)[head] for p in "qkv"}
    part = {"q": block.self.query, "k": block.self.key, "v": block.self.value}.get(place, block.output.dense)

    def put(x):
        x = x.clone()
        x[0, :, d] = torch.from_numpy(new[place].copy())
        return x

    if place in "qkv":
        hook = part.register_forward_hook(lambda module, given, said: put(said))
    else:
        hook = part.register_forward_pre_hook(lambda module, given: (put(given[0]),))
    ids = torch.tensor([corrupt.source.ids])
    with torch.no_grad():
        try:
            now = bert.module(input_ids=ids).last_hidden_state[0].double().mean(0)
        finally:
            hook.remove()
        was = bert.module(input_ids=ids).last_hidden_state[0].double().mean(0)
        whole = bert.module(input_ids=torch.tensor([clean.source.ids])).last_hidden_state[0].double().mean(0)
    cosine = [float(torch.cosine_similarity(x, whole, dim=0)) for x in (now, was)]
    assert found.shares[layer, head] == pytest.approx((cosine[0] - cosine[1]) / (1 - cosine[1]), abs=1e-4)


def test_the_first_guess_is_the_slope_and_ranks_as_the_real_runs_do():
    model = load("sentiment")
    found = patch_map(model, model.trace(GOOD), model.trace(BAD))
    assert found.guess.shape == found.shares.shape
    assert found.agreement > 0.5
    assert spearman(np.array([1.0, 2.0, 2.0, 3.0]), np.array([10.0, 20.0, 20.0, 40.0])) == pytest.approx(1)
    assert spearman(np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])) == pytest.approx(-1)
    assert np.isnan(spearman(np.array([1.0]), np.array([1.0])))


def test_sentences_of_different_lengths_are_aligned_where_words_correspond():
    assert aligned([1, 2, 3, 4], [1, 2, 9, 3, 4]) == ((0, 0), (1, 1), (2, 3), (3, 4))
    assert aligned([1, 2, 3], [1, 5, 3]) == ((0, 0), (1, 1), (2, 2))
    assert aligned([1, 7, 8, 3], [1, 5, 3]) == ((0, 0), (3, 2))
    model = load("sentiment")
    clean, corrupt = model.trace(GOOD), model.trace("What a very boring film!")
    with pytest.raises(InputError, match="align"):
        patch_map(model, clean, corrupt)
    found = patch_map(model, clean, corrupt, align=True)
    assert found.places == corrupt.source.pieces
    assert np.isnan(found.shares[0]).sum() == 2  # very, boring against lovely: not as many
    assert np.isfinite(patch_map(model, clean, corrupt, align=True, place="k").shares).all()
    with pytest.raises(InputError, match="tokens"):
        patch_map(model, clean, corrupt, align=True, place="weights")


def test_every_stack_of_a_translation_has_its_maps():
    model = load("translate-fr")
    clean = model.trace("The cat sleeps.")
    corrupt = model.trace("The dog sleeps.", target=clean.target_text)
    for stack in clean.stacks:
        assert np.isfinite(patch_map(model, clean, corrupt, place="v", stack=stack).shares).all()
    with pytest.raises(InputError, match="no cross stack"):
        patch_map(model, clean, corrupt, stack="cross")


def test_runs_of_two_models_and_long_texts_are_refused(bert):
    with pytest.raises(InputError, match="different models"):
        patch_map(bert, bert.trace(GOOD), load("sentiment").trace(BAD))
    long = "the cat sat " * LONGEST
    with pytest.raises(InputError, match=r"would take about \d+ seconds"):
        patch_map(bert, bert.trace(long), bert.trace(long.replace("cat", "dog", 1)))


def test_outputs_that_hardly_differ_are_not_shared_out(bert, monkeypatch):
    monkeypatch.setattr("attnlab.models.patching.LEAST", 2.0)
    with pytest.raises(InputError, match="hardly differ"):
        patch_map(bert, bert.trace("the cat sat"), bert.trace("the dog sat"))
