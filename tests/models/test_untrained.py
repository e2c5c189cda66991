"""Models before their training: the same shape and tokenizer, the weights that a training begins with, and nothing else changed."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import attnlab
from attnlab.models.inhouse.model import InHouse
from attnlab.models.spec import trained_name
from attnlab.models.untrained import beginning, untrained
from attnlab.training.material import prepare
from attnlab.training.plan import plan
from attnlab.words import InputError

LETTERS = "a b c d e"
ENGLISH = "The red car is in the garden."


def same(a, b):
    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("positions", ["none", "sinusoidal", "learned", "rotary", "alibi", "relative"])
def test_an_untrained_model_has_the_very_weights_its_training_began_with(positions):
    begun = prepare(plan("reverse", shape={"positions": positions})).module
    assert same(attnlab.load(f"reverse-{positions}@untrained").module, begun.eval())


def test_a_translator_too_begins_there(tmp_path):
    data = tmp_path / "pairs.tsv"
    data.write_text("".join(f"word {i}\tmot {i}\n" for i in range(40)), encoding="utf-8")
    material = prepare(plan("translate", data=data, vocab=60, shape={"d_model": 16, "d_ff": 32, "encoder_layers": 1, "decoder_layers": 1}))
    begun = {name: tensor.clone() for name, tensor in material.module.state_dict().items()}
    with torch.no_grad():  # anything that a training may have done
        for tensor in material.module.parameters():
            tensor.add_(1)
    before = untrained(InHouse(material.module, material.tokenizer, name="mine"))
    assert before.spec.name == "mine@untrained"
    assert all(torch.equal(before.module.state_dict()[name], tensor) for name, tensor in begun.items())


@pytest.mark.parametrize(
    ("name", "text"), [("bert", ENGLISH), ("sentiment", ENGLISH), ("translate-fr", ENGLISH), ("reverse-rotary", LETTERS)]
)
def test_shape_and_tokens_are_the_trained_ones_and_the_weights_are_not(name, text):
    trained, before = attnlab.load(name), attnlab.load(f"{name}@untrained")
    assert before.spec.name == f"{name}@untrained"
    assert before.spec.revision.startswith("untrained, seed 0")
    assert (before.spec.stacks, before.spec.parameters, before.spec.max_tokens) == (
        trained.spec.stacks,
        trained.spec.parameters,
        trained.spec.max_tokens,
    )
    assert before.tokenize(text) == trained.tokenize(text)
    target = {"target": "La voiture est rouge."} if "cross" in trained.spec.stacks else {}
    a, b = before.trace(text, **target), trained.trace(text, **target)
    assert a.model == f"{name}@untrained"
    for x, y in zip(a.attentions, b.attentions, strict=True):
        np.testing.assert_allclose(x.all_weights().sum(-1), 1, atol=1e-5)
        assert np.abs(x.all_weights() - y.all_weights()).max() > 1e-3


def test_a_fresh_bert_is_drawn_as_its_configuration_says():
    module = attnlab.load("bert@untrained").module
    drawn = module.encoder.layer[0].attention.self.query
    assert float(drawn.weight.std()) == pytest.approx(module.config.initializer_range, rel=0.02)
    assert not drawn.bias.any()


@pytest.mark.parametrize("name", ["bert", "reverse-rotary"])
def test_making_one_changes_nothing_global_and_is_the_same_in_every_thread(name):
    trained = attnlab.load(name)
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: untrained(trained), range(4)))
    assert torch.equal(torch.rand(3), wanted)
    assert all(same(made[0].module, one.module) for one in made[1:])
    assert not same(made[0].module, trained.module)


def test_what_a_training_began_from_is_said_truthfully():
    assert beginning(attnlab.load("reverse-rotary")) == "these"
    assert beginning(attnlab.load("sentiment")) == "bert"
    assert beginning(attnlab.load("bert")) == "unsaid"


def test_a_folder_has_an_untrained_form_too(tmp_path):
    trained = attnlab.load("reverse-alibi")
    trained.save(tmp_path)
    assert same(attnlab.load(f"{tmp_path}@untrained").module, attnlab.load("reverse-alibi@untrained").module)


def test_a_model_cannot_be_untrained_twice():
    with pytest.raises(InputError) as caught:
        attnlab.load("bert@untrained@untrained")
    assert caught.value.key == "error.untrained_twice"


def test_a_model_that_cannot_be_made_anew_says_so():
    with pytest.raises(InputError) as caught:
        untrained(type("Stranger", (), {"spec": attnlab.load("bert").spec})())
    assert caught.value.key == "error.untrained"


def test_an_unknown_model_has_no_untrained_form_and_its_own_name_is_said():
    with pytest.raises(InputError) as caught:
        attnlab.load("no model@untrained")
    assert caught.value.key == "error.unknown_model"


def test_the_ending_is_taken_off_once():
    assert [trained_name(name) for name in ("bert@untrained", "bert")] == ["bert", "bert"]
