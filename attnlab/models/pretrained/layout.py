"""How a transformers model is laid out, from its answer to a few tokens: facts that no configuration file states the same way twice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from attnlab.core.trace import Stack
from attnlab.models.pretrained.capture import Shared
from attnlab.models.pretrained.facts import longest_of, positions_of, width_of
from attnlab.models.recorder import Recorder
from attnlab.models.spec import Shape, Spec
from attnlab.words import InputError

Place = tuple[Stack, int]  # an attention sublayer: its stack and layer
TASKS = {None: "translate", "decoder": "generate", "encoder": "encode"}


@dataclass(frozen=True)
class Layout:
    """Which attention sublayers a model has. alone: its stack, None for an encoder-decoder.

    calls: which sublayer each recorded call is; none for a model that gives its weights and nothing else.
    streams: under which name the residual stream of each stack comes back.
    """

    alone: Stack | None
    stacks: Mapping[Stack, Shape]
    d_head: int
    calls: Sequence[Place]
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


def order(alone: Stack | None, said: Any, n_calls: int) -> list[Place]:
    """Which sublayer each recorded call was. Encoders and decoders run from layer 0 up; a decoder layer looks at itself first."""
    if alone is not None:
        return [(alone, layer) for layer in range(n_calls)]
    n = len(said["encoder_hidden_states"]) - 1
    rest: list[Place] = [("cross" if i % 2 else "decoder", i // 2) for i in range(n_calls - n)]
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


def check_count(config: Any, alone: Stack | None, places: Sequence[Place], said: Any) -> None:
    """Every layer has one attention sublayer, decoder layers of an encoder-decoder two; other models would be misread."""
    count = {stack: sum(s == stack for s, _ in places) for stack in ("encoder", "decoder", "cross")}
    if alone is None:
        n, m = len(said["encoder_hidden_states"]) - 1, len(said["decoder_hidden_states"]) - 1
        wanted = {"encoder": n, "decoder": m, "cross": m}
    else:
        wanted = dict.fromkeys(count, 0) | {alone: len(said["hidden_states"]) - 1}
    if count != wanted:
        raise InputError("error.unsupported", family=config.model_type)


def describe(module: Any, tokenizer: Any, layout: Layout, *, name: str, revision: str, source: str, licence: str) -> Spec:
    """The facts of a model with this layout."""
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
        records=bool(layout.calls),
        source=source,
        licence=licence,
    )
