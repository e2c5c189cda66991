"""Tokenisers trained on one's own text with the tokenizers library; Chinese is readable character by character."""

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

SPECIALS = {"pad": 0, "bos": 1, "eos": 2, "unk": 3}
SPECIAL_PIECES = ["[PAD]", "[BOS]", "[EOS]", "[UNK]"]
SPACE = "▁"


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
