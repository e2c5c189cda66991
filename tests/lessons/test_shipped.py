"""The seven lessons: no mistake, every claim borne out by the models, the same steps in both languages."""

import re

import pytest

from attnlab.__main__ import main
from attnlab.lessons.claims import APART
from attnlab.lessons.read import read_lesson
from attnlab.lessons.shelf import SHIPPED, files_in, read_bytes

LESSONS = files_in(SHIPPED)


def test_there_are_seven_in_both_languages():
    assert len(LESSONS) == 7
    assert all(set(files) == {"en", "zh"} for files in LESSONS.values())


@pytest.mark.parametrize("name", LESSONS)
def test_the_command_finds_no_mistake(name, capsys):
    assert main(["lesson", "check", str(SHIPPED / name)]) == 0
    assert capsys.readouterr().out.count("no mistake") == 2


@pytest.mark.parametrize(
    "file", [file for files in LESSONS.values() for file in files.values()], ids=lambda file: f"{file.parent.name} {file.stem}"
)
def test_no_number_of_two_digits_was_typed(file):
    """Stricter than what a teacher's file has to keep to: whole numbers too. What a row sums to is no number of a model."""
    for step in read_lesson(read_bytes(file), name=file.stem).steps:
        text = APART.sub(" ", step.prose.text + step.explain.text)
        assert set(re.findall(r"(?<![\w.])\d\d+", text)) <= {"100"}, step.title
