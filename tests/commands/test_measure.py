"""python -m attnlab measure: the CSV says what the measures say, batch by batch, and mistakes are one line."""

import csv
import io
from itertools import islice

import numpy as np
import pytest

from attnlab import load
from attnlab.__main__ import main
from attnlab.core.guide import NAMES, Sums
from attnlab.core.measures import measured
from attnlab.corpus import blocks
from attnlab.corpus.reading import Choice

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


def test_a_line_that_is_too_long_is_named_cut_or_skipped(tmp_path, capsys):
    (tmp_path / "long.txt").write_text("short\n" + "word " * 600 + "\n")
    out = tmp_path / "heads.csv"
    assert main(["measure", str(tmp_path / "long.txt"), "-o", str(out)]) == 2
    assert "Line 2: The text has 602 tokens" in capsys.readouterr().err
    assert not (tmp_path / "heads.csv.blocks").exists()
    for way, sentences in (("cut", "2"), ("skip", "1")):
        assert main(["measure", str(tmp_path / "long.txt"), "-o", str(out), "--too-long", way, "--force"]) == 0
        assert next(csv.DictReader(out.read_text("utf-8").splitlines()))["sentences"] == sentences
        assert "1 line" in capsys.readouterr().err.replace("1 were", "1 line")


def test_any_number_of_workers_and_a_beginning_give_the_same_bits(sentences, tmp_path):
    """The second run has one block of three left to do, and two processes for it."""
    assert main(["measure", str(sentences), "-o", str(tmp_path / "one.csv"), "--block", "1"]) == 0
    plan = blocks.Plan("bert", load("bert").spec.revision, str(sentences), Choice(), size=1)
    list(islice(blocks.run(plan, tmp_path / "two.csv.blocks", blocks.here(), waiting=1), 2))
    assert len(list((tmp_path / "two.csv.blocks").glob("*.npz"))) == 2
    assert main(["measure", str(sentences), "-o", str(tmp_path / "two.csv"), "--workers", "2", "--block", "1"]) == 0
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert not (tmp_path / "two.csv.blocks").exists()


def test_a_corpus_that_changed_and_a_folder_of_another_measurement_are_refused(sentences, tmp_path, capsys):
    plan = blocks.Plan("bert", load("bert").spec.revision, str(sentences), Choice())
    folder = tmp_path / "heads.csv.blocks"
    list(blocks.run(plan, folder, blocks.here()))
    sentences.write_text("Something else.\n")
    assert main(["measure", str(sentences), "-o", str(tmp_path / "heads.csv")]) == 2
    assert "have changed" in capsys.readouterr().err
    assert main(["measure", str(sentences), "-o", str(tmp_path / "heads.csv"), "--every", "2"]) == 2
    assert "another measurement" in capsys.readouterr().err
    next(folder.glob("*.npz")).write_bytes(b"half a block")
    assert main(["measure", str(sentences), "-o", str(tmp_path / "heads.csv")]) == 2
    assert "damaged" in capsys.readouterr().err


def test_a_table_in_parquet_has_the_numbers_of_the_csv_and_intervals(sentences, tmp_path):
    from pyarrow import parquet

    for kind in ("csv", "parquet"):
        assert main(["measure", str(sentences), "-o", str(tmp_path / f"heads.{kind}")]) == 0
    rows = parquet.read_table(tmp_path / "heads.parquet").to_pylist()
    for ours, theirs in zip(rows, csv.DictReader((tmp_path / "heads.csv").read_text("utf-8").splitlines()), strict=True):
        assert ours["entropy_n"] == 3
        assert ours["entropy_low"] < ours["entropy"] < ours["entropy_high"]
        np.testing.assert_allclose(ours["previous_high"], float(theirs["previous_high"]), rtol=1e-5)
        assert ours["label"] == (theirs["label"] or None)


def test_the_page_saves_the_table_that_the_command_writes_without_intervals(bert, sentences, tmp_path):
    from attnlab.ui.layers.guide import table_file
    from attnlab.ui.layers.sentences import Measured

    out = tmp_path / "heads.csv"
    assert main(["measure", str(sentences), "-o", str(out)]) == 0
    sums = Sums()
    for trace in bert.traces([line for line in LINES if line.strip()]):
        sums.add(trace)
    page = list(csv.DictReader(table_file(Measured("bert", tuple(sums.heads()), sums.sentences, sums.tokens)).decode().splitlines()))
    for ours, theirs in zip(page, csv.DictReader(out.read_text("utf-8").splitlines()), strict=True):
        assert list(ours) == list(theirs)[: len(ours)]
        assert all(ours[name] == theirs[name] for name in ("stack", "layer", "head", "label", "threshold", "reason", "sentences"))
        np.testing.assert_allclose([float(ours[n] or 0) for n in NAMES], [float(theirs[n] or 0) for n in NAMES], rtol=1e-4, atol=1e-6)
