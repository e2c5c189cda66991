"""Attention Lab: see how attention computes your own sentence. Nothing heavy is imported until it is asked for."""

from importlib import import_module
from typing import Any

from attnlab.version import VERSION as __version__

__all__ = ["Edit", "__version__", "figures", "from_outputs", "ledger", "load", "record", "widgets"]

HOMES = {
    "Edit": "attnlab.core.edits",
    "from_outputs": "attnlab.models.outputs",
    "ledger": "attnlab.models.ledgers",
    "load": "attnlab.models.load",
    "record": "attnlab.models.in_memory",
}


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(import_module(HOMES[name]), name)
    if name in ("core", "figures", "models", "training", "widgets"):
        return import_module(f"attnlab.{name}")
    raise AttributeError(f"module 'attnlab' has no attribute {name!r}")
