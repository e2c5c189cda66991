"""python -m attnlab measure: the CSV says what the measures say, batch by batch, and mistakes are one line."""

import csv
import io
from itertools import repeat
from types import SimpleNamespace

import numpy as np
import pytest

from attnlab.__main__ import main
from attnlab.commands import measure
from attnlab.core.guide import NAMES, Sums
from attnlab.core.measures import measured
from attnlab.words import InputError

LINES = ("The cat sat on the mat.", "", "It was the best of times, it was the worst of times!", "  ", "One.")


@pytest.fixture
def sentences(tmp_path):
    file = tmp_path / "sentences.txt"
    file.write_text("\n".join(LINES), "utf-8")
    return file


def test_every_head_has_a_row_with_the_mean_over_sentences(bert, sentences, tmp_path):
    out = tmp_path / "heads.csv"
    assert main(["measure", str(sentences), "-o", str(out)]) == 0
    rows = list(csv.DictReader(out.read_text("utf-8").splitlines()))
    assert [(row["layer"], row["head"]) for row in rows] == [(str(layer), str(head)) for layer in range(6) for head in range(12)]
    traces = [bert.trace(line) for line in LINES if line.strip()]
    for name in NAMES:
        each = np.stack([[measured(a)[name] for a in trace.attentions] for trace in traces])  # [sentences layers heads]
        known = np.isfinite(each)
        wanted = np.divide(np.where(known, each, 0).sum(0), known.sum(0), out=np.full(each.shape[1:], np.nan), where=known.any(0))
        got = [float(row[name]) if row[name] else np.nan for row in rows]
        np.testing.assert_allclose(got, wanted.ravel(), rtol=1e-3, atol=1e-5, err_msg=name)
    assert {row["sentences"] for row in rows} == {"3"}


def test_the_previous_token_head_of_the_shipped_bert_is_found(sentences, tmp_path):
    out = tmp_path / "heads.csv"
    main(["measure", str(sentences), "-o", str(out)])
    row = next(row for row in csv.DictReader(out.read_text("utf-8").splitlines()) if (row["layer"], row["head"]) == ("0", "2"))
    assert row["label"] == "previous"
    assert float(row["score"]) > 0.95
    assert "just before" in row["reason"]


def test_sentences_are_read_a_batch_at_a_time_and_not_kept(monkeypatch):
    """An endless file: after each batch exactly that many lines were taken, and nothing of them is held."""
    monkeypatch.setattr(measure, "BATCH", 4)
    taken = []

    def lines():
        for number, line in enumerate(repeat("a line")):
            taken.append(number)
            yield line

    sums = SimpleNamespace(sentences=0)

    def add(trace):
        sums.sentences += 1

    sums.add = add
    model = SimpleNamespace(traces=lambda texts: [object() for _ in texts])
    steps = measure.measured_lines(model, lines(), sums)
    assert [next(steps) for _ in range(3)] == [4, 8, 12]
    assert len(taken) == 12


def test_sums_hold_a_number_per_head_whatever_is_added(bert):
    sums = Sums()
    for _ in range(3):
        sums.add(bert.trace("The same again."))
    once = Sums()
    once.add(bert.trace("The same again."))
    for three, one in zip(sums.heads(), once.heads(), strict=True):
        np.testing.assert_allclose(list(three.measures.values()), list(one.measures.values()), rtol=1e-5)
    assert sums.tokens == 3 * once.tokens


def test_standard_input_is_read(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdin", io.StringIO("A line from a pipe.\n"))
    assert main(["measure", "-", "-o", str(tmp_path / "heads.csv")]) == 0
    assert len((tmp_path / "heads.csv").read_text().splitlines()) == 73


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_file_without_sentences_is_refused(text, tmp_path, capsys):
    (tmp_path / "empty.txt").write_text(text)
    assert main(["measure", str(tmp_path / "empty.txt"), "-o", str(tmp_path / "heads.csv")]) == 2
    assert "no sentence" in capsys.readouterr().err
    assert not (tmp_path / "heads.csv").exists()


def test_mistakes_are_one_line(sentences, tmp_path, capsys):
    assert main(["measure", str(tmp_path / "none.txt"), "-o", str(tmp_path / "heads.csv")]) == 2
    assert main(["measure", str(sentences), "-o", str(tmp_path / "heads.txt")]) == 2
    (tmp_path / "heads.csv").touch()
    assert main(["measure", str(sentences), "-o", str(tmp_path / "heads.csv")]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3
    assert "cannot be read" in said[0]
    assert ".csv" in said[1]
    assert "exists" in said[2]


def test_a_line_that_is_too_long_is_named(tmp_path, bert):
    lines = ["short", "word " * 600]
    with pytest.raises(InputError, match="Line 2: The text has 602 tokens"):
        list(measure.measured_lines(bert, lines, Sums()))


def test_the_page_saves_the_very_table_that_the_command_writes(bert, sentences, tmp_path):
    from attnlab.ui.layers.guide import table_file
    from attnlab.ui.layers.sentences import Measured

    out = tmp_path / "heads.csv"
    assert main(["measure", str(sentences), "-o", str(out)]) == 0
    sums = Sums()
    for trace in bert.traces([line for line in LINES if line.strip()]):
        sums.add(trace)
    assert table_file(Measured("bert", tuple(sums.heads()), sums.sentences, sums.tokens)) == out.read_bytes()
