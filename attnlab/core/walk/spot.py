"""One matrix of the walk: what makes it, out of which others, and what its rows and columns are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from attnlab.core.trace import Array, Stack

Step = tuple[int, str]  # stage, spot


@dataclass(frozen=True, eq=False)
class Spot:
    """One matrix of the walk. kind: the operation; run: the function that makes it; inputs: the spots it is made of.

    rows: "query" or "key"; columns: what its columns are ("model", "head", "key", ...); over: what a product is summed over.
    facts: passed to run by name.
    source: (stack, layer, spot) where the numbers come from when another sublayer or layer made them.
    """

    name: str
    kind: str
    run: Callable[..., Array]
    inputs: tuple[str, ...]
    rows: str
    columns: str
    over: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    source: tuple[Stack, int, str] | None = None


def base(name: str) -> str:
    """What a spot is, without its stack and head: "encoder.q.2" is a "q"."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else name
