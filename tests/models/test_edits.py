"""Edits of a run: nothing changed is the model bit for bit, what is put in is there afterwards, and what cannot be is said."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from attnlab import Edit, load
from attnlab.core.edits import MOST, read_edits, write_edits
from attnlab.models.edits import interventions
from attnlab.models.pretrained.model import Pretrained
from attnlab.models.weights import read_weights
from attnlab.words import InputError
from tests.models.test_effects import TASKS
from tests.models.test_effects import model as small_model
from tests.models.test_pretrained import FAMILIES, RECORDED, random_module

TEXT = "the cat sat on the mat"
RESIDUAL = [family for family in RECORDED if family != "albert"]  # its layers are one module


@pytest.fixture(scope="module")
def small(small_tokenizers):
    """small(name): a random pretrained model of a family, or an in-house one of a task."""
    made = {}

    def make(name):
        if name not in made and name in TASKS:
            made[name] = small_model(name, small_tokenizers)
        elif name not in made:
            made[name] = Pretrained(random_module(name), small_tokenizers[FAMILIES[name][0]], name=name, revision="random")
        return made[name]

    return make


def run(model, edits=(), text=TEXT):
    return model.trace(text, target="a quick fox" if "cross" in model.spec.stacks else None, edits=edits)


def apart(a, b):
    """The largest difference of two traces' last streams and logits."""
    streams = [np.abs(a.residual[s][-1] - b.residual[s][-1]).max() for s in a.residual]
    said = [np.abs(a.outputs[name] - b.outputs[name]).max() for name in a.outputs]
    return float(max(streams + said))


@pytest.mark.parametrize("name", [*TASKS, *RECORDED])
def test_putting_in_what_is_there_changes_nothing_and_no_edit_is_the_model_itself(small, name):
    model = small(name)
    clean = run(model)
    assert apart(clean, run(model, [])) == 0
    size = max(1.0, *(float(np.abs(x[-1]).max()) for x in clean.residual.values()))
    for attention in (clean.layers(stack)[-1] for stack in clean.stacks):
        here = {"stack": attention.stack, "layer": attention.layer}
        z = np.stack([attention.z(head) for head in range(attention.n_heads)])
        same = [Edit(place, **here, to=getattr(attention, place)) for place in ("q", "k", "v")]
        same += [Edit("weights", **here, to=attention.all_weights()), Edit("z", **here, to=z), Edit("z", **here, to="times", factor=1.0)]
        seen = run(model, same)
        assert apart(clean, seen) <= 1e-5 * size
        assert len(seen.edits) == 6
        assert seen.key != clean.key


@pytest.mark.parametrize("name", [*TASKS, *RESIDUAL])
def test_a_whole_layer_patched_from_the_clean_run_gives_the_clean_run(small, name):
    model = small(name)
    clean = run(model)
    for stack in clean.residual:
        broken = Edit("embedding", stack=stack, query=1, to="zero")
        patched = run(model, [broken, Edit("stream", stack=stack, layer=1, to=clean.residual[stack][1])])
        assert apart(clean, run(model, [broken])) > 1e-3
        np.testing.assert_array_equal(patched.residual[stack][-1], clean.residual[stack][-1])
        np.testing.assert_array_equal(patched.residual[stack][1], clean.residual[stack][1])


@pytest.mark.parametrize("name", [*TASKS, "bert", "gpt2", "distilbert", "electra"])
def test_all_heads_but_one_knocked_out_leaves_that_heads_part_and_the_bias(small, name):
    """Never slices of the output after W_O."""
    model = small(name)
    clean = run(model)
    stack = clean.stacks[0]
    attention = clean.at(stack, 0)
    cut = run(model, [Edit("z", stack=stack, layer=0, head=h, to="zero") for h in range(attention.n_heads) if h != 1])
    heads = read_weights(model, stack, attention.queries).layers[0].own
    d = attention.d_head
    wanted = attention.z(1) @ heads.w_o.weight[d : 2 * d]
    joined = np.concatenate([cut.at(stack, 0).z(h) for h in range(attention.n_heads)], -1)
    np.testing.assert_allclose(joined @ heads.w_o.weight, wanted, atol=1e-5)
    assert apart(clean, cut) > 1e-3


def test_grouped_queries_keep_fewer_keys_and_values(small):
    model = small("llama")
    cut = run(model, [Edit("v", stack="decoder", layer=0, head=1, to="zero")])
    assert not cut.at("decoder", 0).z(2).any()  # heads 2 and 3 read the second of two
    assert cut.at("decoder", 0).z(1).any()
    with pytest.raises(InputError, match="no head 2"):
        run(model, [Edit("v", stack="decoder", layer=0, head=2, to="zero")])


def test_a_cut_before_the_softmax_is_renormalised_and_one_after_it_is_not(bert):
    clean = bert.trace(TEXT)
    before = bert.trace(TEXT, edits=[Edit("scores", layer=1, head=2, query=3, key=2, to="cut")]).at("encoder", 1).weights(2)[3]
    after = bert.trace(TEXT, edits=[Edit("weights", layer=1, head=2, query=3, key=2, to="zero")]).at("encoder", 1).weights(2)[3]
    whole = clean.at("encoder", 1).weights(2)[3]
    left = np.where(np.arange(len(whole)) == 2, 0, whole)
    np.testing.assert_allclose(after, left, atol=1e-6)
    np.testing.assert_allclose(before, left / left.sum(), atol=1e-6)
    again = bert.trace(TEXT, edits=[Edit("weights", layer=1, head=2, query=3, key=2, to="zero", renormalise=True)])
    np.testing.assert_allclose(again.at("encoder", 1).weights(2)[3], before, atol=1e-6)


@pytest.mark.parametrize("to", ["uniform", "identity", "first", "previous"])
def test_rows_of_a_known_shape_keep_to_the_keys_that_may_be_seen(small, to):
    weights = run(small("gpt2"), [Edit("weights", stack="decoder", layer=1, head=0, to=to)]).at("decoder", 1).weights(0)
    n = len(weights)
    wanted = {
        "uniform": np.tril(np.ones((n, n))) / np.arange(1, n + 1)[:, None],
        "identity": np.eye(n),
        "first": np.eye(n)[[0] * n],
        "previous": np.eye(n)[[0, *range(n - 1)]],
    }
    np.testing.assert_allclose(weights, wanted[to], atol=1e-6)


def test_means_and_other_runs_are_what_stood_there(bert):
    there = ["a dog ran", "we sat down here"]
    z = [np.stack([a.z(h) for h in range(12)]) for a in (bert.trace(text).at("encoder", 1) for text in there)]
    mean = bert.trace(TEXT, edits=[Edit("z", layer=1, to="mean", texts=there)]).at("encoder", 1)
    np.testing.assert_allclose(mean.z(4), np.concatenate(z, 1).mean(1)[4][None].repeat(len(mean.queries), 0), atol=1e-5)
    own = bert.trace(TEXT, edits=[Edit("z", layer=1, to="mean")]).at("encoder", 1)
    np.testing.assert_allclose(own.z(4)[0], bert.trace(TEXT).at("encoder", 1).z(4).mean(0), atol=1e-5)
    other = bert.trace(TEXT, edits=[Edit("z", layer=1, head=3, to="run", texts=["the dog ran on the mat"])]).at("encoder", 1)
    np.testing.assert_allclose(other.z(3), bert.trace("the dog ran on the mat").at("encoder", 1).z(3), atol=1e-5)
    with pytest.raises(InputError, match="do not fit z"):
        bert.trace(TEXT, edits=[Edit("z", layer=1, head=3, to="run", texts=["too short"])])
    with pytest.raises(InputError, match="same length"):
        bert.trace(TEXT, edits=[Edit("weights", layer=1, to="mean", texts=there)])


@pytest.mark.parametrize("point", ["attention", "feed_forward"])
@pytest.mark.parametrize("name", ["bert", "distilbert", "tag"])
def test_the_stream_can_be_changed_inside_a_layer(small, name, point):
    model = small(name)
    cut = run(model, [Edit("stream", layer=1, query=2, point=point, to="zero")])
    assert apart(run(model), cut) > 1e-3
    if point == "feed_forward":
        assert not cut.residual["encoder"][2][2].any()


def test_a_batch_of_edits_is_the_same_as_one_by_one(bert):
    trace = bert.trace(TEXT)
    edits = [Edit("z", layer=layer, head=3, to="zero") for layer in range(6)]
    with torch.inference_mode():
        together = bert.again(trace, [one for i, edit in enumerate(edits) for one in interventions(bert, [edit], copy=i)], copies=6).last
    for row, edit in zip(together, edits, strict=True):
        np.testing.assert_allclose(row.numpy(), bert.trace(TEXT, edits=[edit]).residual["encoder"][-1], atol=1e-5)


def test_a_translation_is_written_under_its_edits():
    """Cached decoding and beam search read the same numbers as the pass that is shown."""
    model = load("translate-fr")
    edits = [Edit("weights", stack="cross", to="uniform"), Edit("z", stack="decoder", layer=0, head=1, to="zero")]
    edits += [
        Edit("scores", stack="decoder", layer=1, key=0, query=[2, 3], to="cut"),
        Edit("stream", stack="decoder", layer=1, query=2, to="zero"),
    ]
    seen = model.trace("The cat sleeps.", edits=edits)
    assert seen.target_text != model.trace("The cat sleeps.").target_text
    forced = model.trace("The cat sleeps.", target=seen.target_text, edits=edits)
    greedy = np.argmax(forced.outputs["logits"], -1)
    assert forced.target.ids == seen.target.ids
    assert (greedy[:-1] == forced.target.ids[1:]).mean() >= 0.5  # beam search follows the edited logits, not the model's own


def test_a_writer_of_transformers_is_edited_while_it_writes(small):
    model = small("marian")
    edits = [Edit("z", stack="cross", to="zero"), Edit("stream", stack="decoder", layer=1, query=[0, 1], to="zero")]
    seen = model.trace("the lazy dog", edits=edits)
    greedy = np.argmax(seen.outputs["logits"], -1)
    n = len(seen.target) - 1
    assert list(greedy[:n]) == list(seen.target.ids[1:])  # the pass that is shown would write the same


def test_sixteen_threads_with_different_edits_mix_nothing(bert):
    wanted = [bert.trace(TEXT, edits=[Edit("z", layer=1, head=h % 12, to="zero")]).residual["encoder"][-1] for h in range(16)]
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda h: bert.trace(TEXT, edits=[Edit("z", layer=1, head=h % 12, to="zero")]), range(16)))
    for trace, stream in zip(found, wanted, strict=True):
        np.testing.assert_allclose(trace.residual["encoder"][-1], stream, atol=1e-6)


def test_edits_are_values_that_json_keeps():
    edits = (
        Edit("z", stack="encoder", layer=2, head=3, to="zero"),
        Edit("weights", layer=1, query=3, key=[1, 2], to=[[0.25, 0.75]], renormalise=True),
        Edit("stream", layer=0, point="attention", to="mean", texts=["a", "b"]),
        Edit("q", to="times", factor=0.5),
    )
    again = read_edits(write_edits(edits))
    assert again == edits
    assert len({*edits, *again}) == 4
    assert Edit("z", to=[1.0]) != Edit("z", to=[2.0])
    assert write_edits(edits[:1]) == '[{"place":"z","stack":"encoder","layer":2,"head":3,"to":"zero"}]'


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ({"place": "mlp"}, "place cannot be mlp"),
        ({"place": "z", "stack": "middle"}, "stack cannot be middle"),
        ({"place": "z", "to": "uniform"}, "to cannot be uniform"),
        ({"place": "stream", "point": "end"}, "point cannot be end"),
        ({"place": "z", "to": [float("nan")]}, "must be finite"),
        ({"place": "z", "to": "times", "factor": float("inf")}, "must be finite"),
        ({"place": "z", "to": [[1], [1, 2]]}, "list of rows"),
        ({"place": "z", "to": np.zeros((1025, 1025))}, "the limit is"),
        ({"place": "z", "to": "mean", "texts": []}, "needs texts"),
        ({"place": "z", "to": "run"}, "needs texts"),
        ({"place": "weights", "to": "mean"}, "needs texts"),
        ({"place": "z", "query": -1}, "whole numbers"),
    ],
)
def test_an_edit_that_cannot_be_is_refused(edit, said):
    with pytest.raises(InputError, match=said):
        Edit(**edit)


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ([Edit("z", stack="decoder")], "no decoder stack"),
        ([Edit("z", layer=9)], "no layer 9"),
        ([Edit("z", head=12)], "no head 12"),
        ([Edit("z", query=99)], "no query 99"),
        ([Edit("weights", key=99)], "no key 99"),
        ([Edit("z", layer=0, to=np.zeros((3, 3)))], "do not fit z"),
        ([Edit("stream", layer=0, point="cross")], "cannot be changed at this point"),
        ([Edit("scores", layer=0, to="cut")], "no key left"),
        ([Edit("weights", layer=0, to="zero", renormalise=True)], "no key left"),
        ([Edit("z")] * (MOST + 1), "too many"),
    ],
)
def test_an_edit_that_the_model_has_no_place_for_is_refused(bert, edits, said):
    with pytest.raises(InputError, match=said):
        bert.trace(TEXT, edits=edits)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"to":"zero"}]', '[{"place":"z","size":1}]', "[" * 9999])
def test_json_that_is_no_edit_is_refused(text):
    with pytest.raises(InputError, match="cannot be read"):
        read_edits(text)


@pytest.mark.parametrize("entry", ['{"place":"z","layer":"a"}', '{"place":"z","head":true}'])
def test_layers_and_heads_are_numbers(entry):
    with pytest.raises(InputError, match="whole numbers"):
        read_edits(f"[{entry}]")


def test_a_model_that_gives_weights_alone_cannot_be_edited(small):
    with pytest.raises(InputError, match="does not let them be changed"):
        small("bloom").trace(TEXT, edits=[Edit("z", stack="decoder")])


def test_an_edit_has_no_place_among_layers_that_are_one_module(small):
    with pytest.raises(InputError, match="cannot be changed"):
        small("albert").trace(TEXT, edits=[Edit("stream", layer=1)])
    cut = small("albert").trace(TEXT, edits=[Edit("z", layer=1, to="zero")])
    assert not cut.at("encoder", 1).z(0).any()
    assert cut.at("encoder", 0).z(0).any()
