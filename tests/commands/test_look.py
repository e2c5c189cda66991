"""The commands that look: what they write, and one line on stderr with status 2 for every mistake."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from attnlab import __version__
from attnlab.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
TEXT = "The cat sat on the mat because it was tired."


@pytest.fixture
def run(capsys):
    """run(arguments...) -> (status, stdout, stderr)"""

    def go(*arguments):
        status = main([str(a) for a in arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return go


def test_models_lists_what_is_here(run):
    status, out, err = run("models")
    assert (status, err) == (0, "")
    row = next(line for line in out.splitlines() if line.startswith("bert "))
    assert all(fact in row for fact in ("encoder 6 x 12", "384", "22,713,216", "512", "1110a243", "all-MiniLM-L6-v2", "Apache-2.0"))


def test_trace_writes_every_array_under_its_name(run, tmp_path, bert):
    file = tmp_path / "trace.npz"
    assert run("trace", TEXT, "--model", "bert", "-o", file) == (0, "", "")
    seen = bert.trace(TEXT)
    with np.load(file, allow_pickle=False) as held:
        names = {f"encoder.{layer}.{part}" for layer in range(6) for part in ("q", "k", "v", "weights")}
        assert set(held.files) == names | {"source", "source_ids"}
        assert held["source"].tolist() == list(seen.source.pieces)
        assert held["source_ids"].tolist() == list(seen.source.ids)
        for attention in seen.attentions:
            stored = held[f"encoder.{attention.layer}.weights"]
            assert stored.dtype == np.float32
            np.testing.assert_array_equal(stored, attention.all_weights())
            np.testing.assert_array_equal(held[f"encoder.{attention.layer}.k"], attention.k)


def test_the_same_trace_is_the_same_file(run, tmp_path):
    for name in ("a.npz", "b.npz"):
        run("trace", TEXT, "-o", tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_heatmap_draws_one_head_and_its_record_can_be_read_back(run, tmp_path):
    file = tmp_path / "head.svg"
    status, out, err = run("heatmap", TEXT, "--layer", 3, "--head", 7, "--scale", "auto", "-o", file)
    assert (status, out, err) == (0, "", "")
    status, out, err = run("figure-info", file)
    assert (status, err) == (0, "")
    record = json.loads(out)
    assert record["attnlab"] == __version__
    assert (record["model"], record["revision"], record["text"]) == ("bert", "1110a243", TEXT)
    assert (record["stack"], record["layer"], record["head"]) == ("encoder", 3, 7)
    assert record["options"] == {"scale": "auto"}


def test_a_csv_holds_the_exact_numbers(run, tmp_path, bert):
    file = tmp_path / "head.csv"
    assert run("heatmap", TEXT, "--layer", 0, "--head", 2, "-o", file)[0] == 0
    rows = list(csv.reader(file.read_text("utf-8-sig").splitlines()))
    values = np.array([[np.float32(cell) for cell in row[1:]] for row in rows[1:]], np.float32)
    np.testing.assert_array_equal(values, bert.trace(TEXT).at("encoder", 0).weights(2))


@pytest.mark.parametrize(("arguments", "expected"), [
    (["heatmap", TEXT, "--layer", "6", "--head", "0"], "layers 0 to 5"),
    (["heatmap", TEXT, "--layer", "-1", "--head", "0"], "layers 0 to 5"),
    (["heatmap", TEXT, "--layer", "0", "--head", "12"], "heads 0 to 11"),
    (["heatmap", TEXT, "--layer", "0", "--head", "0", "--stack", "cross"], "It has: encoder"),
    (["heatmap", TEXT, "--layer", "0", "--head", "0", "--scale", "huge"], "'fixed', 'auto'"),
    (["heatmap", TEXT, "--layer", "0", "--head", "0", "--colours", "rainbow"], "viridis"),
    (["heatmap", TEXT, "--layer", "zero", "--head", "0"], "integer"),
    (["heatmap", "", "--layer", "0", "--head", "0"], "Type at least one word"),
    (["heatmap", "word " * 600, "--layer", "0", "--head", "0"], "602 tokens; this model reads at most 512"),
    (["heatmap", TEXT, "--model", "nobody/nothing", "--layer", "0", "--head", "0"], "cannot be reached"),
    (["heatmap", TEXT, "--model", "./nowhere", "--layer", "0", "--head", "0"], "no folder"),
    (["heatmap", "a\ud83d", "--layer", "0", "--head", "0"], "U+D83D"),
])  # fmt: skip
def test_a_mistake_is_one_line_that_says_what_is_possible(run, tmp_path, arguments, expected):
    file = tmp_path / "x.png"
    status, out, err = run(*arguments, "-o", file)
    assert (status, out) == (2, "")
    assert expected in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["trace", TEXT], ["heatmap", TEXT, "--layer", "0", "--head", "0"]])
def test_files_are_not_lost_and_not_half_written(run, tmp_path, command):
    file = tmp_path / "out.npz"
    file.write_text("mine")
    status, _, err = run(*command, "-o", file)
    assert status == 2
    assert "--force" in err
    assert file.read_text() == "mine"
    assert run(*command, "-o", file, "--force")[0] == 0
    assert file.read_bytes()[:2] == b"PK"
    assert list(tmp_path.iterdir()) == [file]
    assert file.stat().st_mode & 0o777 == 0o666 & ~umask()


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("name", ["out.docx", "out", "missing/out.npz", "."])
@pytest.mark.parametrize("command", [["trace", TEXT], ["heatmap", TEXT, "--layer", "0", "--head", "0"]])
def test_a_file_that_cannot_be_is_refused_before_any_work(run, tmp_path, command, name):
    status, _, err = run(*command, "-o", tmp_path / name)
    assert status == 2
    assert "cannot be written" in err
    assert err.count("\n") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_refused(run, tmp_path):
    tmp_path.chmod(0o500)
    assert run("trace", TEXT, "-o", tmp_path / "out.npz")[0] == 2


def test_a_folder_without_permission_is_refused_even_to_root(run, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    status, _, err = run("trace", TEXT, "-o", tmp_path / "out.npz")
    assert (status, "cannot be written" in err) == (2, True)


def test_a_figure_without_a_record_says_so(run, tmp_path):
    (tmp_path / "plain.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for file in (tmp_path / "plain.png", tmp_path / "nothing.png"):
        status, out, err = run("figure-info", file)
        assert (status, out) == (2, "")
        assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["tarce"], ["trace"], ["trace", TEXT], ["trace", TEXT, "-o"], ["--nonsense"]])
def test_wrong_usage_is_one_line_with_the_way_to_help(run, arguments):
    status, _, err = run(*arguments)
    assert status == 2
    assert err.count("\n") == 1
    assert "--help" in err


def test_the_program_exits_with_the_status(tmp_path):
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "attnlab",
        "heatmap",
        TEXT,
        "--layer",
        "0",
        "--head",
        "99",
        "-o",
        str(tmp_path / "x.png"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "Head 99 does not exist; the encoder of bert has heads 0 to 11 in each layer.\n"


def test_the_api_of_the_readme(bert, tmp_path):
    import attnlab

    trace = attnlab.load("bert").trace("The cat sat on the mat")
    weights = trace.at("encoder", 0).weights(2)
    assert weights.shape == (8, 8)
    picture = attnlab.figures.heatmap(weights, trace.source.pieces, trace.source.pieces)
    assert attnlab.figures.save(picture, "svg").startswith(b"<?xml")
    assert attnlab.load("bert") is attnlab.load("bert")


def test_a_command_runs_a_model_in_the_precision_that_is_asked_for(tmp_path, monkeypatch):
    for name in ("ATTNLAB_DEVICE", "ATTNLAB_DTYPE"):
        monkeypatch.setenv(name, "")
    assert (
        main(
            ["--device", "cpu", "--dtype", "bfloat16", "heatmap", "One two.", "--layer", "0", "--head", "1", "-o", str(tmp_path / "a.svg")]
        )
        == 0
    )
    assert "bfloat16, softmax(q·k) float32" in (tmp_path / "a.svg").read_text("utf-8")
