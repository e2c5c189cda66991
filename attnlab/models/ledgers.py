"""A ledger for every kind of output: a word at a place, the difference of two, a label, the likeness of two sentences.

An output is a linear reading of the last vectors, direction · vectors + constant. The same reading serves the parts (attnlab.core.ledger),
the model's own number, and what becomes of it when a run is changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnlab.core.ledger import Ledger, Part, take_apart
from attnlab.core.trace import Stack, Trace
from attnlab.core.walk.weights import Norm
from attnlab.models.load import load
from attnlab.models.recorder import Intervention
from attnlab.models.spec import Model, Pass
from attnlab.models.weights import balances, read_weights, unembedding
from attnlab.words import InputError


@dataclass(frozen=True, eq=False)
class Reading:
    """An output as direction · vectors + constant. direction: [n d] over the last vectors of a stack, after its last norm.

    output: the model's own number, from its own forward pass. columns: the outputs it is made of, with a sign, None for a cosine.
    """

    stack: Stack
    direction: NDArray[np.float64]
    constant: float
    output: float
    says: str
    token: int | None = None
    columns: tuple[tuple[int, float], ...] = ()
    toward: NDArray[np.float64] | None = None


def ledger(
    trace: Trace,
    *,
    token: int | None = None,
    word: str | None = None,
    against: str | None = None,
    label: str | None = None,
    similar_to: Trace | None = None,
    model: Model | None = None,
) -> Ledger:
    """One output of a trace's run as a sum of its parts.

    token, word, against: the logit of a word at a token of the stack that writes, or its difference to another word's; the last token
    and the likeliest word where they are not given. label, against: of a model that classifies. similar_to: the cosine of two
    sentence vectors, each the mean over all tokens. model: what made the trace, where it is no longer in memory under its name.
    Raises InputError for an output that the model has not, and for a family whose layers are not followed.
    """
    model = model_of(trace) if model is None else model
    found = reading(model, trace, token=token, word=word, against=against, label=label, similar_to=similar_to)
    return book(model, trace, found)


def book(model: Model, trace: Trace, found: Reading) -> Ledger:
    """The ledger of a reading. Raises InputError where the stream was edited by hand, for then the parts are not all there is."""
    if any(edit.place == "stream" for edit in trace.edits):
        raise InputError("error.ledger_edited")
    weights = read_weights(model, found.stack, trace.at(found.stack, 0).queries)
    parts = take_apart(trace, weights, found.direction)
    if found.constant:
        parts.append(Part("bias", found.stack, None, None, None, found.constant))
    return Ledger(tuple(parts), found.output, found.says)


def model_of(trace: Trace) -> Model:
    """What made a trace: the very model while it is in memory, else the one of its name."""
    made: Model | None = None if trace.made_by is None else trace.made_by()
    return load(trace.model) if made is None else made


def reading(
    model: Model,
    trace: Trace,
    *,
    token: int | None = None,
    word: str | None = None,
    against: str | None = None,
    label: str | None = None,
    similar_to: Trace | None = None,
) -> Reading:
    """What is asked for, as a direction. See `ledger`."""
    if not balances(model):
        raise InputError("error.ledger_family", model=model.spec.name, family=model.spec.family)
    if similar_to is not None:
        return _likeness(model, trace, similar_to)
    if model.spec.task == "classify":
        return _label(model, trace, label, against)
    if label is None and (out := unembedding(model)) is not None:
        return _word(model, trace, out, token, word, against)
    raise InputError("error.ledger_none", model=model.spec.name)


def reread(model: Model, trace: Trace, found: Reading) -> Reading:
    """The same output of another run on the same words."""
    if found.toward is not None:
        return _cosine(model, trace, found.toward, found.says)
    if found.token is None:
        return _classes(model, trace, found.columns, found.says)
    logits = trace.outputs.get("logits")
    if logits is None:
        matrix, bias = unembedding(model)  # type: ignore[misc]
        logits = last_vectors(model, trace) @ matrix + bias
    return replace(found, output=float(sum(sign * float(logits[found.token, c]) for c, sign in found.columns)))


def _likeness(model: Model, trace: Trace, other: Trace) -> Reading:
    theirs = last_vectors(model, other).astype(np.float64).mean(0)
    return _cosine(model, trace, theirs / np.linalg.norm(theirs), f"cos({trace.text!r}, {other.text!r})")


def _cosine(model: Model, trace: Trace, toward: NDArray[np.float64], says: str) -> Reading:
    stack = speaking(trace)
    mine = last_vectors(model, trace).astype(np.float64).mean(0)
    length, n = float(np.linalg.norm(mine)), len(trace.at(stack, 0).queries)
    direction = np.repeat(toward[None] / (n * length), n, 0)  # [n d]
    return Reading(stack, direction, 0.0, float(mine @ toward) / length, says, toward=toward)


def _label(model: Any, trace: Trace, label: str | None, against: str | None) -> Reading:
    logits, names = trace.outputs["logits"], list(model.labels)
    chosen = int(np.argmax(logits)) if label is None else _index(model, label, names)
    columns = [(chosen, 1.0)] if against is None else [(chosen, 1.0), (_index(model, against, names), -1.0)]
    says = names[chosen] if against is None else f"{names[chosen]} − {against}"
    return _classes(model, trace, tuple(columns), says)


def _classes(model: Model, trace: Trace, columns: tuple[tuple[int, float], ...], says: str) -> Reading:
    logits = trace.outputs["logits"]
    matrix, bias = unembedding(model)  # type: ignore[misc]
    direction = sum(sign * matrix[:, c].astype(np.float64) for c, sign in columns)
    output = float(sum(sign * float(logits[c]) for c, sign in columns))
    constant = float(sum(sign * float(bias[c]) for c, sign in columns))
    pooled = trace.outputs["pooling"].astype(np.float64)[:, None] * direction
    return Reading("encoder", pooled, constant, output, says, columns=columns)


def _index(model: Model, label: str, names: Sequence[str]) -> int:
    if label not in names:
        raise InputError("error.ledger_label", model=model.spec.name, given=label, known=", ".join(names))
    return list(names).index(label)


def _word(model: Model, trace: Trace, out: Any, token: int | None, word: str | None, against: str | None) -> Reading:
    stack = speaking(trace)
    n = len(trace.at(stack, 0).queries)
    token = n - 1 if token is None else token
    if not 0 <= token < n:
        raise InputError("error.ledger_token", given=token, last=n - 1)
    matrix, bias = out
    logits = trace.outputs.get("logits")
    if logits is None:
        logits = last_vectors(model, trace) @ matrix + bias
    chosen = int(np.argmax(logits[token])) if word is None else piece_id(model, word)
    columns = [(chosen, 1.0)] if against is None else [(chosen, 1.0), (piece_id(model, against), -1.0)]
    direction = np.zeros((n, matrix.shape[0]))
    direction[token] = sum(sign * matrix[:, c].astype(np.float64) for c, sign in columns)
    said = show(model, chosen)
    output = float(sum(sign * float(logits[token, c]) for c, sign in columns))
    constant = float(sum(sign * float(bias[c]) for c, sign in columns))
    says = said if against is None else f"{said} − {against}"
    return Reading(stack, direction, constant, output, says, token, tuple(columns))


def show(model: Any, i: int) -> str:
    """A token by its id, readable."""
    return str(model.show(i)) if hasattr(model, "show") else str(model.tokenizer.decode([i])).strip()


def piece_id(model: Any, word: str) -> int:
    """The one token that a word is. Raises InputError, with the closest ones, for a word that is none."""
    vocabulary: dict[str, int] = model.tokenizer.get_vocab()
    for form in (f"▁{word}", f"Ġ{word}", word, word.lower()):
        if form in vocabulary:
            return vocabulary[form]
    plain = {piece.strip("▁Ġ#"): piece for piece in vocabulary}
    close = get_close_matches(word, plain, 5) or list(plain)[:5]
    raise InputError("error.ledger_word", given=word, model=model.spec.name, known=", ".join(close))


def speaking(trace: Trace) -> Stack:
    """The stack that the output is read from."""
    return "decoder" if "decoder" in trace.stacks else "encoder"


def last_vectors(model: Model, trace: Trace) -> NDArray[np.float32]:
    """What the output reads: the stream after the last layer and its norm. [n d]"""
    stack = speaking(trace)
    final = read_weights(model, stack, trace.at(stack, 0).queries).final if balances(model) else None
    return np.asarray(_norm(final, torch.from_numpy(trace.residual[stack][-1].copy())).numpy(), np.float32)


def _norm(norm: Norm | None, x: Tensor) -> Tensor:
    if norm is None:
        return x
    gain, shift = (torch.from_numpy(part.copy()) for part in (norm.gain, norm.shift))
    if not norm.centred:
        return torch.nn.functional.rms_norm(x, x.shape[-1:], gain, norm.eps) + shift
    return torch.nn.functional.layer_norm(x, x.shape[-1:], gain, shift, norm.eps)


# The same output of a changed run


def outputs(model: Model, trace: Trace, found: Reading, passed: Pass) -> Tensor:
    """The output in every sentence of a second pass. [b]"""
    if found.toward is None and passed.logits is not None:
        logits = passed.logits if found.token is None else passed.logits[:, found.token]  # [b c]
        return torch.stack([logits[:, c] * sign for c, sign in found.columns]).sum(0)
    final = read_weights(model, found.stack, trace.at(found.stack, 0).queries).final
    vectors = _norm(final, passed.last).double()  # [b n d]
    if found.toward is None:
        return (vectors * torch.from_numpy(found.direction)).sum((-1, -2)) + found.constant
    mean = vectors.mean(1)
    return (mean @ torch.from_numpy(found.toward)) / mean.norm(dim=-1)


def changed_output(model: Model, trace: Trace, found: Reading, changes: Sequence[Intervention], *, copies: int = 1) -> NDArray[np.float64]:
    """The output of a run that is changed on its way, for several copies side by side. [b]"""
    with torch.inference_mode():
        return np.asarray(outputs(model, trace, found, model.again(trace, changes, copies=copies)).double().numpy())
