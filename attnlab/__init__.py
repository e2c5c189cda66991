"""Attention Lab: see how attention computes your own sentence. Nothing heavy is imported until it is asked for."""

from importlib import import_module
from typing import Any

from attnlab.version import VERSION as __version__

__all__ = ["Edit", "__version__", "figures", "ledger", "load"]

HOMES = {"Edit": "attnlab.core.edits", "ledger": "attnlab.models.ledgers", "load": "attnlab.models.load"}


def __getattr__(name: str) -> Any:
    if name in HOMES:
        return getattr(import_module(HOMES[name]), name)
    if name in ("core", "figures", "models", "training"):
        return import_module(f"attnlab.{name}")
    raise AttributeError(f"module 'attnlab' has no attribute {name!r}")
