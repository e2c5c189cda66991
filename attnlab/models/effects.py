"""What one weight does to what comes out: how long its vector is, what the output's gradient says, and what changes without it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attnlab.core.measures import norm_weights, rollout
from attnlab.core.trace import Array, Attention, Trace, frozen
from attnlab.models.inhouse.model import InHouse
from attnlab.models.recorder import changing, recording
from attnlab.models.spec import Model
from attnlab.models.weights import layer_of, walks_whole
from attnlab.words import InputError


@dataclass(frozen=True)
class Evidence:
    """One cell by several measures; None where a measure does not exist for this model.

    weight: as shown. norm: ‖α·f(x)‖, the length of the vector that is sent; share: of all its row sends.
    rollout: how much of the key's input token has reached the query's place after this layer.
    gradient: d log p / d weight · weight, in nats. without: log p with this weight at 0 minus log p as it was, in nats.
    moved: how far the stack's last vectors move without the weight, as a share of their length; largest over tokens.
    token: the place where that is.
    """

    weight: float
    norm: float | None
    share: float | None
    rollout: float | None
    gradient: float | None
    without: float | None
    moved: float
    token: int


def evidence(model: Model, trace: Trace, attention: Attention, head: int, query: int, key: int) -> Evidence:
    """Everything that can be said of one cell. Raises InputError for a model whose weights cannot be changed while it runs."""
    if not attention.recorded:
        raise InputError("error.no_effects", model=trace.model)
    weights = attention.all_weights()
    norms = norms_of(model, trace, attention)
    passed = None
    if attention.stack != "cross":
        passed = float(rollout([a.all_weights() for a in trace.layers(attention.stack)[: attention.layer + 1]])[query, key])
    effect = without(model, trace, attention, head, query, key)
    slope = gradient(model, trace, attention)
    return Evidence(
        float(weights[head, query, key]),
        None if norms is None else float(norms[head, query, key]),
        None if norms is None else float(norms[head, query, key] / norms[head, query].sum()),
        passed,
        None if slope is None else float((slope * weights)[head, query, key]),
        effect.said,
        float(effect.moved.max()),
        int(effect.moved.argmax()),
    )


def norms_of(model: Model, trace: Trace, attention: Attention) -> Array | None:
    """‖α·f(x)‖ of every cell of a sublayer, None for families whose W_O is not known. [h q k]"""
    if not walks_whole(model):
        return None
    stack = "decoder" if attention.stack == "cross" else attention.stack
    layer = layer_of(model, stack, attention.layer, len(attention.queries))
    heads = layer.cross if attention.stack == "cross" else layer.own
    if heads is None:
        return None
    w_o = heads.w_o.weight.reshape(attention.n_heads, -1, heads.w_o.weight.shape[1])  # [h d d_model]
    return norm_weights(attention.all_weights(), attention.need("v"), w_o)


@dataclass(frozen=True, eq=False)
class Effect:
    """What changed: said, the difference of log p (None for a model that says nothing); moved, per token of the stack [n]."""

    said: float | None
    moved: Array


def without(model: Model, trace: Trace, attention: Attention, head: int, query: int, key: int) -> Effect:
    """The forward pass again with one weight at 0. Its row is not renormalised: the others stay what they were."""

    def cut(weights: Tensor) -> Tensor:
        weights = weights.clone()
        weights[:, head, query, key] = 0
        return weights

    number = trace.attentions.index(attention)
    with torch.inference_mode():
        before, stream = run(model, trace)
        with changing(number, cut):
            after, moved = run(model, trace)
    length = stream.norm(dim=-1).clamp(min=1e-12)
    difference = None if before is None or after is None else float(after - before)
    return Effect(difference, frozen(((moved - stream).norm(dim=-1) / length).numpy()))


def gradient(model: Model, trace: Trace, attention: Attention) -> Array | None:
    """How log p of what the model says changes with every weight of a sublayer, None for a model that says nothing. [h q k]"""
    seen: list[Tensor] = []

    def keep(weights: Tensor) -> Tensor:
        seen.append(weights.detach().requires_grad_())
        return seen[0]

    with torch.enable_grad(), changing(trace.attentions.index(attention), keep):
        said, _ = run(model, trace)
    if said is None:
        return None
    return frozen(torch.autograd.grad(said, seen[0])[0][0].numpy())


def run(model: Model, trace: Trace) -> tuple[Tensor | None, Tensor]:
    """One forward pass on a trace's tokens: log p of what was said, and the last stream of the stack that speaks [n d].

    What is said: the likeliest class; for models that write, the likeliest token at every place, added up. None for a model without output.
    """
    ids = torch.tensor([trace.source.ids])
    target = None if trace.target is None else torch.tensor([trace.target.ids])
    logits, stream = _own(model, ids, target) if isinstance(model, InHouse) else _pretrained(model, trace, ids, target)
    if logits is None:
        return None, stream
    said = np.argmax(trace.outputs["logits"], -1)  # of the trace: what a change makes the model say instead does not count
    log_p: Tensor = logits.log_softmax(-1)
    return log_p.gather(-1, torch.as_tensor(said)[..., None]).sum(), stream


def _own(model: InHouse, ids: Tensor, target: Tensor | None) -> tuple[Tensor | None, Tensor]:
    with recording() as recorder:
        said = model._forward(ids, target, None)
    last = recorder.residual["encoder" if "decoder" not in recorder.residual else "decoder"][-1]
    return said["logits"][0], last[0].detach()


def _pretrained(model: Any, trace: Trace, ids: Tensor, target: Tensor | None) -> tuple[Tensor | None, Tensor]:
    given = model._read(ids, [(trace.text, trace.pair)])
    if target is not None:
        given["decoder_input_ids"] = target
    how: dict[str, Any] = {"output_hidden_states": True, "return_dict": True}
    if "use_cache" in model._accepts:
        how["use_cache"] = False
    said = model.module(**given, **how)
    streams = said["decoder_hidden_states" if target is not None else "hidden_states"]
    return (said["logits"][0] if target is not None else None), streams[-1][0].detach()
