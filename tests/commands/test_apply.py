"""translate and classify: a line in, a line out, in its place, whatever stands in the lines between."""

import io
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from attnlab.__main__ import main
from attnlab.commands.apply import lines_of
from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.models.load import load
from attnlab.training.tokenizer import train_tokenizer

LINES = ["The red car is in the garden.", "I am here.", "我会游泳。"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One tiny model of each kind, on disk."""
    tokenizer = train_tokenizer(LINES * 3, vocab=90)
    shape: dict[str, Any] = {"vocab": tokenizer.get_vocab_size(), "encoder_layers": 1, "d_model": 16, "n_heads": 2, "d_ff": 32}
    torch.manual_seed(0)
    folders = {task: tmp_path_factory.mktemp(task) for task in ("translate", "classify")}
    InHouse(Transformer(Config("translate", decoder_layers=1, max_tokens=32, **shape)), tokenizer).save(folders["translate"])
    classifier = Transformer(Config("classify", decoder_layers=0, classes=2, max_tokens=32, **shape))
    InHouse(classifier, tokenizer, labels=("negative", "positive")).save(folders["classify"])
    return {task: str(folder) for task, folder in folders.items()}


def given(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content))))  # type: ignore[arg-type]


def test_every_line_is_translated_in_its_place(models: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "in.txt"
    file.write_text(f"\ufeff{LINES[0]}\r\n\n{LINES[1]}\n   \n☃ ☃\n{LINES[2]}", "utf-8")
    assert main(["translate", str(file), "--model", models["translate"], "--beam", "2"]) == 0
    out, err = capsys.readouterr()
    model = load(models["translate"])
    assert isinstance(model, InHouse)
    expected = model.translate([LINES[0], "", LINES[1], "", "☃ ☃", LINES[2]], beam=2)
    assert out == "".join(f"{line}\n" for line in expected)
    assert err == ""


def test_lines_that_cannot_be_read_are_named_and_the_others_come_out(
    models: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = " ".join(["car"] * 5000)
    given(monkeypatch, f"{LINES[0]}\n{long}\n".encode() + b"caf\xe9\n" + f"{LINES[1]}\n".encode())
    assert main(["translate", "--model", models["translate"]]) == 2
    out, err = capsys.readouterr()
    first, second, third, last = out.splitlines()
    assert (second, third) == ("", "")
    assert first
    assert last
    said = err.splitlines()
    assert len(said) == 2
    assert said[0].startswith("stdin:2: The text has ")
    assert "at most 32" in said[0]
    assert said[1].startswith("stdin:3: Byte 4 of the line is not UTF-8")


def test_every_line_is_classified(models: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    given(monkeypatch, f"{LINES[0]}\n\n{LINES[1]}\n".encode())
    assert main(["classify", "-", "--model", models["classify"]]) == 0
    rows = capsys.readouterr().out.split("\n")
    assert len(rows) == 4
    assert rows[1] == rows[3] == ""
    for row in (rows[0], rows[2]):
        label, probability = row.split("\t")
        assert label in ("negative", "positive")
        assert 0.5 <= float(probability) <= 1


def test_nothing_in_is_nothing_out(models: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    given(monkeypatch, b"")
    assert main(["translate", "--model", models["translate"]]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["translate", "no/such/file.txt", "--model", "{translate}"], "no/such/file.txt cannot be read"),
        (["translate", "--model", "{classify}"], "cannot translate: it was trained to classify"),
        (["classify", "--model", "{translate}"], "cannot classify: it was trained to translate"),
        (["translate", "--beam", "0", "--model", "{translate}"], "--beam cannot be 0; it goes from 1 to 64"),
        (["translate", "--length-penalty", "9", "--model", "{translate}"], "--length-penalty cannot be 9.0"),
        (["translate", "--model", "no-such-model"], "no-such-model"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    models: dict[str, str], arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([argument.format(**models) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


def test_lines_are_handed_on_as_they_come() -> None:
    class Slow(io.BytesIO):
        def read1(self, size: int | None = -1) -> bytes:
            return super().read1(3)

    assert list(lines_of(io.BytesIO(b"a\n\nb"))) == [[b"a", b""], [b"b"]]
    assert list(lines_of(Slow(b"ab\ncdefgh\ni"))) == [[b"ab"], [b"cdefgh"], [b"i"]]
    assert list(lines_of(io.BytesIO(b"a\n"))) == [[b"a"]]
    assert list(lines_of(io.BytesIO(b""))) == []
