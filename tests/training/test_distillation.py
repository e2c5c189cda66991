"""A student learns from a teacher: the losses can be worked out by hand, and its maps come nearer."""

import pytest
import torch

from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.training.data import Example, collate
from attnlab.training.distillation import Teacher, divergence
from attnlab.training.plan import plan
from attnlab.training.run import TEACHER, run
from attnlab.training.snapshots import read_snapshot
from attnlab.training.tokenizer import text_tokenizer
from attnlab.words import InputError

STORY = ("The wolf ran to the wood.\nThe sheep ran too.\n\nA fox slept.\nA hen saw the fox and the wolf.\n\n") * 8
SMALL = {"encoder_layers": 0, "n_heads": 2, "d_model": 16, "d_ff": 32, "max_tokens": 16}


def test_the_divergence_of_rows_is_what_can_be_worked_out_by_hand():
    p, q = torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.5])
    torch.testing.assert_close(divergence(p, q), torch.log(torch.tensor(2.0)))
    torch.testing.assert_close(divergence(p, p), torch.tensor(0.0))


def test_a_model_has_nothing_to_learn_from_itself():
    torch.manual_seed(0)
    module = Transformer(Config("generate", 20, decoder_layers=1, dropout=0.0, **SMALL))
    batch = collate([Example((1, 5, 6, 7), (), (5, 6, 7, 2)), Example((1, 8), (), (8, 2))])
    teacher = Teacher(module)
    torch.testing.assert_close(teacher.loss(module, batch), torch.tensor(0.0), atol=1e-5, rtol=0)
    torch.testing.assert_close(teacher.distance(module, batch), torch.tensor(0.0), atol=1e-3, rtol=0)
    torch.manual_seed(1)
    other = Transformer(Config("generate", 20, decoder_layers=1, dropout=0.0, **SMALL))
    assert teacher.loss(other, batch) > 0.1


def test_a_student_comes_nearer_to_its_teacher(tmp_path):
    torch.manual_seed(0)
    tokenizer = text_tokenizer([STORY], vocab=60)
    module = Transformer(Config("generate", tokenizer.get_vocab_size(), decoder_layers=2, positions="rotary", **SMALL))
    with torch.no_grad():
        for layer in module.decoder:
            layer.attention.w_q.weight.mul_(6)
    InHouse(module, tokenizer).save(tmp_path / "teacher")
    (tmp_path / "mine.txt").write_text(STORY, "utf-8")
    recipe = {"steps": 60, "validate_every": 30, "batch": 128, "rate": 0.01, "warmup": 5, "precision": "float32"}
    shape = {"d_model": 16, "d_ff": 32, "n_heads": 4, "decoder_layers": 1, "max_tokens": 64}
    wanted = plan("write", recipe=recipe, shape=shape, data=tmp_path / "mine.txt", teacher=str(tmp_path / "teacher"))
    scores = [event.scores["distance"] for event in run(wanted, tmp_path / "student") if event.scores]
    assert scores[1] < scores[0] < 1
    student = InHouse.load(tmp_path / "student", "student")
    assert student.spec.vocab == tokenizer.get_vocab_size()
    assert student.module.config.max_tokens == module.config.max_tokens  # it reads no more at once than its teacher
    sides = read_snapshot(tmp_path / "student" / TEACHER, 0), read_snapshot(tmp_path / "student", 60)
    assert sides[0]["0.source"].tolist() == sides[1]["0.source"].tolist()
    with pytest.raises(InputError, match="for write and fill"):
        plan("classify", data=tmp_path, teacher="write-en")
    with pytest.raises(InputError, match="cannot fill"):
        next(run(plan("fill", data=tmp_path / "mine.txt", teacher=str(tmp_path / "teacher")), tmp_path / "none"))
