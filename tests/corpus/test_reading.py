"""Lines of every kind of corpus, numbered, chosen, and refused with a place."""

import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from attnlab.corpus.reading import Choice, lines_of
from attnlab.words import InputError

TEXTS = ["One.", "", "Two.", "  ", "Three."]


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "a.txt").write_text("\ufeff" + "\n".join(TEXTS), "utf-8")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress("\n".join(TEXTS).encode()))
    (tmp_path / "c.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in TEXTS), "utf-8")
    parquet.write_table(pa.table({"text": TEXTS, "n": range(5)}), tmp_path / "d.parquet")
    return tmp_path


@pytest.mark.parametrize("name", ["a.txt", "b.txt.gz", "c.jsonl", "d.parquet"])
def test_every_kind_of_file_gives_the_same_numbered_lines(corpus, name):
    assert [(line.number, line.text) for line in lines_of(corpus / name)] == [(1, "One."), (3, "Two."), (5, "Three.")]


def test_a_folder_is_its_files_one_after_the_other(corpus):
    assert [line.number for line in lines_of(corpus)] == [1, 3, 5, 6, 8, 10, 11, 13, 15, 16, 18, 20]


def test_every_second_line_and_a_sample(corpus):
    assert [line.number for line in lines_of(corpus / "a.txt", Choice(every=4))] == [1, 5]
    first, again = ([line.number for line in lines_of(corpus / "a.txt", Choice(sample=2, seed=seed))] for seed in (1, 1))
    assert first == again
    assert len(first) == 2
    assert len(list(lines_of(corpus / "a.txt", Choice(sample=9)))) == 3


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("x.txt", b"good\n\xff\xfe\n", "not UTF-8"),
        ("x.gz", b"not gzip", "cannot be read"),
        ("x.parquet", b"PAR1", "cannot be read"),
        ("x.jsonl", b"[" * 100000, "line 1: not a JSON object"),
        ("x.jsonl", b'{"text": 3}', "line 1: not a JSON object"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path, name, data, said):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=said):
        list(lines_of(tmp_path / name))


def test_a_column_that_is_not_there_is_named_with_those_that_are(corpus, tmp_path):
    with pytest.raises(InputError, match="It has text, n"):
        list(lines_of(corpus / "d.parquet", Choice(column="words")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no file that can be read"):
        list(lines_of(tmp_path / "empty"))


def test_a_choice_that_cannot_be_is_refused(monkeypatch):
    for bad in ({"every": 0}, {"sample": 0}):
        with pytest.raises(InputError, match="at least 1"):
            Choice(**bad)
    monkeypatch.setattr("sys.stdin", io.StringIO("a line\n"))
    assert [line.text for line in lines_of(Path("-"))] == ["a line"]
    with pytest.raises(InputError, match="needs a file"):
        list(lines_of(Path("-"), Choice(sample=1)))
