"""Attention on probe sentences at many steps of a training, kept so that one can scrub through it."""

from pathlib import Path

import numpy as np

from attnlab.core.trace import Array
from attnlab.files import draft, make_folder
from attnlab.models.spec import Model

FOLDER = "snapshots"


def snapshot(folder: Path, step: int, model: Model, probes: tuple[str, ...]) -> None:
    """All weights of all heads on every probe as float16. Arrays "<probe>.<stack>.<layer>" [h q k], tokens "<probe>.source".

    A translator's probe is source TAB target, so that all steps read the same tokens.
    """
    arrays: dict[str, np.ndarray] = {}
    for i, text in enumerate(probes):
        source, _, target = text.partition("\t")
        trace = model.trace(source, target=target or None)
        for attention in trace.attentions:
            arrays[f"{i}.{attention.stack}.{attention.layer}"] = attention.all_weights().astype(np.float16)
        arrays[f"{i}.source"] = np.array(trace.source.pieces)
        if trace.target is not None:
            arrays[f"{i}.target"] = np.array(trace.target.pieces)
    make_folder(folder / FOLDER)
    with draft(folder / FOLDER / f"{step:07d}.npz", force=True) as beside, beside.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def steps(folder: Path) -> list[int]:
    """The steps that were kept."""
    return sorted(int(file.stem) for file in (folder / FOLDER).glob("*.npz"))


def read_snapshot(folder: Path, step: int) -> dict[str, Array]:
    """The arrays of one step by name."""
    with np.load(folder / FOLDER / f"{step:07d}.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
