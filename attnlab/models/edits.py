"""Edits carried out: each becomes an intervention on the forward pass, after it was checked against the model and its words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from attnlab.core.edits import PATTERNS, Edit, check_count
from attnlab.core.trace import Trace
from attnlab.models.recorder import Here, Intervention
from attnlab.models.spec import Model
from attnlab.words import InputError


def interventions(model: Model, edits: Sequence[Edit], *, copy: int | None = None) -> list[Intervention]:
    """What a forward pass does otherwise, in order. copy: which sentence of a batch is edited; None for all.

    Raises InputError for places that the model has not, and for texts whose numbers do not fit.
    """
    found = []
    for edit in check_count(edits):
        check(model, edit)
        layers = [edit.layer] if edit.texts is None or edit.layer is not None else range(model.spec.stacks[edit.stack].layers)
        found += [_intervention(fetch(model, replace(edit, layer=layer)), copy) for layer in layers]
    return found


def check(model: Model, edit: Edit) -> None:
    """Raises InputError for a stack, layer, head or point that a model has not, or where it cannot be changed."""
    spec = model.spec
    if not spec.records:
        raise InputError("error.no_effects", model=spec.name)
    if edit.stack not in spec.stacks:
        raise InputError("error.edit_stack", model=spec.name, given=edit.stack, known=", ".join(spec.stacks))
    shape = spec.stacks[edit.stack]
    for name, given, most in (("layer", edit.layer, shape.layers), ("head", edit.head, shape.heads)):
        if given is not None and not 0 <= given < most:
            raise InputError("error.edit_number", name=name, given=given, last=most - 1, stack=edit.stack)
    if edit.place in ("stream", "embedding"):
        point = edit.point if edit.place == "stream" else "embedding"
        if (edit.stack, point) not in model.editable:
            raise InputError("error.edit_point", model=spec.name, stack=edit.stack, point=point)


def check_tokens(edits: Iterable[Edit], lengths: Mapping[str, tuple[int, int]]) -> None:
    """Raises InputError for rows and columns that a text has not. lengths: how many queries and keys each stack has."""
    for edit in edits:
        for name, n in zip(("query", "key"), lengths[edit.stack], strict=True):
            chosen: Any = getattr(edit, name)
            if chosen is not None and max(chosen) >= n:
                raise InputError("error.edit_number", name=name, given=max(chosen), last=n - 1, stack=edit.stack)


def lengths_of(trace: Trace) -> dict[str, tuple[int, int]]:
    """How many queries and keys each stack of a trace has."""
    return {stack: (len(trace.at(stack, 0).queries), len(trace.at(stack, 0).keys)) for stack in trace.stacks}


# Numbers that come from other texts


def fetch(model: Model, edit: Edit) -> Edit:
    """An edit that speaks of other texts, with their numbers in place of the texts."""
    if edit.texts is None or edit.to not in ("mean", "run"):
        return edit
    numbers = [numbers_at(model, model.trace(text), edit) for text in edit.texts]  # [h n d] or [n d] each
    if edit.to == "run":
        return replace(edit, to=numbers[0], texts=None)
    if edit.place not in ("weights", "scores"):
        return replace(edit, to=np.concatenate(numbers, -2).mean(-2, keepdims=True), texts=None)
    if len({x.shape for x in numbers}) > 1:
        raise InputError("error.edit_lengths", lengths=", ".join(str(x.shape[-2]) for x in numbers))
    return replace(edit, to=np.mean(numbers, 0), texts=None)


def numbers_at(model: Model, trace: Trace, edit: Edit) -> Any:
    """What stands at a place in the run of a trace, the rows and columns that the edit speaks of. [h n d] or [n d]"""
    caught: list[Tensor] = []

    def look(x: Tensor, here: Here) -> Tensor:
        caught.append(x[0])
        return x

    check_tokens([edit], lengths_of(trace))
    with torch.inference_mode():
        model.again(trace, [_place(edit, look)])
    part = caught[0].float().numpy()
    if edit.head is not None and part.ndim == 3:
        part = part[edit.head : edit.head + 1]
    rows: Any = edit.key if edit.place in ("k", "v") else edit.query
    columns: Any = edit.key if edit.place in ("weights", "scores") else None
    part = part if rows is None else part[..., list(rows), :]
    return part if columns is None else part[..., list(columns)]


# One edit


def _place(edit: Edit, change: Any) -> Intervention:
    if edit.place == "stream" and edit.point == "feed_forward" and edit.layer is not None:  # what the next layer reads
        return Intervention("stream", edit.stack, edit.layer + 1, change)
    return Intervention(edit.place, edit.stack, edit.layer, change, edit.point if edit.place == "stream" else "before")


def _intervention(edit: Edit, copy: int | None) -> Intervention:
    def change(x: Tensor, here: Here) -> Tensor:
        chosen = [*range(x.shape[0])] if copy is None else [copy]
        return put(edit, x, here, chosen)

    return _place(edit, change)


def put(edit: Edit, x: Tensor, here: Here, copies: Sequence[int]) -> Tensor:
    """The numbers of a place with the edit carried out, for some sentences of the batch. [b h n m] or [b n m], the same shape"""
    flat = x.dim() == 3
    x = x[:, None].clone() if flat else x.clone()  # [b h n m]
    _, h, n, m = x.shape
    if edit.head is not None and edit.head >= h:
        raise InputError("error.edit_number", name="head", given=edit.head, last=h - 1, stack=edit.stack)
    keyed = edit.place in ("k", "v")
    rows = _within(edit.key if keyed else edit.query, n, 0 if keyed else here.first)
    columns = _within(edit.key, m, 0) if edit.place in ("weights", "scores") else [*range(m)]
    heads = [*range(h)] if edit.head is None or flat else [edit.head]
    if not rows or not columns:
        return x[:, 0] if flat else x
    at = torch.tensor(copies)[:, None, None, None], torch.tensor(heads)[:, None, None], torch.tensor(rows)[:, None]
    index = (*at, torch.tensor(columns))
    x[index] = _new(edit, x, here, at, index)
    if edit.renormalise and edit.place == "weights":
        whole = (*at, torch.arange(m))
        total = x[whole].sum(-1, keepdim=True)
        if bool((total.abs() < 1e-12).any()):
            raise InputError("error.edit_row_empty", stack=edit.stack, layer=edit.layer)
        x[whole] = x[whole] / total
    return x[:, 0] if flat else x


def _within(chosen: Any, n: int, first: int) -> list[int]:
    """Which of n rows that begin at token `first` are meant."""
    return [*range(n)] if chosen is None else [row - first for row in chosen if 0 <= row - first < n]


def _new(edit: Edit, x: Tensor, here: Here, at: tuple[Tensor, ...], index: tuple[Tensor, ...]) -> Tensor:
    """What is put in, of the shape of what stands there."""
    old = x[index]
    if not edit.named:
        return _given(edit, old, here, index)
    if edit.to in PATTERNS:
        return _pattern(edit, x, here, at)[..., index[-1]]
    if edit.to == "mean":
        return x[index[0], index[1], torch.arange(x.shape[2])[:, None], index[-1]].mean(-2, keepdim=True).expand_as(old)
    factor = edit.factor if edit.to == "times" else 0.0
    return torch.full_like(old, -torch.inf) if edit.to == "cut" else old * factor


def _given(edit: Edit, old: Tensor, here: Here, index: tuple[Tensor, ...]) -> Tensor:
    """Given numbers, cut to the tokens that are there just now. Raises InputError where they do not fit."""
    numbers = torch.from_numpy(edit.to.copy()).to(old)
    if edit.place not in ("k", "v") and edit.query is None and numbers.dim() > 1 and numbers.shape[-2] > old.shape[-2]:
        numbers = numbers[..., here.first : here.first + old.shape[-2], :] if here.first or old.shape[-2] == 1 else numbers
    try:
        return numbers.expand_as(old) if numbers.dim() <= old.dim() else numbers.reshape(old.shape)
    except RuntimeError:
        wanted = " x ".join(map(str, old.shape[1:]))
        given = " x ".join(map(str, edit.to.shape)) or "1"
        raise InputError("error.edit_shape", place=edit.place, given=given, wanted=wanted) from None


def _pattern(edit: Edit, x: Tensor, here: Here, at: tuple[Tensor, ...]) -> Tensor:
    """Rows of weights of a known shape, over the keys that may be looked at. [b h n k]"""
    assert here.seen is not None
    every = torch.arange(x.shape[3])
    seen = here.seen.expand_as(x)[(*at, every)]  # [b h n k]
    place = at[2] + here.first  # [n 1]
    wanted = {"identity": place, "previous": (place - 1).clamp(min=0), "first": torch.zeros_like(place)}
    found = seen if edit.to == "uniform" else seen & (every == wanted[edit.to])
    if not bool(found.any(-1).all()):
        raise InputError("error.edit_row_empty", stack=edit.stack, layer=edit.layer)
    return found.to(x) / found.sum(-1, keepdim=True)
