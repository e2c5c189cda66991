"""The Train page: what to train, and how it goes."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from attnlab.training import jobs as trainings
from attnlab.training.births import read_births
from attnlab.training.jobs import Jobs, Status
from attnlab.training.limits import Limits
from attnlab.training.plan import Kind, layers_of
from attnlab.training.snapshots import steps
from attnlab.ui import choices, link
from attnlab.ui.ask import ask_choice, ask_number, ask_row, ask_text
from attnlab.ui.language import language, md_escape, t
from attnlab.ui.train import forks
from attnlab.ui.train.beginnings import TAUGHT, ask_beginning
from attnlab.ui.train.course import Course, draw, read_recording, read_teacher, rising, save_course, snapshots
from attnlab.ui.train.result import LETTERS, adopt_model, show_result
from attnlab.ui.visits import VISITS, visitor

EVERY = 2.0  # seconds between two looks at a training
WATCHING = "training"  # the one that this visit looks at
PROOF = "training key"  # that it may be changed, from a secret link
RECORDINGS = ("reverse-rotary", "write-birth")
WATCHED = 40  # snapshots of one training
TASKS: tuple[Kind, ...] = ("reverse", "copy", "sort", "translate", "classify", "write", "fill")
FROM_FILE = ("translate", "classify", "write", "fill")
# What the form begins with, by task.
QUICK = {"n_layers": 3, "n_heads": 4, "d_model": 64, "steps": 2000, "rate": "0.003", "warmup": 200, "batch": 800}
TEXT = {"n_layers": 3, "n_heads": 4, "d_model": 96, "steps": 600, "rate": "0.003", "warmup": 60, "batch": 2000}
START: Mapping[str, dict[str, Any]] = {
    **dict.fromkeys(("reverse", "copy", "sort"), QUICK),
    "translate": {"n_layers": 2, "n_heads": 4, "d_model": 128, "steps": 1500, "rate": "0.002", "warmup": 200, "batch": 1500},
    "classify": {"n_layers": 2, "n_heads": 4, "d_model": 64, "steps": 600, "rate": "0.0005", "warmup": 60, "batch": 1000},
    "write": TEXT,
    "fill": TEXT,
    "taught": TEXT | {"n_layers": 2, "steps": 400, "warmup": 40, "rate": "0.002"},
    "begun": {"steps": 100, "rate": "0.0003", "warmup": 10, "batch": 600},
}
WIDE = 10  # snapshots of one that begins as a shipped model: each state of it is large
PROBES = {
    "": ("The red car is in the garden.", "probe_text"),
    "fill-zh": ("他每天早上都去学校上课。", "probe_zh"),
}  # and its name in the link
RATES = ("0.0003", "0.0005", "0.001", "0.002", "0.003", "0.005", "0.01", "0.03", "0.1", "1")


def jobs() -> Jobs:
    return trainings.queue()


# What to train


def ask_training() -> None:
    """The form, and the button that puts the training into the queue. Raises InputError for choices that cannot be."""
    names: dict[Kind, str] = {task: t(f"train.task_{task}") for task in TASKS}
    task = ask_choice("task", names, label=t("train.task"))
    data = None
    if task in FROM_FILE:
        limit = jobs().bounds.megabytes
        data = st.file_uploader(
            t(f"train.file_{task}", limit=limit), ["tsv", "txt"], key=f"file {task}", help=t("train.file_help"), max_upload_size=limit
        )
    begun, bounds = ask_beginning(task), jobs().bounds
    form, start = begun.form, START[begun.form]
    shape = ask_shape(task, form, start) if begun.shape is None else begun.shape
    total = ask_number(
        f"{form}_steps",
        10,
        bounds.steps,
        min(start["steps"], bounds.steps),
        label=t("train.steps"),
        help=t("train.steps_help", limit=bounds.steps, minutes=bounds.minutes),
    )
    with st.expander(t("train.more")):
        recipe, more = ask_more(form, start, norm=begun.shape is None)
        rest = ask_texts(task, begun.rest)
    recipe |= {"steps": total, "validate_every": max(1, total // (WATCHED if begun.shape is None else WIDE))}
    rest |= {"shape": shape | more} | begun.rest
    status = status_of(current())
    busy = status is not None and status.busy
    if st.button(t("train.start"), type="primary", width="stretch", disabled=busy or (data is None and task in FROM_FILE)):
        inside = None if data is None else data.getvalue()
        who = visitor()
        name = jobs().submit(task, recipe=recipe, data=inside, data_name="data.tsv" if data is None else data.name,
            owner=who, present=partial(VISITS.here, who), **rest)  # fmt: skip
        watch(name)
        st.rerun()


def ask_shape(task: Kind, form: str, start: Mapping[str, Any]) -> dict[str, Any]:
    """Positions, layers, width and heads."""
    first, second = st.columns(2)
    with first:
        kinds = ("rotary", "sinusoidal", "learned", "alibi", "relative", "none")
        positions = ask_choice("positions", {kind: t(f"train.positions_{kind}") for kind in kinds}, label=t("train.positions"))
        layers = ask_number(f"{form}_layers", 1, 6, start["n_layers"], label=t("train.layers"))
    with second:
        width = ask_number(f"{form}_width", 8, 512, start["d_model"], label=t("train.width"), help=t("train.width_help"))
        heads = ask_number(f"{form}_heads", 1, 16, start["n_heads"], label=t("train.heads"))
    return layers_of(task, layers) | {"n_heads": heads, "d_model": width, "d_ff": 4 * width, "positions": positions}


def ask_more(form: str, start: Mapping[str, Any], *, norm: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """What not everybody needs to change, as parts of a recipe and of a shape. norm: whether its place is asked."""
    first, second = st.columns(2)
    with first:
        rate = ask_choice(f"{form}_rate", RATES, label=t("train.rate"), default=str(start["rate"]))
        smoothing = ask_choice("smoothing", ("0", "0.05", "0.1", "0.2"), label=t("train.smoothing"), help=t("train.smoothing_help"))
        accumulate = ask_number("accumulate", 1, 16, 1, label=t("train.accumulate"), help=t("train.accumulate_help"))
        dropout = ask_choice("dropout", ("0", "0.1", "0.2", "0.3"), label=t("train.dropout"))
    with second:
        warmup = ask_number(f"{form}_warmup", 0, 5000, start["warmup"], label=t("train.warmup"), help=t("train.warmup_help"))
        norms = {"pre": t("train.norm_pre"), "post": t("train.norm_post")}
        placed = {"norm": ask_choice("norm", norms, label=t("train.norm"))} if norm else {}
        precision = ask_choice("precision", {"bfloat16": "bfloat16", "float32": "float32"}, label=t("train.precision"))
        schedules = {name: t(f"train.schedule_{name}") for name in ("linear", "cosine", "inverse_sqrt")}
        schedule = ask_choice("schedule", schedules, label=t("train.schedule"))
    batch = ask_number(f"{form}_batch", 100, 4000, start["batch"], label=t("train.batch"), help=t("train.batch_help"))
    seed = ask_number("seed", 0, 9999, 0, label=t("train.seed"))
    recipe = {"rate": float(rate), "smoothing": float(smoothing), "accumulate": accumulate, "warmup": warmup, "batch": batch}
    return recipe | {"precision": precision, "schedule": schedule, "seed": seed}, {"dropout": float(dropout)} | placed


def ask_texts(task: str, begun: Mapping[str, Any]) -> dict[str, Any]:
    """Pieces of the tokenizer where it is the training's own, and the sentence whose attention is watched."""
    if task not in FROM_FILE:
        return {"probes": (ask_text(LETTERS, key="probe", label=t("train.probe")),)}
    own = "teacher" not in begun and "init" not in begun
    pieces = {"vocab": ask_number("vocab", 50, 8000, 2000, label=t("train.vocab"))} if own else {}
    if task in TAUGHT:
        units = {unit: t(f"train.unit_{unit}") for unit in ("pieces", "characters")}
        return pieces | ({"unit": ask_choice("unit", units, label=t("train.unit"))} if own else {})
    sentence, key = PROBES.get(begun.get("init", ""), PROBES[""])
    return pieces | {"probes": (ask_text(sentence, key=key, label=t("train.probe")),)}


def current() -> str | None:
    """The training that this visit watches: from the link where that leads, else the one it began."""
    leads = link.leads() or choices.last(WATCHING) is None
    if leads and (asked := link.given("job")) and jobs().knows(asked):
        choices.keep(WATCHING, asked)
        if jobs().owns(asked, key := link.given("key") or ""):
            choices.keep(PROOF, key)
    name: str | None = choices.last(WATCHING)
    if name is not None and not jobs().knows(name):
        name = None
    watch(name)
    return name


def watch(name: str | None) -> None:
    choices.keep(WATCHING, name)
    link.put("job", name)


def status_of(name: str | None) -> Status | None:
    return jobs().status(name) if name is not None and jobs().knows(name) else None


def limits_note(bounds: Limits) -> str:
    return t(
        "train.limits", steps=f"{bounds.steps:,}", minutes=bounds.minutes, parameters=f"{bounds.parameters:,}", begun=f"{bounds.begun:,}"
    )


# How it goes


def show_training() -> None:
    """The training of this visit, looked at again and again while it goes on; without one, a recorded one."""
    status = status_of(current())
    if status is None:
        name = ask_row("recorded", {name: t(f"train.recorded_{name}") for name in RECORDINGS}, label=t("train.recorded"))
        st.markdown(t("train.example" if name == "reverse-rotary" else "train.example_write"))
        course = read_recording(name)
        said = {t("train.without", heads=heads.replace("-", ", ")): fork for heads, fork in course.forks.items()}
        course = replace(course, forks=said)
        draw(course)
        save_course(course)
        return
    if status.busy:
        st.fragment(show_live, run_every=EVERY)(status.id, True)
    else:
        show_live(status.id, False)


def show_live(name: str, was_busy: bool) -> None:
    status = status_of(name)
    if status is None:
        st.rerun()
    show_state(status)
    if status.history or steps(status.model):
        course = course_of(status)
        draw(course)
        if not status.busy:
            save_course(course)
    if not status.busy:
        if was_busy:
            st.rerun()  # the whole page: the menu has a new model, and nobody needs to look again
        show_result(status)
        show_forks(status)


def course_of(status: Status) -> Course:
    """A training as it is drawn, with those that it went on from and that went on from it."""
    course = replace(forks.course_alone(status), heads=snapshots(status), births=read_births(status.model))
    course = replace(course, forks=forks.beside(jobs(), status))
    if status.plan.teacher is None:
        return course
    return replace(course, score="curve_distance", loss="curve_loss_taught", teacher=read_teacher(status))


def show_forks(status: Status) -> None:
    """The ways to the trainings beside this one, and to a new one of its owner's."""
    name = forks.links(jobs(), status)
    if name is None and (proof := steers(status.id)) is not None and (status.model / "config.json").is_file():
        name = forks.ask_fork(jobs(), status, adopt_model(status), proof)
    if name is not None:
        watch(name)
        st.rerun()


def show_state(status: Status) -> None:
    """Where it stands, in words and as a bar, with the buttons that change it."""
    last, recipe = status.last, status.plan.recipe
    done = 0.0 if last is None else last.step / recipe.steps
    place, said = status.place, t(f"train.state_{status.state}")
    if status.state == "waiting":
        said = t("train.place", n=place) if place else t("train.state_starting")
        said += " · " + t("server.wait", minutes=max(1, round(status.wait / 60))) if place else ""
    facts = {"step": 0 if last is None else last.step, "steps": recipe.steps}
    if last is not None and status.state == "running":
        said += " · " + t("train.speed", speed=f"{last.tokens_per_second:,.0f}", left=clock(last.seconds_left))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.progress(min(1.0, done), text=f"{said} · " + t("train.step", **facts), width="stretch")
        buttons(status)
    if status.kept and status.busy and (who := steers(status.id)) is not None:
        st.caption(t("server.kept", key=jobs().key(status.id, who)))
    if status.why is not None:
        (st.warning if status.state == "stopped" else st.error)(md_escape(status.why.say(language())))
    elif rising(status.history):
        st.warning(t("train.rising"))
    if status.refused:
        line, why = status.refused[0]
        st.caption(t("train.refused", n=len(status.refused), kept=status.examples, line=line, why=md_escape(why)))


def buttons(status: Status) -> None:
    """Pause, resume, stop: those that can be pressed now, for the training's owner alone."""
    what, who = jobs(), steers(status.id)
    if who is None:
        st.caption(t("server.watching"))
    elif status.busy:
        st.button(t("train.pause"), key="pause", on_click=what.order, args=(status.id, "pause", who), disabled=status.state == "starting")
        st.button(t("train.stop"), key="stop", on_click=what.order, args=(status.id, "stop", who))
        if not status.kept:
            st.button(t("server.keep"), key="keep", on_click=what.keep, args=(status.id, who), help=t("server.keep_help"))
    elif status.resumable and st.button(t("train.resume"), key="resume", type="primary"):
        what.resume(status.id, who)
        st.rerun()


def steers(name: str) -> str | None:
    """What proves that a training is this visitor's: who they are, or its key from the link; None where it is not."""
    proofs = (visitor(), choices.last(PROOF, ""))
    return next((proof for proof in proofs if proof and jobs().owns(name, proof)), None)


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
