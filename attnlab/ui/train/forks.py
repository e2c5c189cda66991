"""Forks: a training goes on from a state that was kept, with one thing changed, and both curves stand beside each other."""

from functools import partial
from typing import Any

import streamlit as st

from attnlab.models.inhouse.model import InHouse
from attnlab.training.checkpoint import kept_steps
from attnlab.training.jobs import Jobs, Status
from attnlab.ui.ask import ask_number, ask_row, ask_step
from attnlab.ui.language import t
from attnlab.ui.train.course import Course
from attnlab.ui.visits import VISITS, visitor

SHOWN = 2  # forks of one training that stand beside it: the last ones


def ask_fork(jobs: Jobs, status: Status, model: InHouse, proof: str) -> str | None:
    """From which step a training goes on once more, and with what change; the name of the new training when it was begun."""
    steps = [step for step in kept_steps(status.model) if step < status.plan.recipe.steps]  # after the last one nothing is left to do
    if not steps:
        return None
    with st.expander(t("train.fork")):
        st.caption(t("train.fork_text"))
        middle = steps[len(steps) // 2]
        step = ask_step("fork_step", steps, middle, label=t("train.fork_step")) if len(steps) > 1 else middle
        names = {name: t(f"train.change_{name}") for name in changes(status)}
        change = ask_change(ask_row("fork_change", names, label=t("train.fork_change")), status, model)
        if st.button(t("train.fork_begin"), key="fork", disabled=change is None or status.busy):
            who = visitor()
            return jobs.fork(status.id, step, who=proof, owner=who, present=partial(VISITS.here, who), **(change or {}))
    return None


def changes(status: Status) -> list[str]:
    """What can be changed in a fork of this training."""
    repeats = status.plan.kind == "write" and status.plan.again + status.plan.drawn > 0
    return ["heads", *(["rows"] if repeats else []), "seed", "none"]


def ask_change(name: str, status: Status, model: InHouse) -> dict[str, Any] | None:
    """The parts of the plan that differ; None while nothing is chosen."""
    if name == "rows":
        return {"again": 0.0, "drawn": 0.0}
    if name == "seed":
        return {"recipe": {"seed": ask_number("fork_seed", 0, 9999, status.plan.recipe.seed + 1, label=t("train.seed"))}}
    if name == "heads":
        shape = model.module.config
        layers = shape.decoder_layers or shape.encoder_layers
        heads = [f"L{layer}H{head}" for layer in range(layers) for head in range(shape.n_heads)]
        chosen = st.multiselect(t("train.fork_heads"), heads, key="fork_heads")
        return {"without": (*status.plan.without, *chosen)} if chosen else None
    return {}


def beside(jobs: Jobs, status: Status) -> dict[str, Course]:
    """The trainings that are drawn beside this one, by what they are: the one it went on from, and the last that went on from it."""
    found = {}
    if status.fork is not None and jobs.knows(status.fork[0]):
        found[t("train.original")] = course_alone(jobs.status(status.fork[0]))
    for name in jobs.forks(status.id)[-SHOWN:]:
        fork = jobs.status(name)
        found[t("train.forked", change=change_of(status, fork), step=fork.fork[1] if fork.fork else 0)] = course_alone(fork)
    return found


def links(jobs: Jobs, status: Status) -> str | None:
    """Buttons to the trainings beside this one; the name of the one that is to be watched."""
    parent = [] if status.fork is None or not jobs.knows(status.fork[0]) else [(status.fork[0], t("train.original"))]
    forks = [(name, t("train.watch_fork", change=change_of(status, jobs.status(name)))) for name in jobs.forks(status.id)[-SHOWN:]]
    with st.container(horizontal=True, gap="small"):
        return next((name for name, label in parent + forks if st.button(label, key=f"watch {name}")), None)


def change_of(parent: Status, fork: Status) -> str:
    """What was changed, in a few words."""
    heads = [head for head in fork.plan.without if head not in parent.plan.without]
    if heads:
        return t("train.forked_heads", heads=", ".join(heads))
    if fork.plan.again + fork.plan.drawn < parent.plan.again + parent.plan.drawn:
        return t("train.forked_rows")
    if fork.plan.recipe.seed != parent.plan.recipe.seed:
        return t("train.forked_seed", seed=fork.plan.recipe.seed)
    return t("train.forked_none")


def course_alone(status: Status) -> Course:
    """A training's curves, without its heads."""
    return Course(status.id, status.plan.recipe.steps, status.history, (), scored(status))


def scored(status: Status) -> list[tuple[int, float, float]]:
    """What was measured on held-out rows: the loss, and the accuracy, or of a student how far its maps are from its teacher's."""
    what = "accuracy" if status.plan.teacher is None else "distance"
    return [(each.step, each.scores["loss"], each.scores[what]) for each in status.history if each.scores]
