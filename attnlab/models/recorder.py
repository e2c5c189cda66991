"""The one place where a forward pass is caught, and where it is changed. Both last for one call, in ContextVars: no model holds them.

A model hands over every attention call (`record`), the residual stream between its parts (`stream`) and its token vectors
(`embedding`), and goes on with what it gets back. Afterwards `sublayer` makes one sentence's Attention out of a batch's Call.
"""

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Literal, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnlab.core.trace import Array, Attention, Later, Stack, Tokens
from attnlab.words import InputError

ROWS = 512  # rows of a mask compared at a time

Part = Literal["weights", "scores", "q", "k", "v", "z", "stream", "embedding"]


@dataclass
class Call:
    """One attention call of a batch. q: [b h q d], k and v: [b h_kv k d]; mask (bool, True = visible) and bias (additive)
    broadcast to [b h q k]; stack, layer and anything else the caller knows in `where`.

    stored: [b h q k], weights that do not follow from q and k; stored_z: [b h q d], z that does not follow from the weights.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    scale: float
    mask: Tensor | None = None
    bias: Tensor | None = None
    causal: bool = False
    soft_cap: float | None = None
    sinks: Tensor | None = None
    stored: Tensor | None = None
    stored_z: Tensor | None = None
    where: dict[str, Any] = field(default_factory=dict)


# Catching


@dataclass
class Recorder:
    """What one forward pass said, in the order it said it. residual: per stack, [b n d] before each layer and after the last.

    long: v is not kept; it is empty then. most: the pass ends with this many calls, None to run it to its end.
    """

    long: bool = False
    most: int | None = None
    calls: list[Call] = field(default_factory=list)
    residual: dict[str, list[Tensor]] = field(default_factory=dict)
    moved: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def keep(self, call: Call) -> None:
        """A call as float32 in the processor's memory: it leaves its device as soon as it is there, a mask of all layers once."""
        call = replace(call, v=call.v.new_empty(0)) if self.long else call
        parts = {name: here(getattr(call, name)) for name in ("q", "k", "v", "sinks", "stored", "stored_z")}
        self.calls.append(replace(call, **parts, mask=self._shared(call.mask), bias=self._shared(call.bias)))

    def _shared(self, x: Tensor | None) -> Tensor | None:
        if x is None:
            return None
        if id(x) not in self.moved:
            self.moved[id(x)] = x, here(x)  # held, so that no other gets its id
        return self.moved[id(x)][1]


@overload
def here(x: Tensor) -> Tensor: ...
@overload
def here(x: None) -> None: ...
def here(x: Tensor | None) -> Tensor | None:
    """Numbers in the processor's memory, halves as float32; what is there is not copied. The least number of a type stays the least."""
    if x is None or x.dtype not in (torch.bfloat16, torch.float16):
        return None if x is None else x.cpu()
    near = x.cpu()
    return near.float().masked_fill(near <= torch.finfo(x.dtype).min, torch.finfo(torch.float32).min)


_recorder: ContextVar[Recorder | None] = ContextVar("attnlab_recorder", default=None)


class Enough(Exception):
    """Every call that was asked for is recorded: what the model would make of the last one is not worked out."""


@contextmanager
def recording(*, long: bool = False, most: int | None = None) -> Iterator[Recorder]:
    """Everything run inside is recorded, in this thread or task alone. long, most: see Recorder."""
    recorder = Recorder(long, most)
    token = _recorder.set(recorder)
    try:
        with suppress(Enough):
            yield recorder
    finally:
        _recorder.reset(token)


def record(call: Call) -> Tensor | None:
    """Keep one attention call, if anybody is recording. Where somebody intervenes: z to go on with [b h q d], else None."""
    active, z = _interventions.get(), None
    if active is not None:
        call, z = active.meet(call)
    recorder = _recorder.get()
    if recorder is not None:
        recorder.keep(call)
        if len(recorder.calls) == recorder.most:
            raise Enough
    return z


def stream(x: Tensor, stack: str, layer: int, point: str = "before") -> Tensor:
    """The residual stream to go on with; kept as it is before a layer, if anybody is recording. x: [b n d]

    layer: one more than there are for the stream after the last one.
    """
    active = _interventions.get()
    if active is not None:
        x = active.change("stream", stack, layer, x, point)
    recorder = _recorder.get()
    if recorder is not None and point == "before" and not recorder.long:
        recorder.residual.setdefault(stack, []).append(here(x))
    return x


def embedding(x: Tensor, stack: str) -> Tensor:
    """The token vectors to go on with. x: [b n d]"""
    active = _interventions.get()
    if active is None:
        return x
    active.first[stack] = active.seen.get(stack, 0)
    active.seen[stack] = active.first[stack] + x.shape[1]
    return active.change("embedding", stack, 0, x)


# Changing


@dataclass(frozen=True)
class Here:
    """What a change may ask about the place it stands at. first: which token the first row is; more than 0 when tokens are written
    one at a time. seen: [b h q k], which keys may be looked at, for weights and scores."""

    first: int = 0
    seen: Tensor | None = None


@dataclass(frozen=True)
class Intervention:
    """One place of a forward pass, and what becomes of the numbers there: the same shape and another tensor.

    weights, scores: [b h q k]; q, z: [b h q d]; k, v: [b h_kv k d]; stream, embedding: [b n d]. layer: None for every layer.
    """

    part: Part
    stack: str
    layer: int | None
    change: Callable[[Tensor, Here], Tensor]
    point: str = "before"

    def at(self, stack: str, layer: int) -> bool:
        return self.stack == stack and self.layer in (None, layer)


class Interventions:
    """The interventions of one forward pass (or of all steps of writing one text), and how far it has come.

    places: which sublayers a module of a pretrained model is; several when layers share one module.
    """

    def __init__(self, chosen: Sequence[Intervention], places: Mapping[int, Sequence[tuple[str, int]]]) -> None:
        self.chosen, self.places = tuple(chosen), places
        self.met: dict[int, int] = {}
        self.first: dict[str, int] = {}
        self.seen: dict[str, int] = {}

    def change(self, part: Part, stack: str, layer: int, x: Tensor, point: str = "before", seen: Tensor | None = None) -> Tensor:
        where = Here(self.first.get("decoder" if stack == "cross" else stack, 0), None if seen is None else seen.cpu())
        for one in self.chosen:
            if one.part == part and one.point == point and one.at(stack, layer):
                x = one.change(here(x), where).to(x)  # changes are made in float32, wherever the model runs
        return x

    def where(self, call: Call) -> tuple[str, int]:
        """Which sublayer a call is: in-house modules say so, others are known by their module and how often it came."""
        if "stack" in call.where:
            return call.where["stack"], call.where["layer"]
        module = id(call.where["module"])
        count = self.met.get(module, 0)
        self.met[module] = count + 1
        return self.places[module][count % len(self.places[module])]

    def meet(self, call: Call) -> tuple[Call, Tensor | None]:
        """The call as it is after every change, and its z; None where nothing is changed."""
        stack, layer = self.where(call)
        parts = {one.part for one in self.chosen if one.at(stack, layer)}
        if stack != "cross":
            self.first[stack] = call.k.shape[2] - call.q.shape[2]
        if not parts & {"weights", "scores", "q", "k", "v", "z"}:
            return call, None
        q, k, v = (self.change(name, stack, layer, x) for name, x in (("q", call.q), ("k", call.k), ("v", call.v)))  # type: ignore[arg-type]
        call = replace(call, q=q, k=k, v=v)
        scores = scores_of(call)  # [b h q k]
        seen = torch.isfinite(scores)
        if "scores" in parts:
            scores = self.change("scores", stack, layer, scores, seen=seen)
            if not torch.isfinite(scores).any(-1).all():
                raise InputError("error.edit_row_empty", stack=stack, layer=layer)
        weights = self.change("weights", stack, layer, softmax_of(call, scores), seen=seen)
        z = weights @ v.repeat_interleave(q.shape[1] // v.shape[1], 1)  # [b h q d]
        changed = self.change("z", stack, layer, z)
        stored = weights if parts & {"weights", "scores"} else None
        return replace(call, stored=stored, stored_z=changed if "z" in parts else None), changed


_interventions: ContextVar[Interventions | None] = ContextVar("attnlab_interventions", default=None)


@contextmanager
def intervening(chosen: Sequence[Intervention], places: Mapping[int, Sequence[tuple[str, int]]] | None = None) -> Iterator[None]:
    """The forward pass run inside goes on with changed numbers, in this thread or task alone. places: see Interventions."""
    token = _interventions.set(Interventions(chosen, places or {}) if chosen else None)
    try:
        yield
    finally:
        _interventions.reset(token)


def intervenes(part: Part, stack: str) -> bool:
    """Whether anybody changes such a place just now."""
    active = _interventions.get()
    return active is not None and any(one.part == part and one.stack == stack for one in active.chosen)


def reads() -> str:
    """Which stack reads its tokens now, where both read one table: the encoder does so first, and once."""
    active = _interventions.get()
    return "encoder" if active is None or "encoder" not in active.seen else "decoder"


def scores_of(call: Call) -> Tensor:
    """The scores of a call written out, minus infinity where a key is hidden. [b h q k]"""
    k = call.k.repeat_interleave(call.q.shape[1] // call.k.shape[1], 1)
    scores = call.q @ k.transpose(2, 3) * call.scale
    if call.soft_cap is not None:
        scores = call.soft_cap * torch.tanh(scores / call.soft_cap)
    if call.bias is not None:  # a model's own additive mask hides with the least number there is
        scores = scores + call.bias.masked_fill(call.bias <= torch.finfo(torch.float32).min / 2, -math.inf)
    if call.mask is not None:
        scores = scores.masked_fill(~call.mask, -math.inf)
    if call.causal:
        n_q, n_k = scores.shape[2:]
        scores = scores.masked_fill(~torch.ones(n_q, n_k, dtype=torch.bool, device=scores.device).tril(n_k - n_q), -math.inf)
    return scores


def softmax_of(call: Call, scores: Tensor) -> Tensor:
    """The weights that a call makes of its scores; its sinks take their share. [b h q k]"""
    if call.sinks is None:
        return scores.softmax(-1)
    sinks = call.sinks.reshape(1, -1, 1, 1).expand(*scores.shape[:3], 1)
    return torch.cat((scores, sinks), -1).softmax(-1)[..., :-1]


def visible_keys(call: Call) -> NDArray[np.bool_]:
    """Which keys a query may see in a batch without padding, the same for every sentence and head. [q k]"""
    n_q, n_k = call.q.shape[2], call.k.shape[2]
    seen = torch.ones(n_q, n_k, dtype=torch.bool)
    if call.mask is not None:
        seen = seen & call.mask[0, 0]
    if call.bias is not None:
        seen = seen & (call.bias[0] > torch.finfo(torch.float32).min / 2).any(0)  # -inf, or what transformers takes for it
    return np.asarray((seen.tril(n_k - n_q) if call.causal else seen).numpy())


# One sentence of a batch


class Shared:
    """Masks and biases of one forward pass: the tensor that every layer is given becomes one array that every layer shares."""

    def __init__(self) -> None:
        self.made: dict[Hashable, Any] = {}

    def added(self, call: Call, row: int, n_q: int, n_k: int) -> tuple[Array | None, bool, int | None]:
        """What one sentence of the batch adds to its scores: bias, causal, window. Flags instead of an n x n array where they do."""
        key = (id(call.mask), id(call.bias), call.causal, row, n_q, n_k)
        if key not in self.made:
            self.made[key] = self._added(call, row, n_q, n_k)
        return self.made[key]

    def _added(self, call: Call, row: int, n_q: int, n_k: int) -> tuple[Array | None, bool, int | None]:
        bias = None if call.bias is None else broadcast(call.bias, row, n_q, n_k)  # [h|1 q|1 k]
        if bias is not None:
            bias = np.where(bias <= np.finfo(np.float32).min / 2, np.float32("-inf"), bias) if bias.any() else None
        if call.mask is None:
            return bias, call.causal, None
        seen = broadcast(call.mask, row, n_q, n_k)  # [1|h q|1 k]
        known = pattern(seen)
        if known is not None:
            return bias, known[0] or call.causal, known[1]
        hidden = np.where(seen, np.float32(0), np.float32("-inf"))
        return hidden if bias is None else bias + hidden, call.causal, None


def broadcast(batch: Tensor, row: int, n_q: int, n_k: int) -> NDArray[Any]:
    """One sentence of a broadcast batch without its padding. [b|1 h|1 q|1 k] -> [h|1 q|1 k]"""
    return batch[row if batch.shape[0] > 1 else 0, :, :n_q, :n_k].numpy()


def pattern(seen: NDArray[np.bool_]) -> tuple[bool, int | None] | None:
    """(causal, window) of a visibility mask that is nothing else, None for any other mask. [1|h q|1 k]"""
    if seen.all():
        return False, None
    if seen.shape[0] > 1 or seen.shape[1] != seen.shape[2]:
        return None
    seen = seen[0]  # [n n]
    n = seen.shape[0]
    back = int(seen[-1].sum())  # how many keys the last query sees, itself included
    causal = not seen[0, 1:].any()
    for first in range(0, n, ROWS):  # rows at a time: an n x n array of differences would be eight times the mask
        gap = np.arange(first, min(first + ROWS, n))[:, None] - np.arange(n)
        expected = (gap < back) & (gap >= 0 if causal else gap > -back)
        if not np.array_equal(seen[first : first + ROWS], expected):
            return None
    return causal, back if back < n else None


def sublayer(
    call: Call, stack: Stack, layer: int, row: int, queries: Tokens, keys: Tokens, shared: Shared, values: Later | None = None
) -> Attention:
    """What one sentence of a batch did in one attention sublayer, padding cut off. values: where v comes from if the call has none."""
    n_q, n_k = len(queries), len(keys)
    bias, causal, window = shared.added(call, row, n_q, n_k)
    return Attention(
        stack,
        layer,
        queries,
        keys,
        one(call.q, row, slice(None), slice(n_q)),
        one(call.k, row, slice(None), slice(n_k)),
        one(call.v, row, slice(None), slice(n_k)) if values is None else lambda: values[stack][layer],
        scale=call.scale,
        bias=bias,
        causal=causal,
        window=window,
        soft_cap=call.soft_cap,
        sinks=None if call.sinks is None else call.sinks.float().numpy(),
        stored=None if call.stored is None else one(call.stored, row, slice(None), slice(n_q), slice(n_k)),
        stored_z=None if call.stored_z is None else one(call.stored_z, row, slice(None), slice(n_q)),
    )


def one(batch: Tensor, row: int, *inside: slice) -> Array:
    """One sentence of a batch without its padding; a kept trace must not hold its whole batch. [b ..] -> [..]"""
    part = batch[row][inside].float().numpy()
    return part.copy() if batch.shape[0] > 1 else part
