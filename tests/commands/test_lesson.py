"""attnlab lesson: check, new and print as they are typed."""

import pytest

from attnlab.__main__ import main


def test_a_new_lesson_can_be_checked_at_once(tmp_path, capsys):
    assert main(["lesson", "new", "mine", "-o", str(tmp_path)]) == 0
    assert main(["lesson", "check", str(tmp_path / "mine")]) == 0
    assert "no mistake" in capsys.readouterr().out
    assert main(["lesson", "new", "mine", "-o", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_mistakes_are_named_by_file_and_line(tmp_path, capsys):
    main(["lesson", "new", "mine", "-o", str(tmp_path)])
    file = tmp_path / "mine" / "zh.md"
    file.write_text(file.read_text("utf-8").replace("[[answer = cat]]", "[[answer = mat]]").replace("layer=3", "layer=2"), "utf-8")
    capsys.readouterr()
    assert main(["lesson", "check", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert "zh.md:28: The lesson says mat, the model says cat." in told.out
    assert "Step 2 differs" in told.out
    assert "2 mistake(s) in 2 file(s)" in told.err
    assert main(["lesson", "check", str(file)]) == 2


@pytest.mark.parametrize("words", [["new", "../bad"], ["new", "x", "-o", "/dev/null"], ["check", "nowhere"]])
def test_a_wrong_command_is_one_line(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["lesson", *words]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_an_empty_folder_holds_no_lesson(tmp_path, capsys):
    assert main(["lesson", "check", str(tmp_path)]) == 2
    assert "There is no lesson in" in capsys.readouterr().err
