"""A trace from what a transformers model has already said: its tokens and its weights, with nothing loaded again."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from attnlab.core.trace import Attention, Stack, Tokens, Trace
from attnlab.models.tokens import Alphabets, from_ids


def from_outputs(tokenizer: Any, inputs: Mapping[str, Any], outputs: Any, *, row: int = 0, name: str = "outputs") -> Trace:
    """The trace of one text of a batch, from `outputs = model(**inputs, output_attentions=True)`.

    Encoders, decoders and encoder-decoders (their inputs hold decoder_input_ids, or labels). Weights alone: q, k and v are not in
    outputs, so `attention.recorded` is False. row: which text of the batch; its padding is cut off.
    Raises ValueError for outputs without weights, those of generate(), and inputs that are not of these outputs.
    """
    given = found(outputs)
    source, kept = tokens_of(tokenizer, inputs, "input_ids", "attention_mask", row)
    if any(stack == "cross" for stack, _ in given):
        target, written = decoder_tokens(tokenizer, inputs, given, row)
    else:
        target, written = None, kept
    attentions = []
    for stack, layers in given:
        rows, columns = (kept if stack == "encoder" or target is None else written), (written if stack == "decoder" and target else kept)
        queries = source if stack == "encoder" or target is None else target
        keys = source if stack != "decoder" or target is None else target
        for layer, weights in enumerate(layers):
            stored = array(weights)[row]
            if stored.shape[1] < len(rows) or stored.shape[2] < len(columns):
                raise ValueError(
                    f"{stack} weights are {stored.shape[1]} x {stored.shape[2]} but there are {len(rows)} x {len(columns)} ids"
                )
            attentions.append(Attention(stack, layer, queries, keys, None, None, None, stored=stored[:, rows[:, None], columns]))
    text = str(tokenizer.decode(list(source.ids), skip_special_tokens=True))
    said = None if target is None else str(tokenizer.decode(list(target.ids), skip_special_tokens=True))
    return Trace(name, "memory", text, source, tuple(attentions), target=target, target_text=said, made=None if target is None else "given")


def found(outputs: Any) -> list[tuple[Stack, Any]]:
    """Weights by stack, each a layer's [b h q k]."""
    both: tuple[tuple[Stack, str], ...] = (
        ("encoder", "encoder_attentions"),
        ("decoder", "decoder_attentions"),
        ("cross", "cross_attentions"),
    )
    pairs = [(stack, read(outputs, name)) for stack, name in both]
    alone = read(outputs, "attentions")
    if alone and not any(layers for stack, layers in pairs if stack != "cross"):
        check(alone)
        first = array(alone[0])
        causal = first.shape[-1] > 1 and not np.triu(np.where(np.isfinite(first), first, 0), 1).any()
        return [("decoder" if causal else "encoder", alone)]
    pairs = [(stack, layers) for stack, layers in pairs if layers]
    if not pairs:
        raise ValueError("outputs hold no weights; call the model with output_attentions=True and attn_implementation='eager'")
    for _, layers in pairs:
        check(layers)
    return pairs


def check(layers: Any) -> None:
    if isinstance(layers[0], tuple | list):
        raise ValueError("outputs of generate() hold weights step by step; run the model once over the whole text instead")
    if any(layer is None for layer in layers):
        raise ValueError("outputs hold no weights; call the model with output_attentions=True and attn_implementation='eager'")


def read(outputs: Any, name: str) -> Any:
    return outputs.get(name) if isinstance(outputs, Mapping) else getattr(outputs, name, None)


def array(tensor: Any) -> np.ndarray:
    """A tensor of any device and type, or an array, as float32."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().float().cpu().numpy()
    return np.asarray(tensor, np.float32)


def tokens_of(tokenizer: Any, inputs: Mapping[str, Any], name: str, mask: str, row: int) -> tuple[Tokens, np.ndarray]:
    """The tokens of one text and where they stand in the batch."""
    if name not in inputs:
        raise ValueError(f"inputs hold no {name}; they hold {', '.join(map(str, inputs))}")
    ids = np.atleast_2d(array(inputs[name])).astype(int)
    if not 0 <= row < len(ids):
        raise ValueError(f"row {row} does not exist; the batch has {len(ids)} texts")
    shown = np.ones(len(ids[row]), bool) if inputs.get(mask) is None else np.atleast_2d(array(inputs[mask]))[row] > 0
    kept = np.flatnonzero(shown)
    return from_ids(tokenizer, Alphabets.of(tokenizer), ids[row][kept].tolist()), kept


def decoder_tokens(tokenizer: Any, inputs: Mapping[str, Any], given: list[tuple[Stack, Any]], row: int) -> tuple[Tokens, np.ndarray]:
    """What the decoder read: decoder_input_ids, or labels moved one to the right behind the padding that begins them."""
    if inputs.get("decoder_input_ids") is not None:
        return tokens_of(tokenizer, inputs, "decoder_input_ids", "decoder_attention_mask", row)
    n = array(next(layers for stack, layers in given if stack == "cross")[0]).shape[2]
    if inputs.get("labels") is None:
        raise ValueError("inputs hold neither decoder_input_ids nor labels, so what the decoder read is not known")
    pad = tokenizer.pad_token_id or 0
    labels = np.atleast_2d(array(inputs["labels"]))[row].astype(int)
    ids = [pad, *np.where(labels < 0, pad, labels).tolist()][:n]
    kept = np.arange(1 + int(np.count_nonzero(labels >= 0)))[:n]
    return from_ids(tokenizer, Alphabets.of(tokenizer), [ids[i] for i in kept]), kept
