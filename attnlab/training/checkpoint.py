"""A training's whole state in one safetensors file, written so that a kill at any moment leaves the last good one."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from attnlab.files import write
from attnlab.training.loop import Trainer
from attnlab.words import InputError

NAME = "checkpoint.safetensors"
FORMAT = "attnlab-training-1"


def kept_name(step: int) -> str:
    """The file of a state that is kept, so that others can fork from it."""
    return f"checkpoint-{step:07d}.safetensors"


def kept_steps(folder: Path) -> list[int]:
    """The steps whose states were kept."""
    return sorted(int(file.stem.removeprefix("checkpoint-")) for file in folder.glob("checkpoint-*.safetensors"))


def save_checkpoint(folder: Path, trainer: Trainer, *, file: str = NAME, **facts: object) -> None:
    """Weights, optimiser, averages, history and the recipe."""
    tensors: dict[str, Tensor] = {}
    for name, master in zip(trainer.names, trainer.masters, strict=True):
        tensors[f"weight.{name}"] = master
        for key, value in trainer.adam.state.get(master, {}).items():
            tensors[f"{key}.{name}"] = value
    tensors |= {f"momentum.{name}": momentum for name, momentum in trainer.muon.momentum.items()}
    for step, state in trainer.kept:
        tensors |= {f"kept.{step}.{name}": tensor for name, tensor in zip(trainer.names, state, strict=True)}
    about = {
        "format": FORMAT,
        "recipe": asdict(trainer.recipe),
        "step": trainer.step,
        "best": trainer.best,
        "waited": trainer.waited,
        "history": trainer.history,
        **facts,
    }
    write(folder / file, save(tensors, {"about": json.dumps(about)}), force=True)


def load_fork(folder: Path, trainer: Trainer, step: int) -> None:
    """Put a trainer where another training stood. Raises InputError where that state was not kept, or is of another shape."""
    steps = kept_steps(folder)
    if step not in steps:
        raise InputError("error.fork", folder=folder, step=step, steps=", ".join(map(str, steps)) or "-")
    load_checkpoint(folder, trainer, file=kept_name(step))


def load_checkpoint(folder: Path, trainer: Trainer, *, file: str = NAME) -> None:
    """Put a trainer where save_checkpoint left it. Raises InputError for a file that is not such a checkpoint."""
    path = folder / file
    try:
        with safe_open(path, "pt") as opened:
            about = json.loads((opened.metadata() or {}).get("about", "{}"))
            tensors = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError("error.checkpoint", path=str(path), why=str(error)) from None
    if about.get("format") != FORMAT:
        raise InputError("error.checkpoint_version", path=str(path), given=about.get("format"), known=FORMAT)
    there = [tensors.get(f"weight.{name}", torch.empty(0)).shape for name in trainer.names]
    if there != [master.shape for master in trainer.masters]:
        raise InputError("error.checkpoint", path=str(path), why="it belongs to a model of another shape")
    with torch.no_grad():
        for name, master in zip(trainer.names, trainer.masters, strict=True):
            master.copy_(tensors[f"weight.{name}"])
            keys = ("step", "exp_avg", "exp_avg_sq")
            trainer.adam.state[master] = {key: tensors[f"{key}.{name}"] for key in keys if f"{key}.{name}" in tensors}
        for name, momentum in trainer.muon.momentum.items():
            momentum.copy_(tensors.get(f"momentum.{name}", torch.zeros_like(momentum)))
    trainer.put(trainer.masters)
    trainer.step, trainer.best, trainer.waited = about["step"], about["best"], about["waited"]
    trainer.history = about["history"]
    steps = sorted({int(key.split(".")[1]) for key in tensors if key.startswith("kept.")})
    trainer.kept = [(step, [tensors[f"kept.{step}.{name}"] for name in trainer.names]) for step in steps]
