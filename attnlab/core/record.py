"""The one place where q, k and v are caught. A recorder lives in a ContextVar for one call: nothing stands on the model."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
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
    """What one forward pass said, in the order it said it. residual: per stack, [b n d] before each layer and after the last."""

    calls: list[Call] = field(default_factory=list)
    residual: dict[str, list[Tensor]] = field(default_factory=dict)


_current: ContextVar[Recorder | None] = ContextVar("attnlab_recorder", default=None)


@contextmanager
def recording() -> Iterator[Recorder]:
    """Everything run inside is recorded, in this thread or task alone."""
    recorder = Recorder()
    token = _current.set(recorder)
    try:
        yield recorder
    finally:
        _current.reset(token)


def record(call: Call) -> None:
    """Keep one attention call, if anybody is recording."""
    recorder = _current.get()
    if recorder is not None:
        recorder.calls.append(call)


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
