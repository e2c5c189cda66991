"""The one place where q, k and v are caught. A recorder lives in a ContextVar for one call: nothing stands on the model."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor


@dataclass
class Call:
    """One attention call of a batch. q: [b h q d], k and v: [b h_kv k d]; mask (bool, True = visible) and bias (additive)
    broadcast to [b h q k]; stack, layer and anything else the caller knows in `where`."""

    q: Tensor
    k: Tensor
    v: Tensor
    scale: float
    mask: Tensor | None = None
    bias: Tensor | None = None
    causal: bool = False
    window: int | None = None
    soft_cap: float | None = None
    sinks: Tensor | None = None
    stored: Tensor | None = None
    where: dict[str, Any] = field(default_factory=dict)


@dataclass
class Recorder:
    """What one forward pass said, in the order it said it. residual: per stack, [b n d] before each layer and after the last.

    long: v is not kept; it is empty then.
    """

    long: bool = False
    calls: list[Call] = field(default_factory=list)
    residual: dict[str, list[Tensor]] = field(default_factory=dict)


_current: ContextVar[Recorder | None] = ContextVar("attnlab_recorder", default=None)


@contextmanager
def recording(*, long: bool = False) -> Iterator[Recorder]:
    """Everything run inside is recorded, in this thread or task alone. long: see Recorder."""
    recorder = Recorder(long)
    token = _current.set(recorder)
    try:
        yield recorder
    finally:
        _current.reset(token)


def record(call: Call) -> Tensor | None:
    """Keep one attention call, if anybody is recording. Where somebody changes its weights: z to go on with [b h q d], else None."""
    recorder = _current.get()
    if recorder is not None:
        recorder.calls.append(replace(call, v=call.v.new_empty(0)) if recorder.long else call)
    changing = _changing.get()
    return None if changing is None else changing.meet(call)


@dataclass
class Changing:
    """Whose weights are changed: the call with this number in a forward pass, counted from 0. change: [b h q k] -> [b h q k]"""

    number: int
    change: Callable[[Tensor], Tensor]
    met: int = 0

    def meet(self, call: Call) -> Tensor | None:
        """z of this call with changed weights, None for every other call. [b h q d]"""
        self.met += 1
        if self.met - 1 != self.number:
            return None
        return self.change(weights_of(call)) @ call.v.repeat_interleave(call.q.shape[1] // call.v.shape[1], 1)


_changing: ContextVar[Changing | None] = ContextVar("attnlab_changing", default=None)


@contextmanager
def changing(number: int, change: Callable[[Tensor], Tensor]) -> Iterator[Changing]:
    """The forward pass run inside goes on with changed weights in one attention call, in this thread or task alone."""
    here = Changing(number, change)
    token = _changing.set(here)
    try:
        yield here
    finally:
        _changing.reset(token)


def weights_of(call: Call) -> Tensor:
    """The weights of a call written out, as SDPA would have used them. [b h q k]"""
    k = call.k.repeat_interleave(call.q.shape[1] // call.k.shape[1], 1)
    scores = call.q @ k.transpose(2, 3) * call.scale
    if call.soft_cap is not None:
        scores = call.soft_cap * torch.tanh(scores / call.soft_cap)
    if call.bias is not None:
        scores = scores + call.bias
    if call.mask is not None:
        scores = scores.masked_fill(~call.mask, -math.inf)
    if call.causal:
        n_q, n_k = scores.shape[2:]
        scores = scores.masked_fill(~torch.ones(n_q, n_k, dtype=torch.bool).tril(n_k - n_q), -math.inf)
    if call.sinks is None:
        return scores.softmax(-1)
    sinks = call.sinks.reshape(1, -1, 1, 1).expand(*scores.shape[:3], 1)
    return torch.cat((scores, sinks), -1).softmax(-1)[..., :-1]


def record_residual(stack: str, x: Tensor) -> None:
    """Keep the residual stream as it is now, if anybody is recording. x: [b n d]"""
    recorder = _current.get()
    if recorder is not None:
        recorder.residual.setdefault(stack, []).append(x)


def is_recording() -> bool:
    return _current.get() is not None


def additive(mask: Tensor | None, bias: Tensor | None) -> Tensor | None:
    """One float tensor out of a visibility mask and a position bias: -inf where hidden. Broadcasts."""
    if mask is None:
        return bias
    hidden = torch.zeros(mask.shape, dtype=torch.float32).masked_fill(~mask, float("-inf"))
    return hidden if bias is None else bias + hidden
