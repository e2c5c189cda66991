"""The walk from the weights is the model's own forward pass: every family that is read, every stack, layer and head."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from attnlab.core.trace import MaskedRowError, NotRecordedError
from attnlab.core.walk.proof import proof
from attnlab.core.walk.script import archive, script
from attnlab.core.walk.spot import base
from attnlab.core.walk.walk import Change
from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.models.load import load, names
from attnlab.models.pretrained.model import Pretrained
from attnlab.models.weights import walk_of, walks_whole
from tests.conftest import SENTENCES
from tests.models.test_pretrained import FAMILIES, random_module

WHOLE = ("bert", "roberta", "xlm-roberta", "electra", "distilbert", "gpt2")
SHORT = ("llama", "gemma2", "gpt_oss", "t5", "bart", "modernbert")
POSITIONS = ("none", "sinusoidal", "learned", "rotary", "alibi", "relative")


def furthest(model, trace):
    """The largest difference over every stack and layer, all heads and tokens."""
    places = [(a.stack, a.layer) for a in trace.attentions]
    return max(proof(walk_of(model, trace, *place), trace, *place).worst for place in places)


@pytest.fixture(scope="module")
def small(small_tokenizers):
    made = {}

    def make(family):
        if family not in made:
            made[family] = Pretrained(random_module(family), small_tokenizers[FAMILIES[family][0]], name=family, revision="random")
        return made[family]

    return make


def inhouse(tokenizers, **options):
    """A random in-house Transformer, far from its beginnings: big weights, gains that are not 1, biases that are not 0."""
    torch.manual_seed(0)
    tokenizer = tokenizers["words"].backend_tokenizer
    small = {"encoder_layers": 2, "decoder_layers": 2, "n_heads": 4, "d_model": 32, "d_ff": 48, "max_tokens": 64}
    module = Transformer(Config(vocab=tokenizer.get_vocab_size(), **small, **options))
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return InHouse(module, tokenizer)


@pytest.mark.parametrize("name", names())
def test_the_walk_is_every_shipped_models_own_forward_pass(name):
    model = load(name)
    assert walks_whole(model)
    trace = model.trace("The cat sat on the mat")
    largest = max(float(abs(x).max()) for stream in trace.residual.values() for x in stream)
    assert furthest(model, trace) < max(1e-4, 1e-5 * largest)  # float32 has seven digits, and some streams grow large


@pytest.mark.parametrize("family", WHOLE)
def test_the_walk_is_the_forward_pass_of_a_random_checkpoint(small, family):
    model = small(family)
    assert walks_whole(model)
    trace = model.trace(SENTENCES[0], SENTENCES[1]) if family in ("bert", "electra") else model.trace(SENTENCES[0])
    assert furthest(model, trace) < 1e-4
    first = proof(walk_of(model, trace, trace.stacks[0], 0), trace, trace.stacks[0], 0)
    assert first.entry is not None
    assert first.output is not None


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("task", ["translate", "generate", "classify"])
def test_the_walk_is_the_forward_pass_of_an_inhouse_model(small_tokenizers, task, norm, positions):
    model = inhouse(small_tokenizers, task=task, norm=norm, positions=positions, classes=2 if task == "classify" else 0)
    trace = model.trace(SENTENCES[0], target=SENTENCES[1] if task == "translate" else None)
    assert set(trace.stacks) == {"translate": {"encoder", "decoder", "cross"}, "generate": {"decoder"}, "classify": {"encoder"}}[task]
    assert furthest(model, trace) < 1e-4


def test_segments_an_embedding_norm_and_gelu_are_walked_too(small_tokenizers):
    options = {"segments": 2, "embedding_norm": True, "activation": "gelu", "scale_embeddings": False}
    model = inhouse(small_tokenizers, task="classify", norm="post", positions="learned", classes=2, **options)
    assert furthest(model, model.trace(SENTENCES[0])) < 1e-4


@pytest.mark.parametrize("family", SHORT)
def test_other_models_walk_from_stage_six_to_ten(small, family):
    model = small(family)
    trace = model.trace(SENTENCES[0])
    assert not walks_whole(model)
    for attention in trace.attentions:
        walk = walk_of(model, trace, attention.stack, attention.layer)
        assert {stage for stage, _ in walk.steps(attention.stack, 0)} == {6, 7, 8, 9, 10}
        found = proof(walk, trace, attention.stack, attention.layer)
        assert found.output is None
        assert found.worst < 1e-4


def test_a_model_that_hides_q_and_k_cannot_be_walked(small):
    model = small("mpnet")
    with pytest.raises(NotRecordedError):
        walk_of(model, model.trace(SENTENCES[0]), "encoder", 0)


def every_cell(walk, stack, head, rng, n=3):
    for stage, name in walk.steps(stack, head):
        values = walk.values(name)
        for _ in range(n):
            yield stage, name, int(rng.integers(values.shape[0])), int(rng.integers(values.shape[1]))


@pytest.mark.parametrize("positions", POSITIONS)
def test_any_number_of_any_stage_is_the_sum_of_its_terms(small_tokenizers, positions):
    model, rng = inhouse(small_tokenizers, task="translate", positions=positions), np.random.default_rng(0)
    trace = model.trace(SENTENCES[0], target=SENTENCES[1])
    for stack in trace.stacks:
        walk = walk_of(model, trace, stack, 1)
        for _, name, row, column in every_cell(walk, stack, 2, rng):
            apart = walk.take_apart(name, row, column)
            assert apart.total == apart.value == float(walk.values(name)[row, column]), name


def test_any_number_leads_back_to_an_embedding_table(bert):
    """From a number of the last stage, always along the first factor: layer by layer down to the table of tokens."""
    trace = bert.trace("The cat sat on the mat")
    for layer, name, row, column in [(2, "output", 3, 7), (1, "encoder.z.4", 2, 5), (5, "encoder.weights.1", 6, 2)]:
        seen = 0
        while name != "token":
            spot = walk_of(bert, trace, "encoder", layer).spots[name]
            if spot.source is not None:
                _, layer, name = spot.source
            else:
                apart = walk_of(bert, trace, "encoder", layer).take_apart(name, row, column)
                origin = next(one for one in apart.left_from if one is not None)
                term = int(apart.index[0])
                name, row, column = origin.spot, *(term if x is None else x for x in (origin.row, origin.column))
            seen += 1
            assert seen < 200
        apart = walk_of(bert, trace, "encoder", 0).take_apart("token", row, column)
        table = bert.module.embeddings.word_embeddings.weight
        assert apart.value == float(table[trace.source.ids[row], column])


def test_where_factors_come_from_they_really_are(bert):
    trace, rng = bert.trace("The cat sat on the mat"), np.random.default_rng(1)
    walk = walk_of(bert, trace, "encoder", 3)
    for _, name, row, column in every_cell(walk, "encoder", 5, rng):
        apart = walk.take_apart(name, row, column)
        if apart.kind in ("norm", "exponentials", "cap"):
            continue
        for origins, factors in ((apart.left_from, apart.left), (apart.right_from, apart.right)):
            for place, term in enumerate(apart.index):
                origin = None if not origins or term < 0 else origins[place] if len(origins) > 1 else origins[0]
                if origin is not None:
                    at = tuple(int(term) if x is None else x for x in (origin.row, origin.column))
                    assert float(walk.values(origin.spot)[at]) == factors[place], name


def test_an_edit_changes_what_follows_and_nothing_before(bert):
    trace = bert.trace("The cat sat on the mat")
    walk = walk_of(bert, trace, "encoder", 0)
    changed = walk.changed(Change(head=2, scores={(3, 5): 40.0}))
    assert changed.values("encoder.products.2")[3, 5] == 40
    for _, name in walk.steps("encoder", 2):
        same = np.array_equal(walk.values(name), changed.values(name))
        assert same == (walk.steps("encoder", 2).index((stage_of(walk, name), name)) < 10 or base(name) == "mask"), name
    assert walk.values("encoder.products.2")[3, 5] != 40


def stage_of(walk, name):
    return next(stage for stage, spot in walk.steps("encoder", 2) if spot == name)


def test_hiding_a_key_takes_its_weight_and_hiding_all_is_refused(bert):
    trace = bert.trace("The cat sat on the mat")
    walk = walk_of(bert, trace, "encoder", 1)
    hidden = walk.changed(Change(head=0, hidden={(2, 1): True}))
    assert hidden.values("encoder.weights.0")[2, 1] == 0
    with pytest.raises(MaskedRowError):
        walk.changed(Change(head=0, hidden={(2, k): True for k in range(8)})).values("encoder.weights.0")


def test_scale_and_temperature_are_two_ways_to_the_same_weights(bert):
    trace = bert.trace("The cat sat on the mat")
    walk = walk_of(bert, trace, "encoder", 4)
    scale = trace.at("encoder", 4).scale
    other = walk.changed(Change(head=3, scaled=False, temperature=1 / scale))
    np.testing.assert_allclose(other.values("encoder.weights.3"), walk.values("encoder.weights.3"), atol=1e-6)


def test_a_walk_from_wrong_numbers_is_told_from_the_models_own(bert):
    """The comparison compares: a trace of another sentence's stream is far away."""
    trace = bert.trace("The cat sat on the mat")
    walk = walk_of(bert, trace, "encoder", 2)
    stream = list(trace.residual["encoder"])
    stream[3] = stream[3] + np.float32(0.01)
    assert proof(walk, replace(trace, residual={"encoder": stream}), "encoder", 2).worst > 5e-3


@pytest.mark.parametrize("positions", ["learned", "rotary", "relative"])
@pytest.mark.parametrize("stack", ["encoder", "decoder", "cross"])
def test_the_script_works_out_the_head_from_the_file(small_tokenizers, tmp_path, monkeypatch, capsys, stack, positions):
    model = inhouse(small_tokenizers, task="translate", positions=positions)
    trace = model.trace(SENTENCES[0], target=SENTENCES[1])
    check_script(walk_of(model, trace, stack, 1), trace.at(stack, 1), 3, tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("family", ["bert", "gemma2", "gpt_oss"])
def test_the_script_works_for_pretrained_models(small, tmp_path, monkeypatch, capsys, family):
    model = small(family)
    trace = model.trace(SENTENCES[0])
    check_script(walk_of(model, trace, trace.stacks[0], 1), trace.at(trace.stacks[0], 1), 1, tmp_path, monkeypatch, capsys)


def check_script(walk, attention, head, folder, monkeypatch, capsys):
    code = written(walk, attention, head, folder)
    monkeypatch.setattr(sys, "argv", ["head.py", str(folder / "head.npz")])
    exec(compile(code, "head.py", "exec"), {})
    close_enough(capsys.readouterr().out)


def written(walk, attention, head, folder):
    (folder / "head.npz").write_bytes(archive(walk, attention, head))
    code = script(walk, attention, head, "head.npz")
    assert len(code.splitlines()) <= 26
    return code


def close_enough(said):
    differences = [float(line.rsplit(" ", 1)[1]) for line in said.splitlines()]
    assert len(differences) == 2
    assert max(differences) < 1e-5


def test_the_script_needs_torch_and_nothing_else(bert, tmp_path):
    """Run as a person would, in a Python that may not even import numpy."""
    trace = bert.trace("The cat sat on the mat")
    code = written(walk_of(bert, trace, "encoder", 0), trace.at("encoder", 0), 2, tmp_path)
    (tmp_path / "head.py").write_text("import sys; sys.modules['numpy'] = None\n" + code)
    done = subprocess.run([sys.executable, "-W", "ignore", "head.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    close_enough(done.stdout)
