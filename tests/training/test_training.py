"""Training: the loss and its gradients against torch, resuming bit for bit, checkpoints that survive a kill, every task end to end."""

import math
import signal
import subprocess
import sys
import time
from itertools import islice
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.training import snapshots
from attnlab.training.checkpoint import NAME, load_checkpoint, save_checkpoint
from attnlab.training.data import Batch, Example, collate
from attnlab.training.loop import Recipe, Trainer
from attnlab.training.loss import cross_entropy
from attnlab.training.material import prepare
from attnlab.training.plan import plan
from attnlab.training.run import run
from attnlab.training.scores import accuracy, class_scores, grouped, perplexity, translation_scores
from attnlab.training.tasks import LETTERS, task_batches
from attnlab.training.tokenizer import letter_tokenizer
from attnlab.words import InputError

IDS = letter_tokenizer(LETTERS).get_vocab()
TINY = {"d_model": 16, "d_ff": 32, "n_heads": 2, "encoder_layers": 1}


def reverser(dropout: float = 0.0) -> Transformer:
    torch.manual_seed(0)
    return Transformer(Config("tag", vocab=len(IDS), decoder_layers=0, max_tokens=32, dropout=dropout, **TINY))


def stream(start: int = 0):
    return task_batches("reverse", IDS, size=60, seed=0, start=start)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("bias", [True, False])
def test_loss_and_gradients_are_those_of_torch(smoothing, bias):
    torch.manual_seed(1)
    x, wanted = torch.randn(2, 300, 8, requires_grad=True), torch.randint(-1, 11, (2, 300))
    out = torch.nn.Linear(8, 11, bias=bias)
    ours = cross_entropy(x, out, wanted, smoothing=smoothing)
    mine = torch.autograd.grad(ours, [x, *out.parameters()])
    keep = wanted >= 0
    theirs = F.cross_entropy(out(x)[keep], wanted[keep], label_smoothing=smoothing, reduction="sum")
    for a, b in zip(mine, torch.autograd.grad(theirs, [x, *out.parameters()]), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours, theirs)


def test_four_micro_batches_give_the_gradient_of_the_whole_batch():
    examples = [Example((4 + i, 5, 6, 7)[: 1 + i % 4], (), (5 + i, 6, 7, 8)[: 1 + i % 4]) for i in range(16)]
    gradients = []
    for micro in ([collate(examples)], [collate(examples[i : i + 4]) for i in range(0, 16, 4)]):
        trainer = Trainer(reverser(), Recipe(precision="float32", clip=0.0, smoothing=0.0))
        trainer.update(micro)
        gradients.append([master.grad for master in trainer.masters])
    for whole, parts in zip(*gradients, strict=True):
        torch.testing.assert_close(whole, parts, rtol=0, atol=1e-6)


def test_the_query_of_attention_pooling_learns_so_many_times_faster():
    """The first step of Adam is the learning rate, whatever the gradient is."""
    torch.manual_seed(0)
    config = Config("classify", vocab=len(IDS), classes=2, decoder_layers=0, max_tokens=32, **TINY)
    trainer = Trainer(Transformer(config), Recipe(rate=1e-3, warmup=0, precision="float32", pool_rate=20.0, smoothing=0.0))
    before = dict(zip(trainer.names, [m.clone() for m in trainer.masters], strict=True))
    trainer.update([collate([Example((4, 5, 6), (), (0,)), Example((7, 8), (), (1,))])])
    moved = {name: float((m - before[name]).abs().max()) for name, m in zip(trainer.names, trainer.masters, strict=True)}
    assert moved["pool.query"] == pytest.approx(0.02, rel=1e-3)
    assert moved["out.weight"] == pytest.approx(0.001, rel=1e-3)


def test_the_learning_rate_rises_in_a_line_and_falls_by_its_schedule():
    linear = Recipe(steps=110, warmup=10, rate=1.0)
    assert linear.rate_at(0) == pytest.approx(0.1)
    assert linear.rate_at(9) == linear.rate_at(10) == pytest.approx(1.0)
    assert linear.rate_at(60) == pytest.approx(0.5)
    assert Recipe(steps=110, warmup=10, rate=1.0, schedule="cosine").rate_at(60) == pytest.approx(0.5)
    assert Recipe(steps=110, warmup=10, rate=1.0, schedule="inverse_sqrt").rate_at(39) == pytest.approx(0.5)


WRONG: list[dict[str, Any]] = [
    {"schedule": "stairs"}, {"precision": "int8"}, {"steps": 0}, {"batch": 0}, {"accumulate": 0}, {"validate_every": 0}, {"average": 0},
    {"rate": math.nan}, {"rate": -1.0}, {"rate": math.inf}, {"warmup": -1}, {"smoothing": 1.1}, {"smoothing": 1.0}, {"smoothing": -0.1},
    {"clip": -1.0}, {"clip": math.nan}, {"patience": -1}, {"decay": -0.1}, {"decay": math.inf},
    {"pool_rate": -1.0}, {"pool_rate": math.nan},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_recipe_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(InputError):
        Recipe(**wrong)


@pytest.mark.parametrize(("precision", "optimizer"), [("float32", "adam"), ("bfloat16", "adam"), ("bfloat16", "muon")])
def test_resuming_gives_bit_for_bit_the_uninterrupted_weights(tmp_path, precision, optimizer):
    recipe = Recipe(steps=12, warmup=4, precision=precision, validate_every=3, average=2, batch=60, optimizer=optimizer)
    scores = {"loss": 1.0}
    whole = Trainer(reverser(dropout=0.3), recipe)
    list(whole.run(stream(), lambda module: scores))
    first = Trainer(reverser(dropout=0.3), recipe)
    list(first.run(stream(), lambda module: scores, steps=7))
    save_checkpoint(tmp_path, first)
    second = Trainer(reverser(dropout=0.3), recipe)
    load_checkpoint(tmp_path, second)
    list(second.run(stream(second.step), lambda module: scores))
    assert all(torch.equal(a, b) for a, b in zip(whole.masters, second.masters, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(whole.result().values(), second.result().values(), strict=True))
    assert whole.history == second.history


def test_the_result_is_the_mean_of_the_last_validated_states():
    trainer = Trainer(reverser(), Recipe(steps=4, warmup=1, validate_every=1, average=2, precision="float32"))
    seen = []
    for _ in trainer.run(stream(), lambda module: {"loss": 1.0}):
        seen.append(trainer.masters[0].clone())
    torch.testing.assert_close(trainer.result()[trainer.names[0]], (seen[-1] + seen[-2]) / 2)


def test_training_stops_early_when_nothing_gets_better():
    trainer = Trainer(reverser(), Recipe(steps=50, validate_every=1, patience=3))
    assert len(list(trainer.run(stream(), lambda module: {"loss": 1.0}))) == 4  # the first is the best, then three that are not


def test_a_loss_that_is_no_number_is_an_error_and_changes_nothing():
    module = reverser()
    trainer = Trainer(module, Recipe(precision="float32"))
    before = [master.clone() for master in trainer.masters]
    with torch.no_grad():
        trainer.parameters[0].fill_(math.nan)
    with pytest.raises(InputError, match="The loss became nan at step 1"):
        next(trainer.run(stream()))
    assert all(torch.equal(a, b) for a, b in zip(before, trainer.masters, strict=True))


def test_a_killed_writer_leaves_the_last_good_checkpoint(tmp_path):
    command = [sys.executable, "-m", "attnlab", "train", "reverse", "--steps", "100000", "-o", str(tmp_path / "run")]
    small = ["--d-model", "16", "--d-ff", "16", "--heads", "2", "--layers", "1", "--batch", "32"]
    often = "import attnlab.training.plan as plan; plan.QUICK['validate_every'] = 2"
    script = f"{often}; import sys; from attnlab.__main__ import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen([command[0], "-c", script, *command[3:], *small], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(1200):
            if (tmp_path / "run" / NAME).exists():
                break
            time.sleep(0.05)
        time.sleep(0.5)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    wanted = plan("reverse", recipe={"steps": 3}, shape={"d_model": 16, "d_ff": 16, "n_heads": 2, "encoder_layers": 1})
    trainer = Trainer(prepare(wanted).module, wanted.recipe)
    load_checkpoint(tmp_path / "run", trainer)
    assert trainer.step >= 2


def test_foreign_files_are_no_checkpoints(tmp_path):
    trainer = Trainer(reverser(), Recipe())
    with pytest.raises(InputError, match="not a checkpoint"):
        load_checkpoint(tmp_path, trainer)
    (tmp_path / NAME).write_bytes(b"not safetensors")
    with pytest.raises(InputError, match="not a checkpoint"):
        load_checkpoint(tmp_path, trainer)
    save_checkpoint(tmp_path, trainer, format="attnlab-training-0")
    with pytest.raises(InputError, match="another version"):
        load_checkpoint(tmp_path, trainer)
    save_checkpoint(tmp_path, trainer)
    other = Trainer(Transformer(Config("tag", vocab=9, decoder_layers=0, positions="learned", **TINY)), Recipe())
    with pytest.raises(InputError, match="another shape"):
        load_checkpoint(tmp_path, other)


PAIRS = "".join(f"the {a} {b}\tle {b} {a}\n" for a in ("red", "big", "old") for b in ("car", "dog", "hat", "cup")) * 3
LABELLED = (
    "".join(f"{label}\tit is {word} {thing}\n" for label, word in (("bad", "awful"), ("good", "great")) for thing in "abcdefghij") * 2
)
LINES = "the cat sat\nthe dog ran\na cat ran\n" * 10


@pytest.mark.parametrize(
    ("kind", "content"),
    [("translate", PAIRS), ("classify", LABELLED), ("generate", LINES), ("write", LINES), ("fill", LINES), ("sort", None)],
)
def test_every_task_trains_saves_and_loads_again(tmp_path, kind, content):
    data = None
    if content is not None:
        data = tmp_path / "data.tsv"
        data.write_text(content, "utf-8")
    shape = {"d_model": 16, "d_ff": 32, "n_heads": 2, "dropout": 0.0}
    wanted = plan(kind, recipe={"steps": 4, "validate_every": 2, "batch": 100}, shape=shape, data=data, vocab=60, probes=("a b",))
    events = list(run(wanted, tmp_path / "model"))
    assert [event.step for event in events] == [1, 2, 3, 4]
    assert set(events[-1].scores) == {"loss", "accuracy"}
    model = InHouse.load(tmp_path / "model", "mine")
    assert model.spec.task == {"sort": "tag", "write": "generate"}.get(kind, kind)
    assert snapshots.steps(tmp_path / "model") == [0, 2, 4]
    kept = snapshots.read_snapshot(tmp_path / "model", 4)
    stack = "decoder" if kind in ("generate", "write") else "encoder"
    assert kept[f"0.{stack}.0"].shape[0] == 2
    with pytest.raises(InputError, match="holds a training already"):
        next(run(wanted, tmp_path / "model"))


def test_a_stopped_training_goes_on_to_the_same_model(tmp_path):
    wanted = plan("reverse", recipe={"steps": 6, "validate_every": 3, "batch": 100}, shape={"d_model": 16, "d_ff": 16, "n_heads": 2})
    list(run(wanted, tmp_path / "whole"))
    training = run(wanted, tmp_path / "stopped")
    list(islice(training, 4))
    training.close()
    list(run(wanted, tmp_path / "stopped", resume=True))
    assert (tmp_path / "whole" / "model.safetensors").read_bytes() == (tmp_path / "stopped" / "model.safetensors").read_bytes()


def test_a_classifier_can_begin_as_the_shipped_bert(tmp_path):
    data = tmp_path / "data.tsv"
    data.write_text(LABELLED, "utf-8")
    wanted = plan("classify", recipe={"steps": 1, "batch": 100}, shape={"encoder_layers": 1}, data=data, init="bert", vocab=1200)
    list(run(wanted, tmp_path / "model"))
    model = InHouse.load(tmp_path / "model", "mine")
    assert model.spec.d_model == 384
    assert model.tokenize("it is great").pieces == ("[CLS]", "it", "is", "great", "[SEP]")


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "dream"}, {"kind": "translate"}, {"kind": "reverse", "init": "bert"}, {"kind": "reverse", "init": "gpt"}],
)
def test_a_plan_that_cannot_be_followed_is_refused(wrong):
    with pytest.raises(InputError):
        plan(**wrong)


def test_held_out_labels_must_be_known(tmp_path):
    data, valid = tmp_path / "data.tsv", tmp_path / "valid.tsv"
    data.write_text(LABELLED, "utf-8")
    valid.write_text("odd\tstrange\nbad\tawful\n", "utf-8")
    with pytest.raises(InputError, match="odd"):
        prepare(plan("classify", data=data, valid=valid))


def test_rows_longer_than_the_model_reads_are_counted(tmp_path):
    data = tmp_path / "data.tsv"
    data.write_text(PAIRS + "a b c d e f g h i j k l m n\tx\n", "utf-8")
    here = prepare(plan("translate", data=data, vocab=60, shape={"max_tokens": 12}))
    assert any("more than 12 tokens" in why for _, why in here.refused)
    with pytest.raises(InputError):
        prepare(plan("reverse", shape={"max_tokens": 8}))


def test_bleu_with_several_references_takes_the_best_of_them():
    rows = [("a", "the cat is on the mat"), ("b", "hello there my old friend"), ("a", "a cat sits on the mat")]
    references = grouped(rows)
    assert references == {"a": ["the cat is on the mat", "a cat sits on the mat"], "b": ["hello there my old friend"]}
    bleu, chrf = translation_scores(["a cat sits on the mat", "hello there my old friend"], list(references.values()))
    assert bleu.value == pytest.approx(100)
    assert chrf.value == pytest.approx(100)
    assert "tok:13a" in bleu.signature


def test_figures_per_class_by_hand():
    right, said = ["a", "a", "a", "b"], ["a", "a", "b", "b"]
    assert accuracy(said, right) == 0.75
    found = class_scores(said, right)
    assert (found["a"].precision, found["a"].recall, found["a"].count) == (1.0, pytest.approx(2 / 3), 3)
    assert found["b"].f1 == pytest.approx(2 / 3)
    assert class_scores(["a"], ["b"])["a"].f1 == 0.0
    assert perplexity(math.log(8)) == pytest.approx(8)
    assert perplexity(1e4) == math.inf
    with pytest.raises(ValueError, match="0 answers"):
        accuracy([], [])


def test_a_batch_says_how_many_tokens_it_wants():
    assert isinstance(collate([Example((4,), (), (4,))]), Batch)
