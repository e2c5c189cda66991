"""Tokens that can be read: no Ġ, no �, words grouped, special tokens flagged, both texts told apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnlab.models.tokens import Alphabets, by_space, byte_of, encode, from_bytes, from_ids, readable, segments, visible
from attnlab.words import InputError

NASTY = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](http://example.org/y)",
    r"$\frac{1}{2}$",
    "a\x00b",
    "\x1b[31mred",
]


def read(tokenizers, kind, text, pair=None):
    tokenizer = tokenizers[kind]
    return encode(tokenizer, Alphabets.of(tokenizer), text, pair)


def test_a_piece_that_is_half_a_character_shows_its_bytes():
    assert readable("你".encode()[:2]) == "⟨E4 BD⟩"
    assert readable("a你b".encode()[:3]) == "a⟨E4 BD⟩"
    assert readable("你".encode()[1:] + b"!") == "⟨BD A0⟩!"
    assert readable("naïve".encode()) == "naïve"


def test_the_byte_alphabet_has_every_byte_once():
    assert sorted(byte_of().values()) == list(range(256))
    assert from_bytes("Ġthe") == " the"
    assert from_bytes("caf") == "caf"
    assert from_bytes("[你]") == "[你]"  # an added token is not written in the alphabet


@given(st.binary(max_size=12))
def test_bytes_never_come_out_as_replacement_characters(raw):
    backward = {b: c for c, b in byte_of().items()}
    shown = from_bytes("".join(backward[b] for b in raw))
    assert "\ufffd" not in shown or "\ufffd".encode() in raw


def test_what_cannot_be_seen_is_named():
    assert visible(" the") == "the"
    assert visible("   ") == "␣␣␣"
    assert visible("\n") == "⏎"
    assert visible("\t\t") == "⇥⇥"
    assert visible("\x00") == "⟨U+0000⟩"
    assert visible("\u200b") == "⟨U+200B⟩"
    assert visible("a\u202eb") == "a⟨U+202E⟩b"
    assert visible("می\u200cخواهم") == "می\u200cخواهم"  # the joiner is part of the word
    assert visible("👩\u200d🔬") == "👩\u200d🔬"
    assert visible(" to be ") == "to be␣"
    assert visible("a\u00a0b") == "a⟨U+00A0⟩b"
    assert visible("<b>") == "<b>"


def test_words_follow_spaces_where_a_tokenizer_knows_none():
    text = "to be  or"
    assert by_space(text, [(0, 2), (2, 5), None, (5, 8), (8, 9)]) == [0, 1, None, 2, 2]


def test_a_special_token_belongs_to_the_text_before_it():
    assert segments([None, 0, 0, None, 1, None]) == (0, 0, 0, 0, 1, 1)


def test_bert_reads_a_pair(bert):
    seen = bert.tokenize("Unbelievable cats!", "They sat.")
    assert seen.pieces == ("[CLS]", "unbelievable", "cats", "!", "[SEP]", "they", "sat", ".", "[SEP]")
    assert seen.special == (True, False, False, False, True, False, False, False, True)
    assert seen.words == (None, 0, 1, 2, None, 3, 4, 5, None)
    assert seen.segments == (0, 0, 0, 0, 0, 1, 1, 1, 1)
    assert seen.offsets[1:4] == ((0, 12), (13, 17), (17, 18))
    assert seen.offsets[5] == (0, 4)  # into the second text


def test_pieces_of_one_word_share_its_number(bert):
    seen = bert.tokenize("antidisestablishment now")
    assert len(seen) > 5
    assert set(seen.words[1:-2]) == {0}
    assert seen.words[-2] == 1
    assert all(piece.startswith("##") for piece in seen.pieces[2:-2])


def test_a_typed_mask_is_a_word_and_a_typed_separator_is_special(bert):
    seen = bert.tokenize("Paris is the [MASK] of France. [SEP] Yes")
    mask, separator = seen.pieces.index("[MASK]"), seen.pieces.index("[SEP]")
    assert not seen.special[mask]
    assert seen.words[mask] is not None
    assert seen.special[separator]
    assert seen.words[separator] is None


@pytest.mark.parametrize("text", NASTY)
def test_nasty_text_stays_text(bert, text):
    seen = bert.tokenize(text)
    assert all(piece.isprintable() for piece in seen.pieces)
    assert len(seen) == len(bert.trace(text).source)


@pytest.mark.parametrize("kind", ["bytes", "spaces"])
def test_marks_of_the_vocabulary_do_not_show(small_tokenizers, kind):
    seen = read(small_tokenizers, kind, "The cat sat, 猫\nthere.")
    assert not any(mark in piece for piece in seen.pieces for mark in "ĠĊ▁\ufffd")
    assert not any(piece.startswith("<0x") for piece in seen.pieces)
    assert any("⟨E7" in piece for piece in seen.pieces)
    assert len({word for word in seen.words if word is not None}) >= 4


def test_words_are_grouped_by_spaces_when_the_tokenizer_says_one_word(small_tokenizers):
    seen = read(small_tokenizers, "spaces", "the lazy dog")
    together = {}
    for piece, word in zip(seen.pieces, seen.words, strict=True):
        together[word] = together.get(word, "") + piece.strip("␣ ")
    assert list(together.values()) == ["the", "lazy", "dog"]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40), st.sampled_from(["words", "bytes", "spaces"]))
def test_any_text_is_read_or_refused_with_a_sentence(small_tokenizers, text, kind):
    try:
        seen = read(small_tokenizers, kind, text)
    except InputError as error:
        key = error.key
    else:
        key = None
    if key is not None:
        assert key == "error.empty"
        return
    words = [word for word in seen.words if word is not None]
    assert words == sorted(words)
    assert sorted(set(words)) == list(range(len(set(words))))
    assert all(0 <= a <= b <= len(text) for a, b in (span for span in seen.offsets if span is not None))
    assert all(piece for piece in seen.pieces)


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u200b\u200b", "\x00\x01", "\ufeff"])
def test_text_without_a_token_is_refused(bert, text):
    with pytest.raises(InputError) as caught:
        bert.tokenize(text)
    assert caught.value.key == "error.empty"


def test_an_empty_second_text_is_refused(bert):
    with pytest.raises(InputError):
        bert.tokenize("A text.", " ")


def test_half_a_surrogate_pair_is_refused_with_its_place(bert):
    with pytest.raises(InputError) as caught:
        bert.tokenize("ab\ud83d")
    assert caught.value.facts == {"code": "D83D", "place": 3}
    assert "U+D83D" in str(caught.value)
    assert "第 3 个字符" in caught.value.say("zh")


def test_what_a_model_wrote_is_grouped_by_the_marks_of_its_pieces(small_tokenizers):
    tokenizer = small_tokenizers["words"]
    ids = tokenizer("attention again")["input_ids"]
    seen = from_ids(tokenizer, Alphabets.of(tokenizer), ids)
    assert seen.special[0]
    assert seen.words[0] is None
    assert seen.pieces[0] == "[CLS]"
    assert max(word for word in seen.words if word is not None) == 1


def test_an_id_without_a_piece_shows_its_number(small_tokenizers):
    tokenizer = small_tokenizers["words"]
    assert from_ids(tokenizer, Alphabets.of(tokenizer), [100_000]).pieces == ("⟨#100000⟩",)
