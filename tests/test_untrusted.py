"""What strangers send is read within limits, and every way of being wrong is one sentence."""

import io
import json
import os
import random
import struct
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from attnlab import figures
from attnlab.figures.provenance import read_record
from attnlab.models.folder import judge_config, judge_tokenizer, read_config, read_header, weight_files
from attnlab.models.load import folder_of, load
from attnlab.untrusted import between, depth, open_zip, read_json, sizes_in, tensors_in, unzipped, whole_number, zip_entries
from attnlab.words import InputError
from tests import hostile

RECORD = figures.record(model="bert", text="x" * 300, layer=2, head=1, options={"temperature": 0.5})


@pytest.fixture(scope="module")
def true_figures() -> dict[str, bytes]:
    weights = np.eye(3, dtype=np.float32)
    return {
        kind: figures.save(figures.heatmap(weights, list("abc"), list("abc")), kind, record=RECORD)
        for kind in ("png", "svg", "pdf", "html", "npz")
    }


# Figures


@pytest.mark.parametrize("name", hostile.FIGURES)
def test_a_hostile_figure_is_one_sentence_in_time_that_its_bytes_take(name):
    data = hostile.FIGURES[name]()
    began = time.process_time()
    with pytest.raises(InputError) as mistake:
        read_record(data)
    assert mistake.value.key in ("error.figure_record", "error.figure_large")
    assert time.process_time() - began < 20  # what this replaces took minutes and hours


@pytest.mark.parametrize("kind", ["png", "svg", "pdf", "html", "npz"])
def test_a_true_figure_still_leads_back(true_figures, kind):
    record = read_record(true_figures[kind])
    assert (record["model"], record["layer"], record["text"]) == ("bert", 2, "x" * 300)


@pytest.mark.parametrize("kind", ["png", "svg", "pdf", "html", "npz"])
def test_a_changed_figure_is_read_or_refused(true_figures, kind):
    rng = random.Random(kind)
    for _ in range(150):
        with suppress(InputError):
            assert isinstance(read_record(hostile.mutated(true_figures[kind], rng))["attnlab"], str)


def test_a_figure_of_more_than_8_mb_is_not_searched():
    with pytest.raises(InputError, match="larger than 8 MB"):
        read_record(b"<html>" + b" " * 2**23)


# The parts


@pytest.mark.parametrize(("text", "number"), [("12", 12), ("", None), ("-1", None), ("9" * 5000, None), ("1.5", None), ("1" * 10, None)])
def test_a_whole_number_of_an_address(text, number):
    assert whole_number(text) == number


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 70 + b"1" + b"}" * 70, b"[1, 2", b"9" * 5000, b"x" * 200_000])
def test_json_that_is_too_deep_too_long_or_none_is_refused(content):
    with pytest.raises(ValueError, match=r".+"):
        read_json(content, most=100_000)


def test_depth_counts_what_lies_inside_one_another():
    assert [depth(said) for said in (1, [], [[]], {"a": [1, {"b": 2}]})] == [0, 1, 2, 3]


def test_only_the_first_opening_counts():
    assert list(between(b"<<a>>b>", b"<", b">", most=9)) == [b"<a"]
    assert list(between(b"<aaaaaaaaaaaaaa>", b"<", b">", most=9)) == []


@pytest.mark.parametrize("how", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_zip_that_is_packed_in_another_way_is_refused(how):
    with open_zip(hostile.zipped({"a": b"b" * 99}, how)) as archive, pytest.raises(ValueError, match="packed in another way"):
        zip_entries(archive)


def test_a_zip_with_two_files_of_one_name_or_too_many_is_refused():
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = two_of_one_name()
    with open_zip(twice) as archive, pytest.raises(ValueError, match="same name"):
        zip_entries(archive)
    with pytest.raises(ValueError, match="too many"):
        open_zip(hostile.zipped({str(i): b"" for i in range(99)}))


def two_of_one_name() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    return out.getvalue()


def test_a_file_of_a_zip_is_read_no_further_than_it_may_reach():
    with open_zip(hostile.zipped({"a": b"0" * 5000})) as archive, pytest.raises(OverflowError, match="larger than 4999"):
        unzipped(archive, archive.infolist()[0], most=4999)


def test_an_encrypted_zip_is_refused():
    content = bytearray(hostile.zipped({"a": b"b"}))
    content[content.find(b"PK\x01\x02") + 8] |= 1
    with open_zip(bytes(content)) as archive, pytest.raises(ValueError, match="encrypted"):
        zip_entries(archive)


def saved(file: Path, header: object, body: bytes = b"") -> Path:
    said = header if isinstance(header, bytes) else json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(said)) + said + body)
    return file


def tensor(start: int, end: int, shape: object = (1,)) -> dict[str, object]:
    return {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}


@pytest.mark.parametrize(
    "header",
    [
        {"a": tensor(0, 4), "b": tensor(2, 6)},
        {"a": tensor(-4, 0)},
        {"a": tensor(0, 3)},
        {"a": tensor(0, 4, [2**40])},
        {"a": tensor(0, 4, [-1])},
        {"a": tensor(0, 4, ["x"])},
        {"a": 3},
        [1],
        b"[" * 100_000,
        b"{",
    ],
)
def test_a_header_that_cannot_be_is_one_sentence(tmp_path, header):
    with pytest.raises(InputError) as mistake:
        read_header(saved(tmp_path / "model.safetensors", header, b"\0" * 4))
    assert mistake.value.key == "error.broken_weights"


def test_a_header_longer_than_its_file_is_refused(tmp_path):
    (tmp_path / "a").write_bytes(struct.pack("<Q", 2**63) + b"{}")
    with pytest.raises(ValueError, match="cut short"):
        tensors_in(tmp_path / "a")


# Folders


@pytest.mark.parametrize("name", ["~nosuchuser", "m" * 300, "a/" + "b" * 300, "a\0b", "/" + "x" * 5000, "é/x", "a/b\n"])
def test_a_name_that_no_disk_or_hub_can_have_is_one_sentence(name):
    with pytest.raises(InputError) as mistake:
        folder_of(name)
    assert mistake.value.key in ("error.no_folder", "error.unknown_model")


def test_a_folder_has_one_place_however_it_is_spelt(tmp_path, monkeypatch):
    from attnlab.models.inhouse.model import InHouse
    from attnlab.models.inhouse.transformer import Config, Transformer
    from attnlab.training.tokenizer import letter_tokenizer

    InHouse(Transformer(Config("tag", vocab=10, encoder_layers=1, n_heads=2, d_model=8, d_ff=8)), letter_tokenizer("abcdef")).save(
        tmp_path / "m"
    )
    monkeypatch.chdir(tmp_path)
    assert load("./m") is load(f"{tmp_path}/m") is load(f"{tmp_path}/./m/")


def test_pipes_folders_and_dangling_links_are_no_weights(tmp_path):
    os.mkfifo(tmp_path / "model.safetensors")
    (tmp_path / "b.safetensors").mkdir()
    (tmp_path / "c.safetensors").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no"):
        weight_files(tmp_path)
    with pytest.raises(InputError, match="cut short or damaged"):
        read_header(tmp_path / "model.safetensors")


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff\xfe{", b"[]", b"{", b'{"a": ' + b"9" * 5000 + b"}"])
def test_a_configuration_that_is_none_is_one_sentence(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(InputError) as mistake:
        read_config(tmp_path)
    assert mistake.value.key == "error.broken_config"


@pytest.mark.parametrize(
    "config",
    [
        {"num_hidden_layers": 1_000_000},
        {"vocab_size": 10**8},
        {"text_config": {"n_layers": 3}},
        {"d_model": 2**40},
        {"max_position_embeddings": 2**40},
        {"encoder_ffn_dim": 10**6},
    ],
)
def test_a_configuration_that_asks_for_more_than_its_weights_hold_is_refused_before_anything_is_made(tmp_path, config):
    file = saved(tmp_path / "model.safetensors", {"a": tensor(0, 4), "b": tensor(4, 8)}, b"\0" * 8)
    with pytest.raises(InputError) as mistake:
        judge_config(tmp_path, config, [file])
    assert mistake.value.key == "error.cannot_load"


def test_the_shipped_bert_asks_for_no_more_than_it_holds():
    folder = folder_of("bert")
    assert folder is not None
    judge_config(folder, read_config(folder), weight_files(folder))
    judge_tokenizer(folder)


def test_rules_that_make_a_text_endlessly_long_are_refused(tmp_path):
    rule = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 10}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"normalizer": {"type": "Sequence", "normalizers": [rule] * 8}}))
    with pytest.raises(InputError, match="endlessly long"):
        judge_tokenizer(tmp_path)


def test_the_largest_number_under_a_name():
    said = {"layers": 3, "inner": [{"n_layers": 5, "other": 99}], "vocab": True}
    assert sizes_in(said, ["layers", "n_layers"]) == 5
    assert sizes_in(said, ["vocab"]) == 0
