"""The seven lessons: no mistake, every claim borne out by the models, the same steps in both languages."""

import pytest

from attnlab.lessons.shelf import SHIPPED, check_file, check_languages, files_in

LESSONS = files_in(SHIPPED)


def test_there_are_seven_in_both_languages():
    assert len(LESSONS) == 7
    assert all(set(files) == {"en", "zh"} for files in LESSONS.values())


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_says_what_the_models_say(name):
    files = LESSONS[name]
    told = [f"{file.name}:{mistake.line}: {mistake.say()}" for file in files.values() for mistake in check_file(file)]
    assert not told
    assert not check_languages(files)
