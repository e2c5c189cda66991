"""One's own text: documents from a file, rows from documents, holes in sentences; and every file that is refused."""

import random

import numpy as np
import pytest
import torch

from attnlab.training import text as texts
from attnlab.training.masking import chosen, corrupted, held_out, hidden, masked_batches
from attnlab.training.text import read_text
from attnlab.training.tokenizer import character_tokenizer, text_tokenizer
from attnlab.training.windows import BOS, EOS, document_batches, document_rows, encode_documents, overlapping, repeated, stream, windows
from attnlab.words import InputError

STORY = "The wolf ran.\nThe sheep ran too.\n\nA fox slept.\nA hen saw it.\n"


def written(tmp_path, content):
    file = tmp_path / "mine.txt"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def test_an_empty_line_ends_a_document(tmp_path):
    text = read_text(written(tmp_path, STORY))
    assert text.documents == (("The wolf ran.", "The sheep ran too."), ("A fox slept.", "A hen saw it."))
    assert not text.by_line
    assert len(text.lines) == 4


def test_without_empty_lines_every_line_is_one(tmp_path):
    text = read_text(written(tmp_path, "\ufeff白日依山尽，\r\n黄河入海流。\r\n"))
    assert text.documents == (("白日依山尽，",), ("黄河入海流。",))
    assert text.by_line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "text in .*: 0;"),
        ("\n \n", "text in .*: 0;"),
        ("one line", "text in .*: 1; at least 2"),
        ("a\nb\n你好\n".encode("gbk"), "not UTF-8 .line 3"),
        (b"a\nb\0c\n", "not a text file"),
        (b"\xff\xfe\0\x80 no text at all", "not a text file"),
    ],
)
def test_a_file_that_is_no_text_is_refused_in_one_sentence(tmp_path, content, said):
    with pytest.raises(InputError, match=said):
        read_text(written(tmp_path, content), least=2)


def test_a_file_that_is_missing_or_too_big_is_refused_before_it_is_read(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="cannot be read"):
        read_text(tmp_path / "none.txt")
    monkeypatch.setattr(texts, "MEGABYTES", 1)
    with pytest.raises(InputError, match="2 MB; a training reads at most 1 MB"):
        read_text(written(tmp_path, "x" * 2_000_001))


def test_a_text_becomes_one_row_of_tokens_with_its_lines_and_ends(tmp_path):
    text = read_text(written(tmp_path, STORY))
    tokenizer = text_tokenizer(text.lines * 3, vocab=60)
    row = stream(tokenizer, text)
    assert tokenizer.decode(row.ids.tolist(), skip_special_tokens=True).split("\n") == [
        " The wolf ran.",
        "The sheep ran too. A fox slept.",
        "A hen saw it.",
    ]
    assert int((row.ids == EOS).sum()) == 2
    pieces = [tokenizer.id_to_token(int(row.ids[at])) for at in row.starts]
    assert [piece[:2] for piece in pieces] == ["▁T", "▁T", "▁A", "▁A"]


@pytest.mark.parametrize("length", [1, 7, 8, 9, 12, 13, 40, 41])
def test_windows_that_overlap_by_half_want_every_token_once(length):
    ids = list(range(10, 10 + length))
    rows = list(overlapping(ids, 8))
    assert [i for row in rows for i in row.wanted if i >= 0] == ids
    for row in rows:
        assert row.source[0] == BOS
        assert len(row.source) == len(row.wanted) <= 8
        assert all(read == before for read, before in zip(row.source[1:], [*row.wanted[:-1]], strict=True) if before >= 0)
    assert all(sum(i < 0 for i in row.wanted) == 4 for row in rows[1:])


def test_a_repeated_row_asks_only_for_what_can_be_known():
    drawn = repeated([7, 8, 9], 8, drawn=True)
    assert drawn.source == (BOS, 7, 8, 9, 7, 8, 9, 7)
    assert drawn.wanted == (-1, -1, -1, 7, 8, 9, 7, 8)
    assert repeated([7, 8, 9], 8, drawn=False).wanted == (7, 8, 9, -1, 8, 9, 7, 8)


def test_windows_are_the_same_whenever_they_are_asked_for(tmp_path):
    text = read_text(written(tmp_path, STORY * 12))
    row = stream(text_tokenizer(text.lines, vocab=60), text)
    how = {"seed": 3, "again": 0.3, "drawn": 0.3}
    rows = windows(row, 16, 4, **how)
    first = [next(rows) for _ in range(12)]
    later = windows(row, 16, 4, **how, start=11)
    assert torch.equal(first[11].source, next(later).source)
    assert first[0].source.shape == (4, 16)
    assert {int(batch.source[:, 0].unique()) for batch in first} == {BOS}


def test_an_epoch_of_windows_shows_the_whole_text(tmp_path):
    text = read_text(written(tmp_path, STORY * 30))
    row = stream(text_tokenizer(text.lines, vocab=60), text)
    rows = windows(row, 8, 1, seed=0)
    seen = [next(rows).tokens for _ in range((len(row) - 8) // 8)]
    assert sum(seen) >= 0.9 * len(row)


def test_documents_go_in_whole_or_in_windows(tmp_path):
    text = read_text(written(tmp_path, "白日依山尽，\n黄河入海流。欲穷千里目，更上一层楼。\n"))
    tokenizer = character_tokenizer(text.lines, vocab=60)
    documents = encode_documents(tokenizer, text)
    assert [len(document) for document in documents] == [7, 19]
    rows = document_rows(documents, 16)
    assert len(rows) == 3
    batch = next(document_batches(documents, 16, 64, seed=0))
    assert batch.tokens > 0


# Holes

WORDS = (None, 0, 0, 1, 2, 2, 2, 3, None)


def test_a_share_of_the_pieces_is_hidden_at_least_one_and_never_a_special_one():
    for seed in range(20):
        assert len(chosen(WORDS, 0.15, random.Random(seed))) == 1
        found = chosen(WORDS, 0.5, random.Random(seed))
        assert len(set(found)) == 4
        assert not {0, 8} & set(found)


def test_whole_words_are_hidden_whole():
    for seed in range(20):
        found = chosen(WORDS, 0.3, random.Random(seed), whole=True)
        assert len(found) >= 2
        for word in range(4):
            pieces = {i for i, other in enumerate(WORDS) if other == word}
            assert pieces <= set(found) or not pieces & set(found)


def test_hidden_pieces_are_wanted_and_no_others():
    example = hidden([1, 20, 21, 22, 2], [1, 3], mask=5)
    assert example.source == (1, 5, 21, 5, 2)
    assert example.wanted == (-1, 20, -1, 22, -1)


def test_of_ten_chosen_pieces_eight_are_masked_one_is_another_and_one_stays():
    ids, rng = list(range(100, 1100)), random.Random(0)
    said = np.array(corrupted(ids, range(1000), 5, range(2000, 3000), rng).source)
    assert (said == 5).mean() == pytest.approx(0.8, abs=0.03)
    assert (said >= 2000).mean() == pytest.approx(0.1, abs=0.03)
    assert (said == ids).mean() == pytest.approx(0.1, abs=0.03)


def test_holes_change_from_epoch_to_epoch_and_stay_for_a_step():
    rows = [((1, *range(10, 10 + n), 2), (None, *range(n), None)) for n in (4, 4, 6, 6, 6)]
    how = {"mask": 5, "pieces": range(10, 20), "shares": (0.2, 0.4), "whole": False, "seed": 1}
    batches = masked_batches(rows, 16, **how)
    first = [next(batches) for _ in range(12)]
    again = masked_batches(rows, 16, **how, start=7)
    assert torch.equal(first[7].source, next(again).source)
    assert all(batch.source.shape[1] in (6, 8) for batch in first)
    assert len({str(batch.wanted.tolist()) for batch in first}) > 4


def test_the_same_seed_asks_for_the_same_holes():
    rows = [((1, *range(10, 20), 2), (None, *range(10), None))] * 3
    one, two, other = (held_out(rows, 64, mask=5, share=0.15, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one[0].source, two[0].source)
    assert not torch.equal(one[0].source, other[0].source)
    assert sum(batch.tokens for batch in one) == 6
