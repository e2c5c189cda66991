"""Which explanation deserves trust here: every ranking of a sentence's tokens, tried by taking tokens away and by keeping only them.

A token that is taken away has the mean of the text's token vectors. Sources: DeYoung et al. (2020), ERASER, for comprehensiveness and
sufficiency; Adebayo et al. (2018), Sanity Checks for Saliency Maps, for the same ranking of a model with random weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attnlab.core.edits import Edit
from attnlab.core.measures import flow, rollout
from attnlab.core.trace import Array, Trace, frozen
from attnlab.models.edits import interventions
from attnlab.models.effects import norms_of
from attnlab.models.interventions import measure_of, run_many
from attnlab.models.ledgers import Reading, book
from attnlab.models.patching import spearman
from attnlab.models.recorder import Here, Intervention
from attnlab.models.spec import Model
from attnlab.words import InputError

RANKINGS = ("weights", "rollout", "flow", "norms", "gradient", "ledger", "knock_out")
LONGEST = 48  # tokens


@dataclass(frozen=True, eq=False)
class Trial:
    """One ranking tried. scores: of each token, more is more important [n]. without, only: the output with the first k tokens of the
    ranking taken away, and with nothing but them, k from 0 to n [n + 1]."""

    scores: Array
    without: Array
    only: Array

    @property
    def comprehensiveness(self) -> float:
        """What is lost without the first tokens, on average: the larger, the better the ranking found them."""
        return float((self.without[0] - self.without[1:-1]).mean())

    @property
    def sufficiency(self) -> float:
        """What is lost with the first tokens alone, on average: the smaller, the better."""
        return float((self.only[-1] - self.only[1:-1]).mean())


def rankings(model: Model, trace: Trace, found: Reading) -> dict[str, Array]:
    """Every ranking of the tokens of a model with one stack, for one output. [n] each

    weights, rollout, flow, norms: what reaches the place that the output is read from, the mean over places where it is read from all.
    gradient: its slope times the weight, summed over all heads and queries. ledger: the parts that come by way of the token, summed.
    knock_out: what is lost without the token. Raises InputError for a model with several stacks and for a long text.
    """
    if len(trace.stacks) > 1:
        raise InputError("error.truth_stacks", model=model.spec.name)
    n = len(trace.source)
    if not 3 <= n <= LONGEST:
        raise InputError("error.truth_long", n=n, limit=LONGEST)
    stack = trace.stacks[0]
    layers = trace.layers(stack)
    maps = [attention.all_weights() for attention in layers]
    rows = [*range(n)] if found.token is None else [found.token]
    norms = norms_of(model, trace, layers[-1])
    parts = [(part.source, part.value) for part in book(model, trace, found).parts if part.source is not None]
    taken = _outputs(model, trace, found, [[i] for i in range(n)])
    scores = {
        "weights": maps[-1].mean(0)[rows].mean(0),
        "rollout": rollout(maps)[rows].mean(0),
        "flow": np.mean([flow(maps, row) for row in rows], 0),
        "norms": np.zeros(n) if norms is None else norms.mean(0)[rows].mean(0),
        "gradient": _slopes(model, trace, found),
        "ledger": np.array([sum(value for source, value in parts if source == i) for i in range(n)]),
        "knock_out": float(_outputs(model, trace, found, [[]])[0]) - taken,
    }
    return {name: frozen(scores[name]) for name in RANKINGS}


def trials(model: Model, trace: Trace, found: Reading) -> dict[str, Trial]:
    """Every ranking with its two curves. See `rankings`."""
    n = len(trace.source)
    done = {}
    for name, scores in rankings(model, trace, found).items():
        order = [int(i) for i in np.argsort(-scores, kind="stable")]
        sets = [order[:k] for k in range(n + 1)] + [order[k:] for k in range(n + 1)]
        curves = _outputs(model, trace, found, sets)
        done[name] = Trial(scores, frozen(curves[: n + 1]), frozen(curves[n + 1 :]))
    return done


def chance(model: Model, trace: Trace, found: Reading, *, orders: int = 10, seed: int = 0) -> Trial:
    """The same for random orders, averaged: what a ranking must beat."""
    rng, n = np.random.default_rng(seed), len(trace.source)
    each = [list(map(int, rng.permutation(n))) for _ in range(orders)]
    sets = [order[:k] for order in each for k in range(n + 1)] + [order[k:] for order in each for k in range(n + 1)]
    curves = _outputs(model, trace, found, sets).reshape(2, orders, n + 1).mean(1)
    return Trial(frozen(np.zeros(n)), frozen(curves[0]), frozen(curves[1]))


def randomised(trained: Mapping[str, Trial], untrained: Mapping[str, Array]) -> dict[str, float]:
    """How alike each ranking is to that of a model with random weights: near 1 it says little about what was learned."""
    return {name: spearman(trial.scores, untrained[name]) for name, trial in trained.items() if name in untrained}


def _outputs(model: Model, trace: Trace, found: Reading, sets: Sequence[Sequence[int]]) -> Any:
    """The output with each set of tokens taken away, in batches. [sets]"""
    stack = trace.stacks[0]
    edits = [Edit("embedding", stack=stack, query=rows, to="mean") if rows else Edit("embedding", stack=stack, to="times") for rows in sets]
    return run_many(model, trace, measure_of(model, trace, found), [interventions(model, [edit])[0] for edit in edits])


def _slopes(model: Model, trace: Trace, found: Reading) -> Any:
    """Slope of the output times the weight, summed by key. [n]"""
    seen: dict[int, Tensor] = {}

    def keep(layer: int) -> Any:
        def change(weights: Tensor, here: Here) -> Tensor:
            seen[layer] = weights if weights.requires_grad else weights.detach().requires_grad_()
            return seen[layer]

        return change

    stack = trace.stacks[0]
    watched = [Intervention("weights", stack, attention.layer, keep(attention.layer)) for attention in trace.layers(stack)]
    with torch.inference_mode(False), torch.enable_grad():
        said = measure_of(model, trace, found)(model.again(trace, watched))
        slopes = torch.autograd.grad(said.sum(), list(seen.values()))
    pairs = zip(slopes, seen.values(), strict=True)
    return sum((slope * weights).detach()[0].sum((0, 1)).double().numpy() for slope, weights in pairs)
