"""Files become rows and rows become batches; whatever is wrong with them is said, with its line."""

import random

import pytest
import torch

from attnlab.training.data import Example, batches, buckets, collate, read_labelled, read_rows
from attnlab.training.tasks import LETTERS, answer, draw, task_batches
from attnlab.training.tokenizer import SPECIAL_PIECES, letter_tokenizer, train_tokenizer
from attnlab.words import InputError


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def test_bad_rows_are_counted_with_their_line_numbers(tmp_path):
    file = write(tmp_path / "pairs.tsv", "Go.\tVa !\nno tab here\n\nHi.\tSalut !\textra\n\tempty\nRun.\tCours !\r\n")
    rows = read_rows(file, 2)
    assert rows.good == (("Go.", "Va !"), ("Run.", "Cours !"))
    assert [line for line, _ in rows.bad] == [2, 4, 5]
    assert rows.bad[0] == (2, "1 columns where 2 are needed")


def test_a_byte_order_mark_is_no_part_of_the_first_row(tmp_path):
    assert read_rows(write(tmp_path / "a.tsv", "\ufeffGo.\tVa !\n"), 2).good == (("Go.", "Va !"),)


def test_plain_lines_may_hold_tabs(tmp_path):
    assert read_rows(write(tmp_path / "a.txt", "one\ttwo\nthree\n"), 1).good == (("one\ttwo",), ("three",))


@pytest.mark.parametrize(
    ("content", "encoding", "key"),
    [("é\tè\n", "latin-1", "error.not_utf8"), ("only one column\n", "utf-8", "error.no_rows"), ("", "utf-8", "error.no_rows")],
)
def test_a_file_that_cannot_be_trained_on_is_refused(tmp_path, content, encoding, key):
    with pytest.raises(InputError) as caught:
        read_rows(write(tmp_path / "x.tsv", content, encoding), 2)
    assert caught.value.key == key


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_rows(tmp_path / "nowhere.tsv", 2)


def test_one_label_is_not_enough(tmp_path):
    with pytest.raises(InputError, match="only the label 'positive'"):
        read_labelled(write(tmp_path / "x.tsv", "positive\tgood\npositive\tfine\n"))


def test_a_batch_is_padded_and_counts_what_is_wanted():
    batch = collate([Example((5, 6, 2), (1, 7), (7, 2)), Example((5, 2), (1, 8, 9), (8, 9, 2))])
    assert batch.source.tolist() == [[5, 6, 2], [5, 2, 0]]
    assert batch.target is not None
    assert batch.target.tolist() == [[1, 7, 0], [1, 8, 9]]
    assert batch.wanted.tolist() == [[7, 2, -1], [8, 9, 2]]
    assert batch.tokens == 5


def test_buckets_keep_the_budget_and_every_example_once():
    rng = random.Random(0)
    examples = [Example((4,) * rng.randint(1, 30), (), (4,)) for _ in range(200)]
    groups = buckets(examples, 100, rng)
    assert sorted(i for group in groups for i in group) == list(range(200))
    assert all(len(group) * max(len(examples[i]) for i in group) <= 100 for group in groups)


def test_batches_begun_later_are_the_same_batches():
    examples = [Example((4 + i,) * (1 + i % 7), (), (4,)) for i in range(50)]
    whole, late = batches(examples, 20, seed=3), batches(examples, 20, seed=3, start=25)
    for _ in range(25):
        next(whole)
    for _ in range(25):
        assert torch.equal(next(whole).source, next(late).source)


def test_the_generated_tasks_do_what_their_names_say():
    assert answer("copy", list("cab")) == list("cab")
    assert answer("reverse", list("cab")) == list("bac")
    assert answer("sort", list("cab")) == list("abc")


def test_a_generated_batch_depends_on_its_step_alone():
    ids = letter_tokenizer(LETTERS).get_vocab()
    stream = task_batches("reverse", ids, size=100, seed=1)
    next(stream)
    again = next(task_batches("reverse", ids, size=100, seed=1, start=1))
    second = next(stream)
    assert torch.equal(second.source, again.source)
    row, goal = second.source[0], second.wanted[0]
    n = int((row > 0).sum())
    assert row[:n].flip(0).tolist() == goal[:n].tolist()


def test_letters_are_pieces_and_spaces_only_separate():
    tokenizer = letter_tokenizer(LETTERS)
    assert tokenizer.encode("a bC").tokens == ["a", "b", "c"]
    assert tokenizer.encode("é").tokens == ["[UNK]"]
    assert len(draw(random.Random(0), 9)) == 9


def test_chinese_is_read_character_by_character_and_words_come_back():
    tokenizer = train_tokenizer(["I like tea.", "I like you.", "我喜欢茶。", "我喜欢你。"] * 3, vocab=60)
    assert tokenizer.encode("我喜欢茶。").tokens == ["我", "喜", "欢", "茶", "。"]
    assert tokenizer.decode(tokenizer.encode("I  like\u00a0tea.").ids).strip() == "I like tea."
    assert [tokenizer.id_to_token(i) for i in range(4)] == SPECIAL_PIECES
