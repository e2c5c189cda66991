"""The indexes that are here: those shipped in assets/atlas, a file each, named as the model."""

from functools import lru_cache
from pathlib import Path

from attnlab.corpus.index import Index, read_index
from attnlab.words import ASSETS

ATLAS = ASSETS / "atlas"


def shipped() -> list[str]:
    """The models whose index came with attnlab."""
    return sorted(file.stem for file in ATLAS.glob("*.parquet"))


def shipped_index(model: str) -> Index:
    """The shipped index of a model, read once. Raises InputError where there is none."""
    file = ATLAS / f"{model}.parquet"
    return _read(file, file.stat().st_mtime_ns if file.is_file() else 0)


@lru_cache(maxsize=8)
def _read(file: Path, stamp: int) -> Index:
    return read_index(file)
