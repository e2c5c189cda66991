"""edit, importance, patch, ledger: tables and pictures out of the same functions, and mistakes that say what to do."""

import csv
import json
from io import StringIO

import pytest

from attnlab.__main__ import main

GOOD, BAD = "What a lovely film!", "What a boring film!"
SENTIMENT = ["--model", "sentiment"]


def table(text):
    return list(csv.DictReader(StringIO(text)))


def test_edits_change_what_is_said(tmp_path, capsys):
    (tmp_path / "edits.json").write_text('[{"place": "z", "stack": "encoder", "to": "zero"}]')
    assert main(["edit", GOOD, "--edits", str(tmp_path / "edits.json"), *SENTIMENT]) == 0
    rows = table(capsys.readouterr().out)
    assert [row["when"] for row in rows] == ["before", "before", "after", "after"]
    assert rows[1]["value"] != rows[3]["value"]
    (tmp_path / "edits.json").write_text("{}")
    assert main(["edit", GOOD, "--edits", str(tmp_path / "edits.json"), *SENTIMENT]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_importance_is_a_row_a_head_and_a_picture(tmp_path, capsys):
    (tmp_path / "lines.txt").write_text(f"{GOOD}\n{BAD}\n")
    assert main(["importance", str(tmp_path / "lines.txt"), "--by", "mean", *SENTIMENT]) == 0
    rows = table(capsys.readouterr().out)
    assert (len(rows), rows[0]["sentences"]) == (24, "2")
    picture = tmp_path / "heads.png"
    assert main(["importance", str(tmp_path / "lines.txt"), *SENTIMENT, "-o", str(picture)]) == 0
    assert picture.read_bytes()[:4] == b"\x89PNG"
    (tmp_path / "lines.txt").write_text("\n")
    assert main(["importance", str(tmp_path / "lines.txt"), *SENTIMENT]) == 2
    assert main(["importance", str(tmp_path / "none.txt"), *SENTIMENT]) == 2
    (tmp_path / "lines.txt").write_text(GOOD)
    assert main(["importance", str(tmp_path / "lines.txt"), "--stack", "cross", *SENTIMENT]) == 2


def test_a_patch_is_a_row_a_place_and_a_picture(tmp_path, capsys):
    assert main(["patch", GOOD, BAD, *SENTIMENT]) == 0
    rows = table(capsys.readouterr().out)
    assert max(rows, key=lambda row: float(row["share"]))["place"] == "lovely"
    assert main(["patch", GOOD, BAD, "--place", "z", *SENTIMENT, "-o", str(tmp_path / "map.svg")]) == 0
    assert main(["patch", GOOD, GOOD, *SENTIMENT]) == 2
    assert "the same" in capsys.readouterr().err


def test_a_ledger_balances_in_its_file(tmp_path, capsys):
    file = tmp_path / "book.json"
    assert main(["ledger", "The cat sleeps.", "--model", "translate-fr", "--token", "1", "--word", "chat", "-o", str(file)]) == 0
    rows = json.loads(file.read_text())
    *parts, total, output = rows
    assert sum(row["value"] for row in parts) == pytest.approx(output["value"], abs=1e-4)
    assert (total["kind"], output["kind"]) == ("total", "output")
    assert main(["ledger", GOOD, "--similar-to", BAD, "-o", str(tmp_path / "book.csv")]) == 0
    assert len(table((tmp_path / "book.csv").read_text())) > 100
    assert main(["ledger", GOOD, *SENTIMENT, "-o", str(tmp_path / "book.pdf")]) == 0
    assert (tmp_path / "book.pdf").read_bytes()[:4] == b"%PDF"
    assert main(["ledger", GOOD, *SENTIMENT, "-o", str(tmp_path / "book.txt")]) == 2


def test_a_pruning_is_a_row_a_score_and_a_picture(tmp_path, capsys):
    (tmp_path / "rows.tsv").write_text(f"positive\t{GOOD}\nnegative\t{BAD}\n")
    asked = ["prune", *SENTIMENT, "--data", str(tmp_path / "rows.tsv"), "--points", "2", "--orders", "1"]
    assert main(asked) == 0
    rows = table(capsys.readouterr().out)
    assert [row["order"] for row in rows] == ["importance", "importance", "random 1", "random 1"]
    assert [row["removed"] for row in rows] == ["0", "24", "0", "24"]
    assert rows[0]["accuracy"] == rows[2]["accuracy"] == "1.0"
    assert main([*asked, "-o", str(tmp_path / "curve.svg")]) == 0
    assert (tmp_path / "curve.svg").read_text().startswith("<?xml")
    assert main(["prune", *SENTIMENT]) == 2
    assert "needs a file" in capsys.readouterr().err


def test_a_patch_of_other_lengths_is_aligned_and_says_how_well_the_guess_ranks(capsys):
    assert main(["patch", GOOD, "What a very boring film!", "--align", "--place", "k", *SENTIMENT]) == 0
    said = capsys.readouterr()
    assert len(table(said.out)) == 24
    assert "ranks the places" in said.err
    assert main(["patch", GOOD, "What a very boring film!", *SENTIMENT]) == 2
    assert "align" in capsys.readouterr().err
