"""The weights that came with attnlab are those that were trained: each is listed, and checked when it is read."""

import shutil

import pytest

from attnlab.models import load as loading
from attnlab.words import InputError

MODELS = loading.MODELS


def test_the_weights_that_are_shipped_are_listed_with_their_fingerprints():
    listed = {name: total for total, _, name in (line.partition("  ") for line in (MODELS / loading.SUMS).read_text("utf-8").splitlines())}
    assert listed == {f"{file.parent.name}/{file.name}": loading.fingerprint([file]) for file in MODELS.glob("*/model.safetensors")}


def test_weights_that_are_not_those_that_were_shipped_are_refused(tmp_path, monkeypatch):
    shutil.copytree(MODELS / "reverse-none", tmp_path / "reverse-none")
    shutil.copytree(MODELS / "reverse-none", tmp_path / "mine")
    shutil.copy(MODELS / loading.SUMS, tmp_path)
    monkeypatch.setattr(loading, "MODELS", tmp_path)
    assert loading.open_model("reverse-none", tmp_path / "reverse-none").spec.name == "reverse-none"
    file = tmp_path / "reverse-none" / "model.safetensors"
    changed = bytearray(file.read_bytes())
    changed[-1] ^= 1
    for name in ("reverse-none", "mine"):
        (tmp_path / name / "model.safetensors").write_bytes(changed)
    with pytest.raises(InputError, match="not the model that came with attnlab"):
        loading.open_model("reverse-none", tmp_path / "reverse-none")
    assert loading.open_model("mine", tmp_path / "mine").spec.name == "mine"
