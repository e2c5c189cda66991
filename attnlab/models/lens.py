"""What a model would say if it stopped at a layer: its output map on the stream, with the last norm's statistics recomputed there.

Source: nostalgebraist (2020), the logit lens.
"""

from dataclasses import dataclass

import numpy as np

from attnlab.core.score_parts import normed
from attnlab.core.trace import Array, Trace, frozen
from attnlab.models.ledgers import show, speaking
from attnlab.models.spec import Model
from attnlab.models.weights import balances, read_weights, unembedding
from attnlab.words import InputError


@dataclass(frozen=True, eq=False)
class Lens:
    """Before each layer and after the last, at each token: words, the likeliest; probability of it; divergence to the end in nats.

    probability, divergence: [layers + 1, n]. rank: of what the model says in the end, 0 the likeliest.
    """

    words: tuple[tuple[str, ...], ...]
    probability: Array
    divergence: Array
    rank: Array


def lens(model: Model, trace: Trace) -> Lens:
    """The lens on every layer and token of the stack that writes. Raises InputError for a model that writes no tokens."""
    out = unembedding(model) if balances(model) and model.spec.task != "classify" else None
    if out is None:
        raise InputError("error.ledger_none", model=model.spec.name)
    matrix, bias = out
    stack = speaking(trace)
    final = read_weights(model, stack, trace.at(stack, 0).queries).final
    streams = [x if final is None else normed(final, x) for x in trace.residual[stack]]
    log_p = [_log_softmax(x @ matrix + bias) for x in streams]  # each [n v]
    end = log_p[-1]
    said = end.argmax(-1)
    rows = np.arange(len(said))
    words = tuple(tuple(show(model, int(i)) for i in each.argmax(-1)) for each in log_p)
    divergence = [(np.exp(end) * (end - each)).sum(-1) for each in log_p]
    rank = [(each > each[rows, said][:, None]).sum(-1) for each in log_p]
    return Lens(words, frozen([np.exp(each.max(-1)) for each in log_p]), frozen(np.maximum(divergence, 0)), frozen(rank))


def _log_softmax(logits: Array) -> Array:
    top = logits - logits.max(-1, keepdims=True)
    return np.asarray(top - np.log(np.exp(top).sum(-1, keepdims=True)), np.float32)
