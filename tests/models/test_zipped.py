"""A model goes into a zip and comes out the same; everything else that calls itself a zip is refused and leaves nothing behind."""

import io
import json
import pickle
import tempfile
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.models.inhouse.zipped import FILES, PATTERNS, pack, unpack
from attnlab.training.tokenizer import letter_tokenizer, train_tokenizer
from attnlab.words import InputError
from tests.hostile import broken_lzma


@pytest.fixture(scope="module")
def model() -> InHouse:
    torch.manual_seed(0)
    tokenizer = letter_tokenizer("abcdef")
    return InHouse(Transformer(Config("tag", vocab=10, encoder_layers=1, n_heads=2, d_model=8, d_ff=8)), tokenizer, name="mine")


@pytest.fixture(scope="module")
def good(model) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(pack(model, "a card"))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def refused(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InputError:
    """The mistake, after making sure that nothing was left behind."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(InputError) as mistake:
        unpack(content, "theirs")
    assert list(tmp_path.iterdir()) == []
    assert str(tmp_path) not in str(mistake.value)
    assert mistake.value.say("zh")
    return mistake.value


@pytest.mark.parametrize("half", [True, False])
def test_what_comes_out_says_what_went_in(model, half):
    if half:
        model = InHouse(Transformer(model.module.config), model.tokenizer)
        model.module.load_state_dict({k: v.half().float() for k, v in model.module.state_dict().items()})
    again, card = unpack(pack(model, "a card"), "again")
    assert card == "a card"
    assert again.spec.name == "again"
    before, after = (m.trace("a b c d").outputs["logits"] for m in (model, again))
    assert (before == after).all()


def test_the_same_model_gives_the_same_bytes(model):
    assert pack(model) == pack(model)


def test_the_tokenizers_that_training_makes_are_let_in(model, good, tmp_path):
    english = train_tokenizer(["the cat sat", "on the mat", "你好吗"] * 3, vocab=60)
    module = Transformer(Config("translate", vocab=60, encoder_layers=1, decoder_layers=1, n_heads=2, d_model=8, d_ff=8))
    again, _ = unpack(pack(InHouse(module, english)), "again")
    assert again.tokenize("the cat").pieces[:2] == InHouse(module, english).tokenize("the cat").pieces[:2]
    patterns = set()

    def collect(node):
        if isinstance(node, dict):
            patterns.update([node["Regex"]] if "Regex" in node else [])
            node = list(node.values())
        for child in node if isinstance(node, list) else ():
            collect(child)

    for tokenizer in (english, letter_tokenizer("ab")):
        collect(json.loads(tokenizer.to_str()))
    assert patterns == PATTERNS


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("../evil.txt", "archive_path"),
        ("/etc/cron.d/evil", "archive_path"),
        ("..\\evil.txt", "archive_path"),
        ("C:\\evil.txt", "archive_path"),
        ("a/../../model.safetensors", "archive_path"),
        ("pytorch_model.bin", "archive_pickle"),
        ("weights.PT", "archive_pickle"),
        ("modeling_evil.py", "archive_files"),
        ("folder/config.json", "archive_files"),
    ],
)
def test_files_that_do_not_belong_there_are_refused(good, name, key, tmp_path, monkeypatch):
    assert refused(zipped(good | {name: pickle.dumps({})}), tmp_path, monkeypatch).key == f"error.{key}"


@pytest.mark.parametrize("missing", [name for name in FILES if name != "card.md"])
def test_a_file_that_is_missing_is_named(good, missing, tmp_path, monkeypatch):
    content = zipped({name: inside for name, inside in good.items() if name != missing})
    assert refused(content, tmp_path, monkeypatch).key == "error.archive_files"


def test_a_bomb_is_refused_by_its_own_account_and_when_it_lies(good, tmp_path, monkeypatch):
    bomb = zipped(good | {"card.md": bytes(50_000_000)})
    assert len(bomb) < 200_000
    assert refused(bomb, tmp_path, monkeypatch).key == "error.archive_large"
    small = (10).to_bytes(4, "little")
    lying = bomb.replace((50_000_000).to_bytes(4, "little"), small)
    assert refused(lying, tmp_path, monkeypatch).key in ("error.archive_large", "error.archive_broken")


def test_a_zip_with_endless_entries_is_refused_before_it_is_opened(good, tmp_path, monkeypatch):
    content = zipped(good | {f"{i}.txt": b"" for i in range(100)})
    assert refused(content, tmp_path, monkeypatch).key == "error.archive_broken"


def test_weights_that_are_no_numbers_are_refused(good, tmp_path, monkeypatch):
    tensors = load(good["model.safetensors"])
    name = next(iter(tensors))
    tensors[name][0] = float("nan")
    mistake = refused(zipped(good | {"model.safetensors": save(tensors)}), tmp_path, monkeypatch)
    assert mistake.key == "error.not_finite"


def test_weights_of_another_shape_are_refused_before_memory_is_taken(good, tmp_path, monkeypatch):
    config = json.loads(good["config.json"]) | {"d_model": 2**20, "d_ff": 2**24}
    assert refused(zipped(good | {"config.json": json.dumps(config).encode()}), tmp_path, monkeypatch).key == "error.shapes"
    config = json.loads(good["config.json"]) | {"encoder_layers": 50}
    assert refused(zipped(good | {"config.json": json.dumps(config).encode()}), tmp_path, monkeypatch).key == "error.shapes"


@pytest.mark.parametrize("broken", [b"", b"PK\x03\x04 not really", b"\x80\x04pickle", b"x" * 5000])
def test_what_is_no_zip_is_said_to_be_none(broken, tmp_path, monkeypatch):
    assert refused(broken, tmp_path, monkeypatch).key == "error.archive_broken"


def test_a_damaged_zip_is_refused(good, tmp_path, monkeypatch):
    content = bytearray(zipped(good))
    content[200] ^= 0xFF
    assert refused(bytes(content), tmp_path, monkeypatch).key.startswith("error.")


@pytest.mark.parametrize(
    "rule",
    [
        {"type": "Replace", "pattern": {"String": "a"}, "content": "aaaaaaaaaaaaaaaa"},
        {"type": "Replace", "pattern": {"String": ""}, "content": "a"},
        {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": ""},
        {"type": "Prepend", "prepend": "x" * 1000},
    ],
)
def test_a_tokenizer_that_could_stall_the_server_is_refused(good, rule, tmp_path, monkeypatch):
    said = json.loads(good["tokenizer.json"])
    said["normalizer"] = {"type": "Sequence", "normalizers": [rule]}
    content = zipped(good | {"tokenizer.json": json.dumps(said).encode()})
    assert refused(content, tmp_path, monkeypatch).key == "error.archive_tokenizer"


@pytest.mark.parametrize("content", [b"[1]", b"{", b'{"a":' * 5000, b"null", b"{}"])
def test_a_tokenizer_or_config_that_is_nothing_of_the_kind_is_refused(good, content, tmp_path, monkeypatch):
    for name in ("tokenizer.json", "config.json"):
        assert refused(zipped(good | {name: content}), tmp_path, monkeypatch).key.startswith("error.")


@pytest.mark.parametrize(
    ("change", "what"),
    [({"max_tokens": 5000}, "max_tokens"), ({"encoder_layers": 65}, "layers"), ({"d_ff": 330_000}, "parameters")],
)
def test_a_model_larger_than_strangers_may_bring_is_refused(change, what, tmp_path, monkeypatch):
    config = Config("tag", **{"vocab": 10, "encoder_layers": 1, "n_heads": 2, "d_model": 8, "d_ff": 8, "positions": "none"} | change)
    module = Transformer(config)
    for weight in module.parameters():
        torch.nn.init.zeros_(weight)  # a small zip of much
    content = pack(InHouse(module, letter_tokenizer("abcdef")))
    assert len(content) < 200_000
    mistake = refused(content, tmp_path, monkeypatch)
    assert (mistake.key, mistake.facts["what"]) == ("server.too_large_model", what)


def test_a_zip_packed_in_a_way_that_is_broken_is_refused(tmp_path, monkeypatch):
    assert refused(broken_lzma("config.json"), tmp_path, monkeypatch).key in ("error.archive_broken", "error.archive_files")
