"""What one training on a server may take, and how many may wait."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

from attnlab.words import ASSETS

NAME = Path(".streamlit") / "attnlab.toml"
SETTINGS = Path.cwd() / NAME if NAME.is_file() else ASSETS.parent / NAME  # where the server was started, else in the source tree


@dataclass(frozen=True)
class Limits:
    """What one training may take: steps, minutes of computing, parameters (begun: of a model that begins as a shipped one), megabytes
    of data, and of states to fork from; how many may wait, of all and of each.
    """

    steps: int = 20_000
    minutes: int = 20
    parameters: int = 5_000_000
    begun: int = 25_000_000
    megabytes: int = 20
    states: int = 100
    waiting: int = 60
    each: int = 2


@cache
def limits() -> Limits:
    """From the section [training] of .streamlit/attnlab.toml; an environment variable such as ATTNLAB_TRAINING_STEPS goes before it.

    Raises ValueError for a value that is not a whole number of at least 1.
    """
    said: Mapping[str, Any] = tomllib.loads(SETTINGS.read_text("utf-8")).get("training", {}) if SETTINGS.is_file() else {}
    given = {option.name: os.environ.get(f"ATTNLAB_TRAINING_{option.name.upper()}", said.get(option.name)) for option in fields(Limits)}
    chosen = {name: int(value) for name, value in given.items() if value is not None}
    if wrong := {name: value for name, value in chosen.items() if value < 1}:
        raise ValueError(f"limits of training must be at least 1; got {wrong}")
    return replace(Limits(), **chosen)
