"""A few of the files and links that a stranger might send, the same each time; tests.benchmarks.hostile makes twenty thousand."""

import random
from contextlib import suppress

import pytest

from attnlab.words import InputError
from tests import hostile
from tests.app.conftest import opened, words
from tests.benchmarks.hostile import open_link, readers

KINDS = (
    *("png", "svg", "pdf", "html", "npz", "a model in a zip", "config.json", "model.safetensors", "tokenizer.json"),
    *("a lesson", "edits", "rows to train on", "a text to train on"),
)


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    return readers(tmp_path_factory.mktemp("own"))


def test_every_kind_of_file_is_tried(known):
    assert set(known) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_true_file_is_read_and_a_changed_one_is_read_or_refused_in_a_sentence(known, kind):
    true, read = known[kind]
    read(true)
    rng = random.Random(kind)
    for _ in range(30):
        with suppress(InputError):
            read(hostile.mutated(true, rng))


@pytest.mark.parametrize("seed", range(12))
def test_a_link_of_anything_opens_its_page(seed, monkeypatch):
    monkeypatch.setenv("ATTNLAB_SHARED", "1")
    open_link(random.Random(seed))


@pytest.mark.parametrize(
    ("page", "asked"),
    [
        (
            "learn/positions.py",
            {"part": "scores", "places": "9" * 5000, "from": "9" * 5000, "p": "9" * 5000, "d": "9" * 5000, "base": "9" * 5000},
        ),
        ("look/compare.py", {"pin": "9" * 5000 + ",1", "length": "9" * 5000}),
        ("build/translate.py", {"forced": "9" * 5000, "at": "9" * 5000}),
        ("learn/steps.py", {"query": "9" * 5000, "key": "9" * 5000, "dim": "9" * 5000, "stage": "9" * 5000}),
    ],
)
def test_a_number_of_5000_digits_in_a_link_is_none(page, asked):
    assert "9" * 50 not in words(opened(page, **asked))
