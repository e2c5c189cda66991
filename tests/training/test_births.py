"""Heads being born, and trainings that fork: what crosses a threshold is named once, and a fork without a change changes nothing."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from attnlab.__main__ import main
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.training.births import Birth, Repeats, best, births, inherit, on_repeats, read_births, told, watch
from attnlab.training.checkpoint import kept_steps
from attnlab.training.plan import plan
from attnlab.training.run import run
from attnlab.words import InputError

STORY = ("The wolf ran to the wood.\nThe sheep ran too.\n\nA fox slept.\nA hen saw the fox and the wolf.\n\n") * 8
SMALL = {"d_model": 16, "d_ff": 32, "n_heads": 2, "decoder_layers": 2, "max_tokens": 16}


def decoder(**change):
    torch.manual_seed(0)
    return Transformer(Config("generate", 30, encoder_layers=0, **SMALL | {"positions": "none"} | change)).eval()


def test_a_head_that_attends_evenly_is_scored_by_hand():
    module = decoder()
    with torch.no_grad():
        for layer in module.decoder:
            layer.attention.w_q.weight.zero_()
            layer.attention.w_q.bias.zero_()
    found = on_repeats(module, rows=2, length=3)  # [BOS] a b c a b c: query i spreads over i + 1 keys
    assert found.previous == pytest.approx(np.full((2, 2), np.mean([1 / n for n in range(2, 8)])), rel=1e-5)
    assert found.induction == pytest.approx(np.full((2, 2), np.mean([1 / 5, 1 / 6, 1 / 7])), rel=1e-5)
    assert 0 <= found.copied <= 1


@pytest.mark.parametrize("positions", ["alibi", "relative", "rotary"])
def test_weights_are_those_of_the_trace(positions, tmp_path):
    found = on_repeats(decoder(positions=positions), rows=2, length=5)
    assert found.previous.shape == found.induction.shape == (2, 2)
    assert np.isfinite(found.previous).all()


def test_a_head_is_born_once():
    early = Repeats(np.array([[0.1, 0.5]]), np.array([[0.39, 0.1]]), 0.0)
    late = Repeats(np.array([[0.1, 0.6]]), np.array([[0.41, 0.1]]), 0.0)
    first = births(10, early)
    assert first == [Birth(10, "previous", 0, 1, 0.5, 0.4)]
    assert births(20, late, first) == [Birth(20, "induction", 0, 0, 0.41, 0.4)]
    assert best(late.induction) == (0, 0, 0.41)
    assert told(first) == ["step 10: L0H1 is a head of kind previous (0.50, threshold 0.4)"]


def test_births_are_written_down_and_looking_again_forgets_what_came_later(tmp_path):
    assert read_births(tmp_path) == []
    old = [Birth(1, "previous", 0, 0, 0.5, 0.4), Birth(9, "induction", 1, 1, 0.5, 0.4)]
    (tmp_path / "births.json").write_text(json.dumps([birth.__dict__ for birth in old]))
    watch(tmp_path, 5, decoder())
    assert read_births(tmp_path)[:1] == old[:1]
    assert old[1] not in read_births(tmp_path)


def test_a_fork_knows_who_was_born_before_it(tmp_path):
    (tmp_path / "whole").mkdir()
    old = [Birth(1, "previous", 0, 0, 0.5, 0.4), Birth(9, "induction", 1, 1, 0.5, 0.4)]
    (tmp_path / "whole" / "births.json").write_text(json.dumps([birth.__dict__ for birth in old]))
    inherit(tmp_path / "whole", tmp_path, 5)
    assert read_births(tmp_path) == old[:1]


def planned(tmp_path, **rest):
    (tmp_path / "mine.txt").write_text(STORY, "utf-8")
    recipe = {"steps": 6, "validate_every": 2, "batch": 64} | rest.pop("recipe", {})
    return plan("write", recipe=recipe, shape=SMALL | rest.pop("shape", {}), data=tmp_path / "mine.txt", vocab=60, **rest)


def test_a_fork_without_a_change_is_the_original_to_the_last_bit(tmp_path):
    wanted = planned(tmp_path)
    list(run(wanted, tmp_path / "whole", keep=1))
    assert kept_steps(tmp_path / "whole") == [2, 4, 6]
    list(run(wanted, tmp_path / "fork", fork=(tmp_path / "whole", 4)))
    assert (tmp_path / "whole" / "model.safetensors").read_bytes() == (tmp_path / "fork" / "model.safetensors").read_bytes()
    other = planned(tmp_path, again=0.0, drawn=0.0)
    list(run(other, tmp_path / "changed", fork=(tmp_path / "whole", 4)))
    assert (tmp_path / "whole" / "model.safetensors").read_bytes() != (tmp_path / "changed" / "model.safetensors").read_bytes()


def test_a_fork_that_cannot_be_is_refused(tmp_path, capsys):
    list(run(planned(tmp_path), tmp_path / "whole", keep=1))
    with pytest.raises(InputError, match=r"no state of step 3.*: 2, 4, 6"):
        next(run(planned(tmp_path), tmp_path / "none", fork=(tmp_path / "whole", 3)))
    with pytest.raises(InputError, match="another shape"):
        next(run(planned(tmp_path, shape={"d_model": 32}), tmp_path / "wide", fork=(tmp_path / "whole", 2)))
    half = ["train", "write", "--data", str(tmp_path / "mine.txt"), "-o", str(tmp_path / "half"), "--fork-at", "2"]
    assert main(half) == 2
    assert "needs both" in capsys.readouterr().err


def test_a_fork_without_a_head_goes_on_with_that_head_silent(tmp_path):
    list(run(planned(tmp_path), tmp_path / "whole", keep=1))
    list(run(planned(tmp_path, without=("L0H1",)), tmp_path / "without", fork=(tmp_path / "whole", 4)))
    state = load_file(tmp_path / "without" / "model.safetensors")
    names = [name for name in state if name.endswith("0.attention.w_o.weight")]
    way_out = state[names[0]]
    half = way_out.shape[1] // 2
    assert way_out[:, half:].abs().max() == 0
    assert way_out[:, :half].abs().max() > 0
    for head in ("L9H0", "L0H9", "first"):
        with pytest.raises(InputError, match="Heads are written as L0H2"):
            next(run(planned(tmp_path, without=(head,)), tmp_path / head))
