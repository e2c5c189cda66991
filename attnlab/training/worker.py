"""The process that one background training is: reads job.json, tells what happens in `events`, obeys `order`."""

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from attnlab.files import write
from attnlab.training.card import card
from attnlab.training.checkpoint import NAME, load_checkpoint
from attnlab.training.loop import Progress, Scores, Trainer
from attnlab.training.material import Material, prepare
from attnlab.training.plan import Plan, read_plan
from attnlab.training.run import finished, run
from attnlab.words import InputError

PARENT = "parent"  # the folder with the state that a fork begins with
BYTES, MOST = 12, 10  # of a parameter in a state: itself and Adam's two averages; states of one training


def work(folder: Path) -> None:
    """Train until the end, an order, or the end of the time or of the server; the last line of `events` says which."""
    asked = json.loads((folder / "job.json").read_text("utf-8"))
    wanted, began = read_plan(asked["plan"]), time.monotonic()
    with (folder / "events").open("a", encoding="utf-8", buffering=1) as events:
        try:
            tell(events, "end", **train(wanted, folder, events, began + asked["seconds"], asked))
        except InputError as error:
            tell(events, "end", state="failed", key=error.key, facts=plain(error.facts, folder))


def train(wanted: Plan, folder: Path, events: IO[str], deadline: float, asked: Mapping[str, Any]) -> dict[str, Any]:
    """How it ended, as the fields of the last event. asked: parameters at most, megabytes of states to keep, the step to fork at."""
    material, model = prepare(wanted), folder / "model"
    size, most = sum(p.numel() for p in material.module.parameters()), asked["parameters"]
    if size > most:
        raise InputError("error.training_limit", what="parameters", given=size, limit=most)
    fork = None if asked.get("fork") is None else (folder / PARENT, int(asked["fork"]))
    tell(events, "material", parameters=size, examples=material.examples, refused=material.refused[:20], n_refused=len(material.refused))
    every = keep_every(wanted, size, asked["states"])
    training, parent = run(wanted, model, resume=(model / NAME).is_file(), material=material, keep=every, fork=fork), os.getppid()
    end: dict[str, Any] = {"state": "done"}
    last: Progress | None = None
    scores: Scores = {}
    for progress in training:
        tell(events, "step", progress=asdict(progress))
        last, scores = progress, progress.scores or scores
        order = read_order(folder)
        if os.getppid() != parent or order == "pause":
            end = {"state": "paused"}
        elif order == "stop":
            end = {"state": "stopped"}
        elif time.monotonic() > deadline and progress.step < wanted.recipe.steps:
            end = {"state": "stopped", "key": "error.training_time", "facts": {"step": progress.step}}
        if end["state"] != "done" and progress.step < wanted.recipe.steps:
            training.close()  # writes the checkpoint
            keep(wanted, material, model)
            break
        end = {"state": "done"}
    write(model / "card.md", card(wanted, material, last, scores, size).encode(), force=True)
    return end


def keep_every(wanted: Plan, size: int, megabytes: int) -> int:
    """Of every so many-th validated step the state is kept, so that all together take so many megabytes; 0 where not even one fits."""
    room = min(MOST, int(megabytes * 1e6) // (BYTES * size))
    return 0 if room == 0 else -(-wanted.recipe.steps // (wanted.recipe.validate_every * room))


def plain(facts: Mapping[str, object], folder: Path) -> dict[str, object]:
    """The facts of a mistake as JSON can say them, without the folder that only the server knows."""
    return {key: fact if isinstance(fact, int | float) else str(fact).replace(f"{folder}{os.sep}", "") for key, fact in facts.items()}


def read_order(folder: Path) -> str:
    try:
        return (folder / "order").read_text()
    except FileNotFoundError:
        return ""


def keep(wanted: Plan, material: Material, model: Path) -> None:
    """Write the model as it is at the checkpoint, which need not be one that was validated."""
    trainer = Trainer(material.module, wanted.recipe)
    load_checkpoint(model, trainer)
    finished(trainer, material, wanted).save(model)


def tell(events: IO[str], event: str, **facts: object) -> None:
    events.write(json.dumps({"event": event, **facts}) + "\n")


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(5)  # pages go first
    work(Path(sys.argv[1]))
