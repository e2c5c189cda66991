"""Tokenisers trained on one's own text with the tokenizers library; Chinese is readable character by character."""

from collections import Counter
from collections.abc import Iterable

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from attnlab.models.filling import MASK

SPECIALS = {"pad": 0, "bos": 1, "eos": 2, "unk": 3}
SPECIAL_PIECES = ["[PAD]", "[BOS]", "[EOS]", "[UNK]"]
SPACE = "▁"
NEWLINE = "\n"  # the piece at the end of a line


def train_tokenizer(texts: Iterable[str], *, vocab: int) -> Tokenizer:
    """Byte-pair encoding over words marked with ▁; Han characters and punctuation stand alone."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
            normalizers.Prepend(SPACE),
            normalizers.Replace(Regex(rf"^{SPACE}(?=\p{{Han}})"), ""),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(SPACE, prepend_scheme="never"),
            pre_tokenizers.Split(Regex(rf"{SPACE}?(\p{{Han}}|[\p{{P}}&&[^'’\-{SPACE}_]])"), "isolated"),
        ]
    )
    tokenizer.decoder = decoders.Metaspace(SPACE, prepend_scheme="never")
    trainer = trainers.BpeTrainer(vocab_size=vocab, special_tokens=SPECIAL_PIECES, show_progress=False, min_frequency=2)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def letter_tokenizer(letters: str) -> Tokenizer:
    """One piece per letter; spaces only separate."""
    pieces = {piece: i for i, piece in enumerate([*SPECIAL_PIECES, *letters])}
    tokenizer = Tokenizer(models.WordLevel(pieces, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex("."), "isolated")],
    )
    tokenizer.add_special_tokens(SPECIAL_PIECES)
    return tokenizer


def text_tokenizer(texts: Iterable[str], *, vocab: int) -> Tokenizer:
    """Pieces as `train_tokenizer` makes them, for texts of several lines: the end of a line is a piece of its own."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(Regex(r"[^\S\n]+"), " "),
            normalizers.Replace(Regex(r" ?\n\s*"), "\n "),
            normalizers.Strip(),
            normalizers.Prepend(SPACE),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(NEWLINE, "isolated"),
            pre_tokenizers.Metaspace(SPACE, prepend_scheme="never"),
            pre_tokenizers.Split(Regex(rf"{SPACE}?(\p{{Han}}|[\p{{P}}&&[^'’\-{SPACE}_]])"), "isolated"),
        ]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Metaspace(SPACE, prepend_scheme="never"), decoders.Fuse(), decoders.Replace("\n ", NEWLINE)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocab, special_tokens=SPECIAL_PIECES, initial_alphabet=[NEWLINE], show_progress=False, min_frequency=2
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def character_tokenizer(texts: Iterable[str], *, vocab: int) -> Tokenizer:
    """One piece per character, the commonest `vocab` of them; what is rarer is [UNK]. For Chinese: white space is left out."""
    counted = Counter(c for text in texts for c in text if not c.isspace())
    common = [c for c, _ in sorted(counted.items(), key=lambda entry: (-entry[1], entry[0]))][: vocab - len(SPECIAL_PIECES) - 1]
    pieces = {piece: i for i, piece in enumerate([*SPECIAL_PIECES, NEWLINE, *common])}
    tokenizer = Tokenizer(models.WordLevel(pieces, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"[^\S\n]+"), "")])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(SPECIAL_PIECES)
    return tokenizer


def with_holes(tokenizer: Tokenizer) -> Tokenizer:
    """The same tokenizer for sentences with holes: [MASK] in a text is a hole, and every sentence has a start and an end."""
    tokenizer.add_tokens([AddedToken(MASK, special=False, normalized=False)])
    named = [(piece, SPECIALS[name]) for piece, name in (("[BOS]", "bos"), ("[EOS]", "eos"))]
    tokenizer.post_processor = processors.TemplateProcessing(single="[BOS] $A [EOS]", special_tokens=named)
    return tokenizer
