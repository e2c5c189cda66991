"""The commands, one module per kind. Each module has `app = typer.Typer()`; attnlab/__main__.py joins them.

A command raises InputError for a user's mistake and prints nothing about it: __main__ writes one line to stderr and exits with 2.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from attnlab.words import InputError


def check_output(file: Path, kinds: Sequence[str], *, force: bool) -> Path:
    """The file itself, when it may be written. Raises InputError before any work is done.

    kinds: the extensions that are possible, with their dot; none means that any will do.
    """
    if kinds and file.suffix.lower() not in kinds:
        raise InputError("error.extension", file=file, kinds=", ".join(kinds))
    if file.is_dir() or not file.parent.is_dir() or not os.access(file.parent, os.W_OK):
        raise InputError("error.unwritable", file=file)
    if file.exists() and not force:
        raise InputError("error.exists", file=file)
    return file
