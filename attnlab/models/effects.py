"""What one weight does to what comes out: how long its vector is, what the output's gradient says, and what changes without it."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from attnlab.core.measures import norm_weights, rollout
from attnlab.core.trace import Array, Attention, Trace, frozen
from attnlab.models.recorder import Here, Intervention
from attnlab.models.spec import Model, Pass
from attnlab.models.weights import read_weights, walks_whole
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
    layer = read_weights(model, stack, attention.queries).layers[attention.layer]
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

    def cut(weights: Tensor, here: Here) -> Tensor:
        weights = weights.clone()
        weights[:, head, query, key] = 0
        return weights

    with torch.inference_mode():
        before = model.again(trace)
        after = model.again(trace, [Intervention("weights", attention.stack, attention.layer, cut)])
    was, now = (likelihood(one, trace) for one in (before, after))
    difference = None if was is None or now is None else float(now - was)
    length = before.last[0].norm(dim=-1).clamp(min=1e-12)
    return Effect(difference, frozen(((after.last[0] - before.last[0]).norm(dim=-1) / length).numpy()))


def gradient(model: Model, trace: Trace, attention: Attention) -> Array | None:
    """How log p of what the model says changes with every weight of a sublayer, None for a model that says nothing. [h q k]"""
    seen: list[Tensor] = []

    def keep(weights: Tensor, here: Here) -> Tensor:
        seen.append(weights.detach().requires_grad_())
        return seen[0]

    with torch.enable_grad():
        said = likelihood(model.again(trace, [Intervention("weights", attention.stack, attention.layer, keep)]), trace)
    if said is None:
        return None
    return frozen(torch.autograd.grad(said, seen[0])[0][0].numpy())


def likelihood(passed: Pass, trace: Trace) -> Tensor | None:
    """log p of what was said: the likeliest class; for models that write, the likeliest token at every place, added up.

    Of the trace, that is: what a change makes the model say instead does not count. None for a model without output.
    """
    if passed.logits is None:
        return None
    said = np.argmax(trace.outputs["logits"], -1)
    log_p: Tensor = passed.logits[0].log_softmax(-1)
    return log_p.gather(-1, torch.as_tensor(said)[..., None]).sum()
