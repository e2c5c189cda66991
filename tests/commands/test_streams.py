"""Commands among other commands: closed streams, full disks, pipes that end, signals, and files that are no text."""

import errno
import io
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch

from attnlab.__main__ import main
from attnlab.commands import look
from attnlab.files import sole_writer
from attnlab.training.checkpoint import NAME, load_checkpoint
from attnlab.training.loop import Trainer
from attnlab.training.material import prepare
from attnlab.training.plan import plan
from attnlab.training.run import run
from attnlab.words import InputError

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--d-model", "16", "--d-ff", "16", "--heads", "2", "--layers", "1", "--batch", "32")
TINY = {"d_model": 16, "d_ff": 16, "n_heads": 2, "encoder_layers": 1}


def shell(line, folder):
    """What a command says in a shell, and its status."""
    env = os.environ | {"PYTHONPATH": str(ROOT), "A": f"{sys.executable} -m attnlab", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=folder, env=env, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("$A translate <&-", 2, "a stream is closed"),
        ("$A models >&-", 2, "a stream is closed"),
        ("$A measure - -o a.csv <&-", 2, "cannot be read"),
        ("$A models >/dev/full", 2, "No space left on device"),
        ("$A models | true", 141, ""),
        ("$A nope 2>&-", 2, ""),
    ],
)
def test_a_stream_that_is_not_there_is_one_sentence_or_none(tmp_path, line, status, said):
    found, out, err = shell(line, tmp_path)
    assert (found, out) == (status, "")
    assert said in err
    assert err.count("\n") == bool(said), err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["caf\xe9".encode("latin-1"), "The cat sat.\n".encode("utf-16-le"), b"\x89PNG\r\n\x1a\n\0"])
@pytest.mark.parametrize("command", [("measure", "-o", "a.csv"), ("train", "translate", "-o", "run", "--data")], ids=lambda words: words[0])
def test_what_is_no_text_is_said_with_its_line(tmp_path, capsys, monkeypatch, text, command):
    monkeypatch.chdir(tmp_path)
    Path("text.tsv").write_bytes(text)
    words = [*command, "text.tsv"]
    assert main(words) == 2
    err = capsys.readouterr().err
    assert "text.tsv" in err
    assert err.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["text.tsv"]


@pytest.mark.parametrize(
    "command",
    [
        ("trace", "A cat.", "-o", "a.npz"),
        ("heatmap", "A cat.", "--layer", "0", "--head", "0", "-o", "a.svg"),
        ("measure", "-", "-o", "a.csv", "--model", "reverse-none"),
    ],
    ids=lambda words: words[0],
)
def test_a_full_disk_leaves_nothing_and_a_sentence(tmp_path, capsys, monkeypatch, command):
    def full(handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a b c\n")))
    assert main(command) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_refusal_of_the_system_names_the_file(capsys, monkeypatch):
    def refuse():
        raise PermissionError(errno.EACCES, "Permission denied", "/somewhere/model.safetensors")

    monkeypatch.setattr(look, "known", refuse)
    assert main(["models"]) == 2
    assert "/somewhere/model.safetensors: Permission denied" in capsys.readouterr().err


def test_interrupting_is_no_mistake_and_says_nothing(capsys, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(look, "known", interrupt)
    assert main(["models"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-o", "file"), "file cannot be written"),
        (("-o", "run", "--d-model", "1000000000", "--heads", "1"), "GB to be trained"),
        (("-o", "run", "--rate", "nan"), "rate cannot be nan"),
        (("-o", "run", "--smoothing", "1.5"), "smoothing cannot be 1.5"),
    ],
)
def test_a_training_that_cannot_be_is_refused_before_anything_is_made(tmp_path, capsys, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    assert main(["train", "reverse", *words]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_two_trainings_do_not_write_into_one_folder(tmp_path):
    wanted = plan("reverse", recipe={"steps": 3, "batch": 60}, shape=TINY)
    first = run(wanted, tmp_path / "run")
    next(first)
    with pytest.raises(InputError, match="Another training is writing"):
        next(run(wanted, tmp_path / "run"))
    first.close()
    assert [progress.step for progress in run(wanted, tmp_path / "run", resume=True)] == [2, 3]


def test_a_folder_is_let_go_when_its_process_ends(tmp_path):
    code = f"import os; from pathlib import Path; from attnlab.files import sole_writer; c = sole_writer(Path({str(tmp_path)!r}))"
    subprocess.run([sys.executable, "-c", f"{code}; c.__enter__(); os.kill(os.getpid(), 9)"], cwd=ROOT)
    with sole_writer(tmp_path):
        pass


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_has_saved_when_it_says_so(tmp_path, end):
    command = [sys.executable, "-m", "attnlab", "train", "reverse", "--steps", "100000", *SMALL, "-o", str(tmp_path / "run")]
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    listening = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # what is begun in the background of a shell ignores Ctrl-C
    process = subprocess.Popen(command, cwd=ROOT, preexec_fn=listening, **streams)
    try:
        while not (tmp_path / "run" / "snapshots" / "0000000.npz").exists():  # written before the first step
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        process.send_signal(end)
        _, err = process.communicate(timeout=300)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 128 + end
    assert (tmp_path / "run" / NAME).is_file()
    assert ("Stopped and saved" in err) is (end == signal.SIGINT)
    trainer = Trainer(prepare(plan("reverse", shape=TINY)).module, plan("reverse").recipe)
    load_checkpoint(tmp_path / "run", trainer)
    assert all(bool(torch.isfinite(master).all()) for master in trainer.masters)
