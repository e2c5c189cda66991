"""What a pretrained model reads, made readable: no Ġ, no �, words grouped, special tokens flagged, both texts told apart."""

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Literal

from attnlab.core.trace import Tokens
from attnlab.models.spec import Model
from attnlab.words import InputError

Alphabet = Literal["bytes", "spaces", "plain"]
SHOWN = {" ": "␣", "\n": "⏎", "\t": "⇥", "\r": "␍"}
JOINERS = "\u200c\u200d"  # invisible but part of Persian words and of emoji


def check_text(text: str) -> str:
    """The text itself. Raises InputError when there is none, or when it is not text (half of a surrogate pair)."""
    if not text.strip():
        raise InputError("error.empty")
    half = next((i for i, c in enumerate(text) if "\ud800" <= c <= "\udfff"), None)
    if half is not None:
        raise InputError("error.surrogate", code=f"{ord(text[half]):X}", place=half + 1)
    return text


@dataclass(frozen=True)
class Alphabets:
    """How one tokenizer writes its pieces: as bytes (GPT-2), with ▁ for spaces (SentencePiece), or plainly."""

    kind: Alphabet
    specials: frozenset[int]

    @classmethod
    def of(cls, tokenizer: Any) -> "Alphabets":
        ignored = {tokenizer.unk_token_id, tokenizer.mask_token_id}  # both stand for a word of the text
        backend = getattr(tokenizer, "backend_tokenizer", None)
        decoder = "" if backend is None else str(backend.decoder)
        kind: Alphabet = "bytes" if "ByteLevel" in decoder else "plain"
        if kind == "plain" and ("▁" in decoder or "Metaspace" in decoder or backend is None):
            kind = "spaces"
        return cls(kind, frozenset(set(tokenizer.all_special_ids) - ignored))

    def show(self, piece: str) -> str:
        """One entry of the vocabulary as text that can be read."""
        if self.kind == "bytes":
            return visible(from_bytes(piece))
        if len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):  # SentencePiece's byte fallback
            return readable(bytes([int(piece[3:5], 16)]))
        return visible(piece.replace("▁", " ") if self.kind == "spaces" else piece)

    def opens(self, piece: str) -> bool:
        """Whether a piece says that a word starts here."""
        return piece.startswith("Ġ" if self.kind == "bytes" else "▁")


@cache
def byte_of() -> dict[str, int]:
    """GPT-2's alphabet: 256 printable characters that stand for the 256 bytes. Source: Radford et al. (2019)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    moved = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(moved)}


def from_bytes(piece: str) -> str:
    """The text of a byte-level piece. A piece from outside the alphabet (an added token) is its own text."""
    table = byte_of()
    if any(c not in table for c in piece):
        return piece
    return readable(bytes(table[c] for c in piece))


def readable(raw: bytes) -> str:
    """UTF-8 where it is whole, ⟨E4 BD⟩ where a character was cut in two."""
    text, broken = "", b""
    for char in raw.decode("utf-8", "surrogateescape"):
        if "\udc80" <= char <= "\udcff":
            broken += bytes([ord(char) - 0xDC00])
            continue
        text, broken = text + hexed(broken) + char, b""
    return text + hexed(broken)


def hexed(raw: bytes) -> str:
    return f"⟨{raw.hex(' ').upper()}⟩" if raw else ""


def visible(text: str) -> str:
    """One leading space is dropped (the words tell it); what cannot be seen is shown by a sign or its number."""
    text = text.removeprefix(" ") if text.strip(" ") else text
    inside = len(text.rstrip(" "))
    joins = len(text) > 1
    shown = (c if (c == " " and i < inside) or (c in JOINERS and joins) else SHOWN.get(c, named(c)) for i, c in enumerate(text))
    return "".join(shown)


def named(char: str) -> str:
    """A control, format or unassigned character by its number, every other one as it is."""
    hidden = unicodedata.category(char) in ("Cc", "Cf", "Cn", "Co", "Zl", "Zp") or (char.isspace() and char != " ")
    return f"⟨U+{ord(char):04X}⟩" if hidden else char


def by_space(text: str, offsets: Sequence[tuple[int, int] | None]) -> list[int | None]:
    """Words as whitespace separates them, for tokenizers that call a whole text one word."""
    starts = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(text)) if a.isspace() and not b.isspace())]
    words: list[int | None] = []
    for span in offsets:
        if span is None:
            words.append(None)
            continue
        first = next((i for i in range(*span) if not text[i].isspace()), span[0])
        words.append(bisect_right(starts, first) - 1)
    return words


def numbered(words: Sequence[tuple[int, int] | None]) -> tuple[int | None, ...]:
    """(text, word) pairs as one count from 0 over both texts."""
    order = {word: i for i, word in enumerate(dict.fromkeys(w for w in words if w is not None))}
    return tuple(None if word is None else order[word] for word in words)


def encode(tokenizer: Any, alphabet: Alphabets, text: str, pair: str | None = None) -> Tokens:
    """A text, or two, as the model reads it. Raises InputError for no text and when no token is left of it."""
    texts = [check_text(text)] if pair is None else [check_text(text), check_text(pair)]
    backend = getattr(tokenizer, "backend_tokenizer", None)
    tokens = encode_slowly(tokenizer, alphabet, texts) if backend is None else encode_fast(backend, alphabet, texts)
    for i in range(len(texts)):
        if not any(segment == i and not special for segment, special in zip(tokens.segments, tokens.special, strict=True)):
            raise InputError("error.empty")
    return tokens


def encode_fast(backend: Any, alphabet: Alphabets, texts: list[str]) -> Tokens:
    seen = backend.encode(*texts)
    special = tuple(bool(s) or i in alphabet.specials for s, i in zip(seen.special_tokens_mask, seen.ids, strict=True))
    sides = [None if hidden else side for side, hidden in zip(seen.sequence_ids, special, strict=True)]
    offsets = tuple(None if hidden else span for span, hidden in zip(seen.offsets, special, strict=True))
    words: list[tuple[int, int] | None] = [None] * len(special)
    word_ids = seen.word_ids  # a whole list is made each time it is read
    for side, text in enumerate(texts):
        here = [i for i, s in enumerate(sides) if s == side]
        found = [word_ids[i] for i in here]
        if len(set(found)) == 1 and len(text.split()) > 1:
            found = by_space(text, [offsets[i] for i in here])
        for i, word in zip(here, found, strict=True):
            words[i] = None if word is None else (side, word)
    return Tokens(
        tuple(piece if hidden else alphabet.show(piece) for piece, hidden in zip(seen.tokens, special, strict=True)),
        tuple(seen.ids),
        special,
        numbered(words),
        offsets,
        segments(sides),
    )


def segments(sides: Sequence[int | None]) -> tuple[int, ...]:
    """Which text a token belongs to; a special token belongs to the text before it."""
    found, now = [], 0
    for side in sides:
        now = now if side is None else side
        found.append(now)
    return tuple(found)


def encode_slowly(tokenizer: Any, alphabet: Alphabets, texts: list[str]) -> Tokens:
    """A tokenizer without the Rust half knows no offsets; words start where its pieces say so."""
    ids = tokenizer(*texts, verbose=False)["input_ids"]
    if len(texts) == 1:
        return from_ids(tokenizer, alphabet, ids)
    cut = len(tokenizer(texts[0], verbose=False)["input_ids"])
    return from_ids(tokenizer, alphabet, ids, sides=[0 if i < cut else 1 for i in range(len(ids))])


def from_ids(tokenizer: Any, alphabet: Alphabets, ids: Sequence[int], sides: Sequence[int] | None = None) -> Tokens:
    """Tokens of which only the ids are known: what a model has written, or a tokenizer without offsets."""
    pieces = [piece or f"⟨#{i}⟩" for i, piece in zip(ids, tokenizer.convert_ids_to_tokens(list(ids)), strict=True)]
    sides = [0] * len(ids) if sides is None else sides
    special = tuple(i in alphabet.specials for i in ids)
    words: list[tuple[int, int] | None] = []
    word = -1
    for piece, hidden, side in zip(pieces, special, sides, strict=True):
        starts = not piece.startswith("##") if alphabet.kind == "plain" else alphabet.opens(piece)
        word += not hidden and (starts or word < 0)
        words.append(None if hidden else (side, word))
    shown = tuple(piece if hidden else alphabet.show(piece) for piece, hidden in zip(pieces, special, strict=True))
    return Tokens(shown, tuple(ids), special, numbered(words), (None,) * len(ids), tuple(sides))


def first_tokens(model: Model, text: str, limit: int) -> str:
    """The beginning of a text that makes at most `limit` tokens, special ones included."""
    tokens = model.tokenize(text)
    ends = [offset[1] for offset in tokens.offsets if offset is not None]
    keep = limit - sum(tokens.special)
    while keep > 1 and len(model.tokenize(text[: ends[keep - 1]])) > limit:  # a piece cut in the middle of a word may need more
        keep -= 1
    return text[: ends[keep - 1]]
