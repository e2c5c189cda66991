"""What comes back of an output when one run's numbers are put into another, place by place; and the same to first order, at once.

Sources: Meng et al. (2022), causal tracing; Heimersheim & Nanda (2024), how to use activation patching; Nanda (2023), attribution patching.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnlab.core.edits import Edit
from attnlab.core.trace import Array, Attention, Stack, Trace, frozen
from attnlab.models.edits import interventions
from attnlab.models.interventions import Measure, batch_size, measure_of, run_batch, run_many
from attnlab.models.ledgers import Reading, reading, show, speaking
from attnlab.models.recorder import Here, Intervention
from attnlab.models.spec import Between, Model
from attnlab.words import InputError

Place = Literal["stream", "z", "q", "k", "v", "weights"]
PLACES: tuple[Place, ...] = get_args(Place)
Pairs = tuple[tuple[int, int], ...]  # a token of the giver, and the token of the taker that it corresponds to
LEAST = 1e-3  # clean and corrupt outputs must differ by this much for a share of their difference to mean anything
LONGEST = 64  # tokens of a pair that is patched


@dataclass(frozen=True, eq=False)
class PatchMap:
    """How much of the clean output comes back: 0 nothing, 1 all; less and more are possible. shares: [layers places].

    places: what the columns are, tokens for the stream (the taker's, where lengths differ) and heads for all else. A token without a
    counterpart is NaN, and so is what was not run yet. done: the share of the runs that were.
    clean, corrupt: the output of the two runs, which is what `says` names. edits: what makes each cell, row by row, None for NaN.
    guess: the shares to first order, from one gradient (attribution patching), [layers places].
    """

    shares: Array
    places: tuple[str, ...]
    clean: float
    corrupt: float
    says: str
    edits: tuple[Edit | None, ...]
    guess: Array
    done: float = 1.0

    @property
    def agreement(self) -> float:
        """Spearman's rank correlation of the guess with the shares."""
        known = np.isfinite(self.shares)
        return spearman(self.shares[known], self.guess[known])


def patch_map(
    model: Model,
    clean: Trace,
    corrupt: Trace,
    *,
    place: Place = "stream",
    stack: Stack | None = None,
    noise: bool = False,
    align: bool = False,
    between: Between = lambda share: None,
) -> PatchMap:
    """(patched − corrupt) / (clean − corrupt) for every layer and token (stream) or head (all else) of a stack, the first unless told.

    The clean run's numbers are put into the corrupt run, one place at a time; noise: the corrupt run's into the clean one.
    The output is the difference of what the two say where they first differ, or the likeness to the clean sentence.
    align: for sentences of different lengths, only tokens that correspond are moved.
    Raises InputError for runs of different models, lengths (unless aligned) or equal words, and where the two outputs hardly differ.
    """
    begun = begin(model, clean, corrupt, place=place, stack=stack, noise=noise, align=align)
    return begun.map(run_many(model, begun.taker, begun.measure, begun.changes, between))


@dataclass(frozen=True, eq=False)
class Patching:
    """A patch map before its runs. changes: one for each edit that is not None, in the same order."""

    model: Model
    taker: Trace
    measure: Measure
    changes: tuple[Intervention, ...]
    empty: PatchMap

    def batch(self, first: int) -> NDArray[np.float64]:
        """The outputs of the runs that follow the first so many."""
        some = self.changes[first : first + batch_size(self.taker)]
        return run_batch(self.model, self.taker, self.measure, some)

    def map(self, outputs: Sequence[float] | NDArray[np.float64]) -> PatchMap:
        """The map with as many cells as there are outputs."""
        made = self.empty
        there = np.flatnonzero([edit is not None for edit in made.edits])[: len(outputs)]
        shares = np.full(len(made.edits), np.nan)
        shares[there] = (np.asarray(outputs) - made.corrupt) / (made.clean - made.corrupt)
        return replace(made, shares=frozen(shares.reshape(made.guess.shape)), done=len(outputs) / len(self.changes))


def begin(
    model: Model,
    clean: Trace,
    corrupt: Trace,
    *,
    place: Place = "stream",
    stack: Stack | None = None,
    noise: bool = False,
    align: bool = False,
) -> Patching:
    """All of a patch map but its runs: the two outputs, the edits, the first guess. See `patch_map`."""
    stack = clean.stacks[0] if stack is None else stack
    check_pair(model, clean, corrupt, stack, place, align=align)
    found = contrast(model, clean, corrupt)
    measure = measure_of(model, clean, found)
    giver, taker = (corrupt, clean) if noise else (clean, corrupt)
    with torch.inference_mode():
        best, worst = (float(measure(model.again(trace)).double()[0]) for trace in (clean, corrupt))
    if abs(best - worst) < LEAST:
        raise InputError("error.patch_gap", clean=f"{best:.4f}", corrupt=f"{worst:.4f}")
    edits, places = cells(giver, taker, place, stack)
    changes = tuple(interventions(model, [edit])[0] for edit in edits if edit is not None)
    moved = first_order(model, taker, measure, place, stack, edits) + (best if noise else worst) - worst
    guess = np.where([edit is not None for edit in edits], moved / (best - worst), np.nan)
    guess = guess.reshape(len(giver.layers(stack)), -1)
    empty = PatchMap(frozen(np.full_like(guess, np.nan)), places, best, worst, found.says, edits, frozen(guess), 0.0)
    return Patching(model, taker, measure, changes, empty)


def check_pair(model: Model, clean: Trace, corrupt: Trace, stack: Stack, place: Place, *, align: bool = False) -> None:
    """Raises InputError for two runs between which nothing can be moved."""
    if (clean.model, clean.revision) != (corrupt.model, corrupt.revision):
        raise InputError("error.patch_models", clean=clean.model, corrupt=corrupt.model)
    if stack not in clean.stacks or (stack == "cross" and place == "stream"):
        raise InputError("error.edit_stack", model=clean.model, given=stack, known=", ".join(s for s in clean.stacks if s != "cross"))
    n, m = len(clean.source), len(corrupt.source)
    if n != m and (not align or place == "weights"):
        raise InputError("error.patch_length", clean=n, corrupt=m)
    if clean.source.ids == corrupt.source.ids:
        raise InputError("error.patch_same")
    if max(n, m) > LONGEST:
        raise InputError("error.patch_long", n=max(n, m), limit=LONGEST, seconds=f"{_seconds(model, clean, stack, place):.0f}")


def _seconds(model: Model, trace: Trace, stack: Stack, place: Place) -> float:
    """How long a map of this trace would take, from one forward pass."""
    start, layers = time.perf_counter(), trace.layers(stack)
    with torch.inference_mode():
        model.again(trace)
    return (time.perf_counter() - start) * len(layers) * (len(layers[0].queries) if place == "stream" else layers[0].n_heads)


def contrast(model: Model, clean: Trace, corrupt: Trace) -> Reading:
    """What tells the two runs apart: the clean answer's logit less the corrupt one's, where they first differ."""
    if "logits" not in clean.outputs:
        return reading(model, clean, similar_to=clean)
    ours, theirs = (np.argmax(trace.outputs["logits"], -1) for trace in (clean, corrupt))
    if model.spec.task == "classify":
        labels = list(model.labels)  # type: ignore[attr-defined]
        other = int(theirs) if int(theirs) != int(ours) else int(np.argsort(-clean.outputs["logits"])[1])
        return reading(model, clean, label=labels[int(ours)], against=labels[other])
    n = min(len(ours), len(theirs))
    differ = np.flatnonzero(ours[:n] != theirs[:n])
    token = int(differ[0]) if len(differ) else n - 1
    a = int(ours[token])
    b = int(theirs[token]) if len(differ) else int(np.argsort(-clean.outputs["logits"][token])[1])
    plain = reading(model, clean, token=token)
    says = f"{show(model, a)} − {show(model, b)}"
    return Reading(speaking(clean), plain.direction, 0.0, 0.0, says, token, ((a, 1.0), (b, -1.0)))


# Places, as edits


def aligned(giver: Sequence[int], taker: Sequence[int]) -> Pairs:
    """Tokens that correspond: equal ones in order, and between them as many others as both have. Ids of both."""
    if len(giver) == len(taker):
        return tuple((i, i) for i in range(len(giver)))
    found: list[tuple[int, int]] = []
    for kind, a, b, c, d in SequenceMatcher(None, giver, taker, autojunk=False).get_opcodes():
        if kind == "equal" or (kind == "replace" and b - a == d - c):
            found += zip(range(a, b), range(c, d), strict=True)
    return tuple(found)


def cells(giver: Trace, taker: Trace, place: Place, stack: Stack) -> tuple[tuple[Edit | None, ...], tuple[str, ...]]:
    """One edit for each cell of the map, layer by layer, and what the columns are."""
    sides = {side: (giver.at(stack, 0), taker.at(stack, 0)) for side in ("queries", "keys")}
    rows = aligned(*(getattr(one, "keys" if place in ("k", "v") else "queries").ids for one in sides["queries"]))
    if place == "stream":
        counterpart = {ours: theirs for theirs, ours in rows}
        own, given = (run.at(stack, 0).queries.pieces for run in (taker, giver))
        pieces = given if len(own) == len(given) else own
        every = [
            Edit("stream", stack, layer, query=i, to=giver.residual[stack][layer][counterpart[i]]) if i in counterpart else None
            for layer in range(len(giver.layers(stack)))
            for i in range(len(pieces))
        ]
        return tuple(every), pieces
    n = len(numbers(giver.layers(stack)[0], place))
    made = [_head(attention, place, head, rows) for attention in giver.layers(stack) for head in range(n)]
    return tuple(made), tuple(f"H{head}" for head in range(n))


def numbers(attention: Attention, place: Place) -> Array:
    """All heads' numbers of a place. [h n d], weights [h q k]"""
    if place == "weights":
        return attention.all_weights()
    if place == "z":
        return frozen([attention.z(head) for head in range(attention.n_heads)])
    return attention.need(place)  # type: ignore[arg-type]


def _head(attention: Attention, place: Place, head: int, rows: Pairs) -> Edit:
    given = numbers(attention, place)[head]
    where: dict[str, Any] = {"stack": attention.stack, "layer": attention.layer, "head": head}
    if place == "weights":
        return Edit("weights", **where, to=given)
    theirs, ours = zip(*rows, strict=True)
    side = "key" if place in ("k", "v") else "query"
    return Edit(place, **where, **{side: ours}, to=given[list(theirs)])  # type: ignore[arg-type]


# To first order


def first_order(model: Model, taker: Trace, measure: Measure, place: Place, stack: Stack, edits: Sequence[Edit | None]) -> Any:
    """What each edit changes if the output went straight: (new − old) · gradient, from one pass forward and one back. [cells]"""
    seen: dict[int, Tensor] = {}
    nudges: dict[int, Tensor] = {}

    def watch(layer: int) -> Any:
        def change(x: Tensor, here: Here) -> Tensor:
            seen[layer] = x.detach().clone()
            nudges[layer] = torch.zeros_like(seen[layer]).requires_grad_()
            return x + nudges[layer]

        return change

    layers = range(len(taker.layers(stack)))
    with torch.inference_mode(False), torch.enable_grad():
        said = measure(model.again(taker, [Intervention(place, stack, layer, watch(layer)) for layer in layers]))
        slopes = dict(zip(nudges, torch.autograd.grad(said.sum(), list(nudges.values())), strict=True))
    found = np.zeros(len(edits))
    for cell, edit in enumerate(edits):
        if edit is None or edit.layer is None:
            continue
        old, slope = seen[edit.layer][0], slopes[edit.layer][0]
        if edit.head is not None:
            old, slope = old[edit.head], slope[edit.head]
        chosen: Any = edit.key if place in ("k", "v") else edit.query
        if chosen is not None:
            old, slope = old[list(chosen)], slope[list(chosen)]
        found[cell] = float(((torch.from_numpy(edit.to.copy()) - old) * slope).sum())
    return found


def spearman(a: Array, b: Array) -> float:
    """The rank correlation of two lists of numbers, ties sharing their mean rank; NaN for fewer than two."""
    if len(a) < 2:
        return float("nan")
    ranks = [np.unique(x, return_inverse=True, return_counts=True) for x in (a, b)]
    first, second = ((np.cumsum(counts) - (counts - 1) / 2)[inverse] for _, inverse, counts in ranks)
    return float(np.corrcoef(first, second)[0, 1])
