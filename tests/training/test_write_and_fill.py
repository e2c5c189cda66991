"""Going on with a text and filling holes: trained from one's own file, measured by hand, and Muon's one idea."""

import json
import math
import random

import pytest
import torch

from attnlab.__main__ import main
from attnlab.models.inhouse.model import InHouse
from attnlab.training.loop import Trainer
from attnlab.training.masking import chosen
from attnlab.training.material import prepare
from attnlab.training.measure import fill_score, write_score
from attnlab.training.muon import Muon, orthogonalized
from attnlab.training.plan import Plan, plan
from attnlab.training.run import finished
from attnlab.training.text import documents_of, read_text
from attnlab.words import InputError

SMALL = {"d_model": 16, "d_ff": 32, "n_heads": 2, "dropout": 0.0, "max_tokens": 16}
QUICK = {"steps": 2, "validate_every": 2, "batch": 64}
STORY = ("The wolf ran to the wood.\nThe sheep ran too.\n\nA fox slept.\nA hen saw the fox and the wolf.\n\n") * 8
TINY = ["--d-model", "16", "--d-ff", "32", "--heads", "2", "--layers", "1", "--steps", "2", "--batch", "64"]
POEMS = "白日依山尽，黄河入海流。\n欲穷千里目，更上一层楼。\n床前明月光，疑是地上霜。\n" * 6


def made(tmp_path, kind, content, **rest):
    data = tmp_path / "mine.txt"
    data.write_text(content, "utf-8")
    return plan(kind, recipe=QUICK, shape=SMALL, data=data, vocab=60, **rest)


def untrained(wanted: Plan) -> InHouse:
    material = prepare(wanted)
    return finished(Trainer(material.module, wanted.recipe), material, wanted)


def test_a_story_is_learned_in_windows_and_poems_line_by_line(tmp_path):
    story = prepare(made(tmp_path, "write", STORY))
    batch = next(story.from_step(0))
    assert batch.source.shape == (4, 16)
    poems = prepare(made(tmp_path, "write", POEMS, unit="characters"))
    assert poems.tokenizer.encode("白日").tokens == ["白", "日"]
    assert set(next(poems.from_step(0)).source[:, 0].tolist()) == {1}
    assert story.probes == ("A fox slept.",)
    long = prepare(made(tmp_path, "write", STORY + "The fox and the hen ran and ran and ran and ran and ran.\n"))
    assert long.probes[-1].startswith("The fox and")
    assert 8 < len(long.tokenizer.encode(long.probes[-1]).ids) < 16  # as much as the model reads


def test_a_single_long_document_is_held_out_by_its_lines(tmp_path):
    wanted = made(tmp_path, "write", STORY.replace("\n\n", "\n") + "\nThe end.\n")
    assert prepare(wanted).valid


def test_a_held_out_file_can_be_named(tmp_path):
    (tmp_path / "held.txt").write_text("A hen ran.\nA fox ran.\n", "utf-8")
    assert len(prepare(made(tmp_path, "write", STORY, valid=tmp_path / "held.txt")).valid) == 1


def test_a_filler_can_begin_as_the_shipped_bert(tmp_path):
    wanted = made(tmp_path, "fill", STORY, init="bert")
    material = prepare(plan("fill", recipe=QUICK, data=wanted.data, init="bert"))
    module = material.module
    assert (module.config.d_model, module.config.vocab, module.config.max_tokens) == (384, 30522, 128)
    assert module.out.weight is module.source.token.weight
    assert material.tokenizer.encode("a [MASK] ran").tokens == ["[CLS]", "a", "[MASK]", "ran", "[SEP]"]
    often = module.out.bias.topk(5).indices.tolist()
    assert material.tokenizer.token_to_id("the") in often


def test_lines_that_are_too_long_to_fill_are_counted(tmp_path):
    material = prepare(made(tmp_path, "fill", POEMS + "长" * 40 + "\n" + "床前明月光。\n" * 9, unit="characters"))
    assert [why for _, why in material.refused] == ["more than 16 tokens"]
    with pytest.raises(InputError, match="None of the"):
        prepare(made(tmp_path, "fill", ("长" * 40 + "\n") * 20, unit="characters"))


@pytest.mark.parametrize("wrong", [{"unit": "words"}, {"again": 2.0}, {"again": 0.6, "drawn": 0.6}, {"mask": (0.0, 0.5)}])
def test_choices_that_cannot_be_are_refused(tmp_path, wrong):
    with pytest.raises(InputError):
        made(tmp_path, "write", STORY, **wrong)


def test_bits_per_character_are_the_models_surprise_shared_out(tmp_path):
    model = untrained(made(tmp_path, "write", POEMS, unit="characters"))
    text = documents_of(tmp_path, ["白日依山尽，", "床前明月光。"], 1)
    score = write_score(model, text)
    bits = 0.0
    for line in text.lines:  # both lines are shorter than the window: one pass each says everything
        ids = [model.bos, *model.tokenizer.encode(line).ids, model.eos]
        said = model.module(torch.tensor([ids[:-1]]))[0].log_softmax(-1)
        bits -= sum(float(said[i, token]) for i, token in enumerate(ids[1:])) / math.log(2)
    assert score.bits_per_character == pytest.approx(bits / 14, rel=1e-4)  # 12 characters and two ends of lines
    assert (score.tokens, score.characters, score.unknown) == (14, 14, 0)
    assert score.perplexity == pytest.approx(math.exp(score.loss))


def test_a_story_is_read_whole_and_unknown_characters_are_counted(tmp_path):
    model = untrained(made(tmp_path, "write", STORY))
    text = read_text(tmp_path / "mine.txt")
    score = write_score(model, text)
    assert score.tokens == sum(len(model.tokenizer.encode("\n".join(document)).ids) + 1 for document in text.documents)
    assert score.characters == sum(len(line) + 1 for line in text.lines)
    assert write_score(model, documents_of(tmp_path, ["☃ ran."], 1)).unknown == 1


def test_holes_are_right_when_the_likeliest_piece_is_the_hidden_one(tmp_path):
    model = untrained(made(tmp_path, "fill", POEMS, unit="characters"))
    line = "白日依山尽，"
    score = fill_score(model, [line] * 3, seed=4)
    assert score.n == 3
    assert 0 <= score.top1 <= score.top5 <= 1
    tokens = model.tokenize(line)
    [place] = chosen(tuple(None if s else i for i, s in enumerate(tokens.special)), 0.15, random.Random("holes/4"))
    ids = [model.mask if i == place else token for i, token in enumerate(tokens.ids)]
    said = model.predict(torch.tensor([ids]))[0, place]
    [one] = [fill_score(model, [line], seed=4)]
    assert one.loss == pytest.approx(-float(said[tokens.ids[place]]), rel=1e-4)
    assert one.top1 == float(int(said.argmax()) == tokens.ids[place])
    with pytest.raises(InputError, match="None of the"):
        fill_score(model, ["白" * 30])


# Muon


def test_orthogonalized_keeps_directions_and_evens_out_their_sizes():
    torch.manual_seed(0)
    matrix = torch.randn(6, 10)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    found = orthogonalized(matrix[None])[0]
    sizes = torch.linalg.svdvals(found)
    assert 0.5 < float(sizes.min()) <= float(sizes.max()) < 1.4
    assert float((u.T @ found @ v.T).diag().min()) > 0.5
    torch.testing.assert_close(orthogonalized(matrix.T[None])[0], found.T, atol=0.03, rtol=0.05)


def test_the_first_step_of_muon_goes_against_the_gradient_by_its_rate():
    weight = torch.zeros(4, 4)
    weight.grad = torch.diag(torch.tensor([4.0, 3.0, 2.0, 1.0]))
    Muon({"w": weight}).step(0.1)
    assert torch.all(weight.diag() < -0.05)
    assert float((weight - torch.diag(weight.diag())).abs().max()) < 0.01


# The commands


def test_train_and_evaluate_a_writer_from_the_command_line(tmp_path, capsys):
    data = tmp_path / "mine.txt"
    data.write_text(STORY, "utf-8")
    small = [*TINY, "--max-tokens", "16", "--vocab", "60"]
    assert main(["train", "write", "--data", str(data), "-o", str(tmp_path / "w"), *small, "--again", "0.2", "--drawn", "0"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "--model", str(tmp_path / "w"), "--data", str(data), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert set(said) == {"bits_per_character", "perplexity", "n", "seed"}
    assert main(["evaluate", "--model", str(tmp_path / "w"), "--data", str(data)]) == 0
    assert f"{said['bits_per_character']:.4f} bits per character" in capsys.readouterr().out


def test_train_and_evaluate_a_filler_from_the_command_line(tmp_path, capsys):
    data = tmp_path / "mine.txt"
    data.write_text(POEMS, "utf-8")
    small = [*TINY, "--max-tokens", "32", "--unit", "characters"]
    choices = ["--mask", "0.2", "--whole-words"]
    assert main(["train", "fill", "--data", str(data), "-o", str(tmp_path / "f"), *small, *choices]) == 0
    capsys.readouterr()
    scores = []
    for seed in ("1", "1", "2"):
        assert main(["evaluate", "--model", str(tmp_path / "f"), "--data", str(data), "--json", "--seed", seed]) == 0
        scores.append(json.loads(capsys.readouterr().out))
    assert set(scores[0]) == {"top1", "top5", "perplexity", "n", "seed"}
    assert scores[0] == scores[1] != scores[2]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "text in mine.txt: 0;"),
        (b"one line", "text in mine.txt: 1;"),
        ("夜来风雨声\n".encode("gbk") * 9, "not UTF-8"),
        (b"\0\1" * 99, "not a text"),
    ],
)
@pytest.mark.parametrize("task", ["write", "fill"])
def test_a_file_that_is_no_text_is_one_sentence_and_2(tmp_path, capsys, task, content, said):
    data = tmp_path / "mine.txt"
    data.write_bytes(content)
    assert main(["train", task, "--data", str(data), "-o", str(tmp_path / "m")]) == 2
    mistake = capsys.readouterr().err
    assert said in mistake
    assert mistake.count("\n") == 1


def test_shares_that_are_no_numbers_are_refused(tmp_path, capsys):
    assert main(["train", "fill", "--data", "x", "-o", str(tmp_path / "m"), "--mask", "half"]) == 2
    assert "0.15-0.3" in capsys.readouterr().err


def test_every_task_can_be_evaluated_as_one_object(capsys):
    assert main(["evaluate", "--model", "reverse-rotary", "--lengths", "4-5", "--sequences", "4", "--seed", "3", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["accuracy"], said["n"], said["seed"]) == (1.0, 36, 3)
