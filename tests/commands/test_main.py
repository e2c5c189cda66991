"""The command as a whole: its version, what it can do, and the app that it starts."""

import os
import socket
import subprocess
import sys

import pytest

from attnlab import __main__ as command
from attnlab import __version__
from attnlab.commands import app as start


def test_the_version_is_said(capsys):
    assert command.main(["--version"]) == 0
    assert capsys.readouterr().out == f"attnlab {__version__}\n"


def test_the_command_without_words_says_what_it_can_do():
    done = subprocess.run([sys.executable, "-m", "attnlab"], capture_output=True, text=True)
    assert done.returncode == 2
    for name in ("app", "models", "heatmap", "trace", "translate", "classify", "train", "evaluate", "measure"):
        assert f" {name} " in done.stdout + done.stderr


@pytest.mark.parametrize(("typed", "name"), [("/usr/bin/attnlab", "attnlab"), ("/x/attnlab/__main__.py", "python -m attnlab")])
def test_help_is_named_as_it_was_asked_for(monkeypatch, capsys, typed, name):
    monkeypatch.setattr(sys, "argv", [typed])
    assert command.main(["nope"]) == 2
    assert capsys.readouterr().err == f"No such command 'nope'. Help: {name} --help\n"


@pytest.fixture
def started(monkeypatch):
    """What the app's process would be."""
    found = []
    monkeypatch.setattr(os, "execv", lambda path, words: found.append(words))
    monkeypatch.setattr(start, "call", lambda words: 0)
    monkeypatch.setenv("PYTHONPATH", "")
    return found


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_the_app_listens_here_and_only_here_unless_asked(started):
    port = free_port()
    assert command.main(["app", "--port", str(port)]) == 0
    words = started[0]
    assert words[1:4] == ["-m", "streamlit", "run"]
    assert words[4] == str(start.APP)
    assert start.APP.is_file()
    assert {"--server.address=127.0.0.1", "--server.headless=false", f"--server.port={port}"} <= set(words)
    command.main(["app", "--host", "0.0.0.0", "--no-browser"])
    assert {"--server.address=0.0.0.0", "--server.headless=true"} <= set(started[1])
    assert not any(word.startswith("--server.port") for word in started[1])


def test_the_app_is_given_a_teachers_own_lessons(started, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("ATTNLAB_LESSONS", "")
    assert command.main(["app", "--lessons", str(tmp_path)]) == 2
    assert "There is no lesson in" in capsys.readouterr().err
    command.main(["lesson", "new", "mine", "-o", str(tmp_path)])
    assert command.main(["app", "--lessons", str(tmp_path)]) == 0
    assert os.environ["ATTNLAB_LESSONS"] == str(tmp_path)
    assert len(started) == 1


def test_a_port_that_is_taken_and_a_host_that_is_not_here_are_said(started, capsys):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        port = one.getsockname()[1]
        assert command.main(["app", "--port", str(port)]) == 2
    assert f"cannot listen at 127.0.0.1:{port}" in capsys.readouterr().err
    for host in ("192.0.2.1", "no host", "a" * 300):
        assert command.main(["app", "--host", host]) == 2
        assert f"cannot listen at {host}" in capsys.readouterr().err
    assert not started


def test_without_streamlit_the_app_says_what_to_install(started, capsys, monkeypatch):
    monkeypatch.setattr(start, "find_spec", lambda name: None)
    assert command.main(["app"]) == 2
    assert "attnlab[app]" in capsys.readouterr().err
    assert not started
