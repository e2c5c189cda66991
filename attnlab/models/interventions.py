"""What happens without each head: many changed runs side by side in one batch, for one sentence and over many."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnlab.core.edits import Edit
from attnlab.core.trace import Array, Stack, Trace, frozen
from attnlab.models.edits import numbers_at
from attnlab.models.ledgers import Reading, outputs, reading, speaking
from attnlab.models.recorder import Here, Intervention
from attnlab.models.spec import Between, Model, Pass
from attnlab.models.weights import balances
from attnlab.words import InputError

By = Literal["zero", "mean", "resample"]
WAYS: tuple[By, ...] = ("zero", "mean", "resample")
Measure = Callable[[Pass], Tensor]  # one number for every sentence of a batch [b]
TOGETHER = 2048  # tokens of one batch


def measure_of(model: Model, trace: Trace, found: Reading | None = None) -> Measure:
    """What is watched: an output (see `ledgers.reading`), else log p of what the model said, else the likeness to its own sentence."""
    if found is not None:
        return lambda passed: outputs(model, trace, found, passed)
    if "logits" not in trace.outputs and not balances(model):
        return likeness_of_streams(trace)
    if "logits" not in trace.outputs:
        own = reading(model, trace, similar_to=trace)
        return lambda passed: outputs(model, trace, own, passed)
    said = torch.as_tensor(np.argmax(trace.outputs["logits"], -1))

    def likelihood(passed: Pass) -> Tensor:
        assert passed.logits is not None
        log_p = passed.logits.log_softmax(-1)
        return log_p.gather(-1, said.expand(log_p.shape[:-1])[..., None]).flatten(1).sum(-1)

    return likelihood


def likeness_of_streams(trace: Trace) -> Measure:
    """For families whose last norm is not known: the cosine of the mean of the stream after the last layer to that of the trace."""
    own = torch.from_numpy(trace.residual[speaking(trace)][-1].copy()).double().mean(0)  # [d]
    return lambda passed: torch.cosine_similarity(passed.last.double().mean(1), own[None], dim=-1)


def run_many(
    model: Model, trace: Trace, measure: Measure, changes: Sequence[Intervention], between: Between = lambda share: None
) -> NDArray[np.float64]:
    """The measure of one run for each change, in batches; each change is made in its own copy. [changes]"""
    step, found = batch_size(trace), []
    for start in range(0, len(changes), step):
        found.append(run_batch(model, trace, measure, changes[start : start + step]))
        between(min(1.0, (start + step) / len(changes)))
    return np.concatenate(found)


def batch_size(trace: Trace) -> int:
    """How many runs of a trace's tokens go side by side."""
    return max(1, TOGETHER // (len(trace.source) + (0 if trace.target is None else len(trace.target))))


@torch.inference_mode()
def run_batch(model: Model, trace: Trace, measure: Measure, changes: Sequence[Intervention]) -> NDArray[np.float64]:
    """One batch. Where the stream is known, a copy joins it at the layer where its change is: below, all runs are the same one."""
    late = len(trace.stacks) == 1 and all(one.layer is not None and one.part != "embedding" for one in changes)
    if not late or (changes[0].stack, "before") not in model.editable:
        passed = model.again(trace, apart(changes), copies=len(changes))
        return np.asarray(measure(passed).double().numpy())
    order = sorted(range(len(changes)), key=lambda i: changes[i].layer or 0)
    ordered = [changes[i] for i in order]
    joins = [_join(ordered[0].stack, layer, n) for layer, n in sorted(Counter(one.layer or 0 for one in ordered).items())]
    passed = model.again(trace, [*joins, *apart(ordered, first=1)])
    found = np.empty(len(changes))
    found[order] = measure(passed).double().numpy()[1:]  # the first sentence is the run as it is
    return found


def _join(stack: str, layer: int, n: int) -> Intervention:
    """So many more copies of the first sentence from this layer on."""
    return Intervention("stream", stack, layer, lambda x, here: torch.cat((x, x[:1].expand(n, -1, -1))))


def apart(changes: Sequence[Intervention], *, first: int = 0) -> list[Intervention]:
    """The same interventions, each in one sentence of a batch, which are counted from `first`."""
    places: dict[tuple[Any, ...], list[tuple[int, Intervention]]] = {}
    for row, one in enumerate(changes, first):
        places.setdefault((one.part, one.stack, one.layer, one.point), []).append((row, one))
    return [Intervention(part, stack, layer, _each(rows), point) for (part, stack, layer, point), rows in places.items()]


def _each(rows: Sequence[tuple[int, Intervention]]) -> Callable[[Tensor, Here], Tensor]:
    def change(x: Tensor, here: Here) -> Tensor:
        x = x.clone()
        for row, one in rows:
            x[row] = one.change(x[row : row + 1], here)[0]
        return x

    return change


# Without each head


def knock_outs(
    model: Model,
    trace: Trace,
    stack: Stack,
    *,
    by: By = "zero",
    texts: Sequence[str] = (),
    found: Reading | None = None,
    seed: int = 0,
    between: Between = lambda share: None,
) -> Array:
    """How the output changes without each head: the run without it minus the run as it is. [layers heads]

    by: its z becomes zero, its mean over all tokens of `texts`, or what stood at the same place in one of `texts` (never its own).
    found: which output, see `measure_of`. Raises InputError for a mean or a sample of no other texts.
    """
    if not model.spec.records:
        raise InputError("error.no_effects", model=model.spec.name)
    others = [text for text in texts if text != trace.text]
    if by != "zero" and not others:
        raise InputError("error.edit_texts", to=by)
    measure, layers = measure_of(model, trace, found), trace.layers(stack)
    values = [_stand_in(model, attention.layer, stack, by, others, seed) for attention in layers]
    changes = [
        Intervention("z", stack, attention.layer, _without(head, values[attention.layer]))
        for attention in layers
        for head in range(attention.n_heads)
    ]
    nothing = Intervention("z", stack, layers[0].layer, lambda z, here: z)
    clean, *changed = run_many(model, trace, measure, [nothing, *changes], between)
    return frozen((np.array(changed) - clean).reshape(len(layers), -1))


def _stand_in(model: Model, layer: int, stack: Stack, by: By, texts: Sequence[str], seed: int) -> Tensor | None:
    """What stands in for the z of every head of a layer. [h 1|n d], None for zero"""
    if by == "zero":
        return None
    if by == "resample":
        texts = [texts[int(np.random.default_rng(seed).integers(len(texts)))]]
    found = [numbers_at(model, model.trace(text), Edit("z", stack=stack, layer=layer)) for text in texts]
    whole = np.concatenate(found, 1)
    return torch.from_numpy(whole if by == "resample" else whole.mean(1, keepdims=True))


def _without(head: int, value: Tensor | None) -> Callable[[Tensor, Here], Tensor]:
    def change(z: Tensor, here: Here) -> Tensor:
        z = z.clone()
        if value is None:
            z[:, head] = 0
        else:
            z[:, head] = value[head, torch.arange(z.shape[2]) % value.shape[1]]
        return z

    return change


@dataclass(frozen=True, eq=False)
class Importance:
    """How the output changes without each head over many sentences. mean, low, high: [layers heads], a 95 % interval by bootstrap."""

    stack: Stack
    mean: Array
    low: Array
    high: Array
    sentences: int


def importance(
    model: Model,
    texts: Sequence[str],
    stack: Stack,
    *,
    by: By = "zero",
    draws: int = 1000,
    seed: int = 0,
    between: Between = lambda share: None,
) -> Importance:
    """`knock_outs` of every sentence, averaged. low and high: of the means of sentences drawn anew `draws` times.

    Raises InputError for no sentences.
    """
    if not texts:
        raise InputError("error.edit_texts", to=by)
    each = []
    for i, text in enumerate(texts):
        each.append(knock_outs(model, model.trace(text), stack, by=by, texts=texts, seed=i))
        between((i + 1) / len(texts))
    found = np.stack(each)
    rng = np.random.default_rng(seed)
    means = np.stack([found[rng.integers(len(found), size=len(found))].mean(0) for _ in range(draws)])
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    return Importance(stack, frozen(found.mean(0)), frozen(low), frozen(high), len(found))
