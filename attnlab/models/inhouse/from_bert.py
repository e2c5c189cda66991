"""BERT's weights in the in-house Transformer: the whole encoder, or its first layers with a part of its vocabulary."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from attnlab.models.filling import MASK
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.models.weights import BERT_LAYER
from attnlab.words import InputError

ACTIVATIONS = ("relu", "gelu")


def bert_config(bert: Mapping[str, Any], *, layers: int | None = None, classes: int = 2, dropout: float = 0.1) -> Config:
    """The in-house Config that is the same network as a BERT's config.json, with attention pooling and classes on top."""
    if bert["hidden_act"] not in ACTIVATIONS:
        raise InputError("error.bert_activation", given=bert["hidden_act"], known=", ".join(ACTIVATIONS))
    there = bert["num_hidden_layers"]
    if layers is not None and not 0 < layers <= there:
        raise InputError("error.bert_layers", given=layers, last=there)
    return Config(
        task="classify",
        vocab=bert["vocab_size"],
        classes=classes,
        encoder_layers=there if layers is None else layers,
        decoder_layers=0,
        n_heads=bert["num_attention_heads"],
        d_model=bert["hidden_size"],
        d_ff=bert["intermediate_size"],
        positions="learned",
        max_tokens=bert["max_position_embeddings"],
        norm="post",
        activation=bert["hidden_act"],
        dropout=dropout,
        segments=bert["type_vocab_size"],
        embedding_norm=True,
        scale_embeddings=False,
        norm_eps=bert["layer_norm_eps"],
    )


def from_bert(
    state: Mapping[str, Tensor],
    bert: Mapping[str, Any],
    *,
    layers: int | None = None,
    keep: Sequence[int] | None = None,
    max_tokens: int | None = None,
    classes: int = 2,
    dropout: float = 0.1,
) -> Transformer:
    """The in-house encoder with a BERT's weights; `encode` gives BERT's last_hidden_state. Pooling and classes are new.

    state: its tensors, bert: its config.json. layers: only the first ones. keep: old ids of the vocabulary in their new
    order (see `smaller`). max_tokens: only the first positions.
    """
    whole = bert_config(bert, layers=layers, classes=classes, dropout=dropout)
    vocab = whole.vocab if keep is None else len(keep)
    longest = whole.max_tokens if max_tokens is None else min(max_tokens, whole.max_tokens)
    config = replace(whole, vocab=vocab, max_tokens=longest)
    state = {key.removeprefix("bert."): tensor for key, tensor in state.items()}
    words = state["embeddings.word_embeddings.weight"]
    wanted = {
        "source.token.weight": words if keep is None else words[torch.tensor(keep)],
        "source.position.weight": state["embeddings.position_embeddings.weight"][:longest],
        "source.segment.weight": state["embeddings.token_type_embeddings.weight"],
        "source.norm.weight": state["embeddings.LayerNorm.weight"],
        "source.norm.bias": state["embeddings.LayerNorm.bias"],
    }
    for i in range(config.encoder_layers):
        for ours, theirs in BERT_LAYER.items():
            for kind in ("weight", "bias"):
                wanted[f"encoder.{i}.{ours}.{kind}"] = state[f"encoder.layer.{i}.{theirs}.{kind}"]
    module = Transformer(config)
    left = module.load_state_dict({key: tensor.float() for key, tensor in wanted.items()}, strict=False)
    new = {"pool.query", "out.weight", "out.bias"}
    assert set(left.missing_keys) == new, left.missing_keys
    return module.eval()


def smaller(tokenizer: str, texts: Iterable[str], *, at_least: int = 1, first: int = 0) -> tuple[Tokenizer, list[int]]:
    """A WordPiece tokenizer.json cut down to the pieces that some texts use, and the old id of each piece left.

    All special tokens and all single characters stay, so that no word becomes unknown that was known before; nothing is
    truncated or padded. at_least: how often a piece must occur; first: ids below this stay anyway (BERT's are in order of frequency).
    """
    about = json.loads(tokenizer)
    about["truncation"] = about["padding"] = None
    counted: dict[str, int] = {}
    whole = Tokenizer.from_str(json.dumps(about))
    for seen in whole.encode_batch(list(texts)):
        for piece in seen.tokens:
            counted[piece] = counted.get(piece, 0) + 1
    special = {token["content"] for token in about["added_tokens"]}
    old = sorted(about["model"]["vocab"].items(), key=lambda entry: entry[1])
    kept = [
        (piece, i)
        for piece, i in old
        if i < first or piece in special or len(piece.removeprefix("##")) == 1 or counted.get(piece, 0) >= at_least
    ]
    new = {piece: i for i, (piece, _) in enumerate(kept)}
    about["model"]["vocab"] = new
    for token in about["added_tokens"]:
        token["id"] = new[token["content"]]
    for token in about["post_processor"].get("special_tokens", {}).values():
        token["ids"] = [new[piece] for piece in token["tokens"]]
    return Tokenizer.from_str(json.dumps(about)), [i for _, i in kept]


def filler_from_bert(
    state: Mapping[str, Tensor], bert: Mapping[str, Any], counted: Mapping[int, int], *, max_tokens: int | None = None, dropout: float = 0.0
) -> Transformer:
    """A BERT's encoder that says what could stand at every place: its table of words read backwards, and a bias per piece.

    counted: how often each piece occurs in the text to be trained on; the bias begins as the logarithm of that.
    """
    body = from_bert(state, bert, max_tokens=max_tokens, dropout=dropout)
    module = Transformer(replace(body.config, task="fill", classes=0))
    module.load_state_dict(
        {name: tensor for name, tensor in body.state_dict().items() if not name.startswith(("pool", "out"))}, strict=False
    )
    often = torch.tensor([counted.get(i, 0) + 0.1 for i in range(module.config.vocab)]).log()
    with torch.no_grad():
        module.out.bias.copy_(often - often.max())
    return module


def open_mask(tokenizer: str) -> Tokenizer:
    """A BERT's tokenizer.json for which [MASK] in a text is a hole, and not a text; nothing is truncated or padded."""
    about = json.loads(tokenizer)
    about["truncation"] = about["padding"] = None
    for token in about["added_tokens"]:
        if token["content"] == MASK:
            token["special"] = False
    return Tokenizer.from_str(json.dumps(about))
