"""How a transformers model is laid out, from its answer to a few tokens: facts that no configuration file states the same way twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from attnlab.core.trace import Stack
from attnlab.models.recorder import Recorder, Shared
from attnlab.models.spec import Shape, Spec
from attnlab.words import InputError

Sublayer = tuple[Stack, int]  # its stack and layer
TASKS = {None: "translate", "decoder": "generate", "encoder": "encode"}
LONGEST = 4096  # for models without a limit of their own: their position bias alone grows with the square of the length
RELATIVE = {"t5", "mt5", "umt5", "longt5", "switch_transformers", "mpnet", "xlnet", "deberta", "deberta-v2"}
SINUSOIDAL = {"marian", "pegasus", "m2m_100", "fsmt"}
COUNTS_FROM_PADDING = {"roberta", "xlm-roberta", "camembert", "mpnet"}  # position 0 is the row after the padding id


@dataclass(frozen=True)
class Layout:
    """Which attention sublayers a model has. alone: its stack, None for an encoder-decoder.

    calls: which sublayer each recorded call is; none for a model that gives its weights and nothing else.
    streams: under which name the residual stream of each stack comes back.
    """

    alone: Stack | None
    stacks: Mapping[Stack, Shape]
    d_head: int
    calls: Sequence[Sublayer]
    streams: Mapping[Stack, str]


def layout_of(config: Any, recorder: Recorder, said: Any) -> Layout:
    """The layout that an answer to three tokens shows. Raises InputError for a model that would be misread."""
    alone = only_stack(config, recorder, said)
    calls = order(alone, said, len(recorder.calls)) if recorder.calls else []
    if calls:
        seen = [(place, call.q.shape[1], call.q.shape[3]) for place, call in zip(calls, recorder.calls, strict=True)]
    else:
        seen = [((stack, layer), w.shape[1], config.hidden_size // w.shape[1]) for stack, layer, w in stored(alone, said)]
    check_count(config, alone, [place for place, *_ in seen], said)
    stacks = {
        stack: Shape(1 + max(layer for (s, layer), *_ in seen if s == stack), next(h for (s, _), h, _ in seen if s == stack))
        for stack in dict.fromkeys(stack for (stack, _), *_ in seen)
    }
    both: dict[Stack, str] = {"encoder": "encoder_hidden_states", "decoder": "decoder_hidden_states"}
    streams = both if alone is None else {alone: "hidden_states"}
    return Layout(alone, stacks, seen[0][2], calls, streams if calls else {})


def only_stack(config: Any, recorder: Recorder, said: Any) -> Stack | None:
    """A decoder if its first token sees nothing of the next two, else an encoder; None where a model has both."""
    if config.is_encoder_decoder:
        return None
    if recorder.calls:
        bias, causal, _ = Shared().added(recorder.calls[0], 0, 3, 3)
        forward = causal or (bias is not None and bool(np.isneginf(bias[..., 0, 1:]).all()))
    else:
        forward = bool((said["attentions"][0][0, :, 0, 1:] == 0).all())
    return "decoder" if forward else "encoder"


def order(alone: Stack | None, said: Any, n_calls: int) -> list[Sublayer]:
    """Which sublayer each recorded call was. Encoders and decoders run from layer 0 up; a decoder layer looks at itself first."""
    if alone is not None:
        return [(alone, layer) for layer in range(n_calls)]
    n = len(said["encoder_hidden_states"]) - 1
    rest: list[Sublayer] = [("cross" if i % 2 else "decoder", i // 2) for i in range(n_calls - n)]
    return [*[("encoder", layer) for layer in range(n)], *rest]


def stored(alone: Stack | None, said: Any) -> list[tuple[Stack, int, Tensor]]:
    """Weights of a model that gives nothing else. Each [b h q k]"""
    if alone is not None:
        return [(alone, layer, w) for layer, w in enumerate(said["attentions"])]
    keys: tuple[tuple[Stack, str], ...] = (
        ("encoder", "encoder_attentions"),
        ("decoder", "decoder_attentions"),
        ("cross", "cross_attentions"),
    )
    return [(stack, layer, w) for stack, key in keys for layer, w in enumerate(said[key])]


def check_count(config: Any, alone: Stack | None, places: Sequence[Sublayer], said: Any) -> None:
    """Every layer has one attention sublayer, decoder layers of an encoder-decoder two; other models would be misread."""
    count = {stack: sum(s == stack for s, _ in places) for stack in ("encoder", "decoder", "cross")}
    if alone is None:
        n, m = len(said["encoder_hidden_states"]) - 1, len(said["decoder_hidden_states"]) - 1
        wanted = {"encoder": n, "decoder": m, "cross": m}
    else:
        wanted = dict.fromkeys(count, 0) | {alone: len(said["hidden_states"]) - 1}
    if count != wanted:
        raise InputError("error.unsupported", family=config.model_type)


def spec_of(
    module: Any, tokenizer: Any, layout: Layout, *, name: str, revision: str, source: str, licence: str, speaks: bool = False
) -> Spec:
    """The facts of a model with this layout. speaks: whether it has an output over its vocabulary."""
    predicts: dict[Stack | None, Any] = {"decoder": "next", "encoder": "hole" if tokenizer.mask_token_id is not None else None}
    config = module.config
    return Spec(
        name,
        revision,
        config.model_type,
        TASKS[layout.alone],
        layout.stacks,
        config.hidden_size,
        layout.d_head,
        width_of(config),
        config.vocab_size,
        longest_of(config, tokenizer),
        positions_of(config),
        sum(p.numel() for p in module.parameters()),
        dtype=str(module.dtype).removeprefix("torch."),
        records=bool(layout.calls),
        source=source,
        licence=licence,
        predicts=predicts.get(layout.alone) if speaks else None,
    )


# Facts that configurations state under many names


def positions_of(config: Any) -> str:
    """How a model tells positions: learned, sinusoidal, rotary, alibi or relative."""
    if config.model_type in RELATIVE:
        return "relative"
    if config.model_type == "bloom" or getattr(config, "alibi", False):
        return "alibi"
    if config.model_type in SINUSOIDAL or getattr(config, "sinusoidal_pos_embds", False):
        return "sinusoidal"
    rotary = getattr(config, "rope_parameters", None) or getattr(config, "rope_theta", None)
    return "rotary" if rotary else "learned"


def width_of(config: Any) -> int:
    """The width of the feed-forward layers, under whatever name."""
    for name in ("intermediate_size", "d_ff", "encoder_ffn_dim", "ffn_dim", "ffn_hidden_size", "n_inner", "hidden_dim", "d_inner"):
        value = getattr(config, name, None)
        if value is not None:
            return int(value)
    return 4 * int(config.hidden_size)


def longest_of(config: Any, tokenizer: Any) -> int:
    """The most tokens a model reads: its table of positions, else what its tokenizer says, else a bound that fits in memory."""
    table = None if positions_of(config) == "relative" else getattr(config, "max_position_embeddings", None)
    if table is not None:
        return int(table) - (config.pad_token_id + 1 if config.model_type in COUNTS_FROM_PADDING else 0)
    said = int(getattr(tokenizer, "model_max_length", 0) or 0)
    return said if 0 < said <= 1_000_000 else LONGEST
