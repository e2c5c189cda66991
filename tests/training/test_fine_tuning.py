"""A classifier that begins as a filler of holes: its layers learn, all or only the last, and the rest stays as it was to the last bit."""

import pytest
import torch
from safetensors.torch import load_file

from attnlab.models import load
from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.training.plan import plan
from attnlab.training.run import run
from attnlab.training.tokenizer import train_tokenizer, with_holes
from attnlab.words import InputError

ROWS = "".join(f"{label}\tthe {word} fox is {word}\n" for label, word in (("good", "red"), ("bad", "old")) for _ in range(20))


@pytest.fixture
def filler(tmp_path, monkeypatch):
    """A small filler of holes under a shipped name."""
    torch.manual_seed(0)
    tokenizer = with_holes(train_tokenizer([ROWS.replace("\t", " ")], vocab=80))
    small = {"encoder_layers": 2, "decoder_layers": 0, "n_heads": 2, "d_model": 16, "d_ff": 32, "max_tokens": 32}
    model = InHouse(Transformer(Config("fill", tokenizer.get_vocab_size(), **small)), tokenizer)
    model.save(tmp_path / "models" / "fill-en", precision="float32")
    monkeypatch.setattr(load, "MODELS", tmp_path / "models")
    (tmp_path / "rows.tsv").write_text(ROWS, "utf-8")
    return load_file(tmp_path / "models" / "fill-en" / "model.safetensors")


@pytest.mark.parametrize(("last", "learned"), [(None, {"source", "0", "1"}), (1, {"1"}), (0, set())])
def test_only_the_last_layers_learn(tmp_path, filler, last, learned):
    recipe = {"steps": 8, "validate_every": 4, "batch": 200, "rate": 0.01, "warmup": 1, "precision": "float32"}
    list(run(plan("classify", recipe=recipe, data=tmp_path / "rows.tsv", init="fill-en", last=last), tmp_path / "mine"))
    mine = load_file(tmp_path / "mine" / "model.safetensors")
    for part, name in (("source", "source.token.weight"), ("0", "encoder.0.attention.w_q.weight"), ("1", "encoder.1.attention.w_q.weight")):
        same = torch.allclose(mine[name].float(), filler[name].float(), atol=2e-3)
        assert same is (part not in learned), name


def test_a_beginning_that_is_none_is_refused(tmp_path):
    for kind, init in (("fill", "fill-en"), ("classify", "write-en")):
        with pytest.raises(InputError, match=init):
            plan(kind, data=tmp_path, init=init)
    with pytest.raises(InputError, match="last"):
        plan("classify", data=tmp_path, init="bert", last=-1)
