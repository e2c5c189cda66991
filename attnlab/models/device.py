"""Where a model computes and how exactly: a device, a precision, and whether the model fits there. Asked before anything is loaded."""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal, cast

from attnlab.words import InputError, say

Kind = Literal["cpu", "cuda", "mps"]
Precision = Literal["float32", "bfloat16"]
KINDS, PRECISIONS = ("auto", "cpu", "cuda", "mps"), ("float32", "bfloat16")
DEVICE, DTYPE = "ATTNLAB_DEVICE", "ATTNLAB_DTYPE"  # of the environment: for who gives neither
LARGE = 1 << 30  # bytes of weights that are spoken of
MEMORY = Path("/proc/meminfo")


@dataclass(frozen=True)
class Device:
    """Where a transformers model runs and in which precision. In-house models are small and stay on the processor in float32."""

    kind: Kind = "cpu"
    dtype: Precision = "float32"


USUAL = Device()


def device_of(kind: str | None = None, dtype: str | None = None) -> Device:
    """What was given, else what the environment says, else the processor and float32. auto: an accelerator where there is one.

    Raises InputError for a device that is not here, and for words that mean none.
    """
    kind = kind or os.environ.get(DEVICE) or "cpu"
    dtype = dtype or os.environ.get(DTYPE) or "float32"
    for name, given, known in (("device", kind, KINDS), ("dtype", dtype, PRECISIONS)):
        if given not in known:
            raise InputError("error.choice", name=name, given=given, known=", ".join(known))
    if (kind, dtype) == ("cpu", "float32"):
        return USUAL  # without torch
    here = devices()
    if kind != "auto" and kind not in here:
        raise InputError("error.no_device", device=kind, known=", ".join(here))
    return Device(here[0] if kind == "auto" else cast(Kind, kind), cast(Precision, dtype))


def devices() -> list[Kind]:
    """What this machine has, the fastest first."""
    import torch

    found: list[tuple[Kind, bool]] = [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available()), ("cpu", True)]
    return [kind for kind, there in found if there]


def check_room(headers: list[Mapping[str, Any]], device: Device) -> None:
    """Raises InputError for weights that do not fit into the memory that is free; large ones are spoken of at a terminal.

    headers: of the safetensors files, name -> shape and type.
    """
    size = sum(prod(tensor["shape"]) for header in headers for tensor in header.values()) * (4 if device.dtype == "float32" else 2)
    free = free_memory(device.kind)
    if free is None:
        return
    facts = {"size": f"{size / 1e9:.1f}", "dtype": device.dtype, "free": f"{free / 1e9:.1f}", "device": device.kind}
    if size > free:
        raise InputError("error.no_memory", **facts)
    if size > LARGE and sys.stderr.isatty():
        sys.stderr.write(say("error.memory_said", **facts) + "\n")


def free_memory(kind: Kind) -> int | None:
    """Bytes that are free, None where nobody says."""
    if kind == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    with suppress(OSError, StopIteration, ValueError):  # Linux alone says so in a file
        lines = MEMORY.read_text("utf-8").splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1])
    return None
