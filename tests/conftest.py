"""What several tests share: the shipped BERT, loaded once, and tiny tokenizers of every kind."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test talks to the network

# The same examples in every run, and none is too slow: whether a change passes depends on the change, not on luck or on a busy machine.
settings.register_profile("same", derandomize=True, deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("same")

SENTENCES = (
    "The cat sat on the mat because it was tired.",
    "Attention is all you need, they said; 你好, wörld!",
    "A quick brown fox jumps over the lazy dog again and again.",
)


# The floor of coverage, for `core` and `models`, is held by their own tests: under --cov nothing is counted while others run.
OWN = tuple(Path(__file__).parent / room for room in ("core", "models"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.pluginmanager.hasplugin("_cov"):
        for item in items:
            if not any(item.path.is_relative_to(room) for room in OWN):
                item.add_marker("no_cover")


@pytest.fixture(scope="session")
def bert() -> Any:
    from attnlab import load

    return load("bert")


@pytest.fixture(scope="session")
def small_tokenizers() -> dict[str, Any]:
    """One tiny tokenizer of each kind: words (BERT's), bytes (GPT-2's), spaces (SentencePiece's)."""
    return {kind: small_tokenizer(kind) for kind in ("words", "bytes", "spaces")}


def small_tokenizer(kind: str) -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    if kind == "words":
        raw = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        raw.normalizer, raw.pre_tokenizer, raw.decoder = (
            normalizers.BertNormalizer(),
            pre_tokenizers.BertPreTokenizer(),
            decoders.WordPiece(),
        )
        trainer: Any = trainers.WordPieceTrainer(vocab_size=160, special_tokens=special, show_progress=False)
    elif kind == "bytes":
        raw = Tokenizer(models.BPE())
        raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    else:
        raw = Tokenizer(models.BPE(byte_fallback=True, unk_token="[UNK]"))
        raw.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        raw.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
        special += [f"<0x{b:02X}>" for b in range(256)]
        trainer = trainers.BpeTrainer(vocab_size=310, special_tokens=special, show_progress=False)
    raw.train_from_iterator([s.split("你")[0] if kind == "spaces" else s for s in SENTENCES], trainer)
    if kind == "spaces":
        raw = with_byte_fallback(raw)
    if kind == "words":
        raw.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    return PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="[SEP]", bos_token="[CLS]", **names)


def with_byte_fallback(raw: Any) -> Any:
    """The same tokenizer with its 256 byte pieces as ordinary entries of the vocabulary."""
    import json

    from tokenizers import Tokenizer

    state = json.loads(raw.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if not token["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(state))
