"""The Train page: what to train, how it goes, attention as it is learned, and the model that comes out of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st
from numpy.typing import NDArray

from attnlab.core.trace import STACKS
from attnlab.core.words import ASSETS, InputError
from attnlab.figures import ramp, style
from attnlab.models.archive import pack, unpack
from attnlab.models.inhouse import InHouse
from attnlab.models.load import names as shipped
from attnlab.training.jobs import Jobs, Limits, Status, rising
from attnlab.training.loop import Progress
from attnlab.training.run import Kind
from attnlab.training.snapshots import read_snapshot, steps
from attnlab.ui import canvas, link
from attnlab.ui.ask import ask_choice, ask_number, ask_text, open_head
from attnlab.ui.traces import OWN, keep_model
from attnlab.ui.words import language, md_escape, t

EVERY = 2.0  # seconds between two looks at a training
DRAWN = 500  # points of a curve
WATCHED = 40  # snapshots of one training
EXAMPLE = ASSETS / "trainings" / "reverse-rotary.npz"
LETTERS = "q w e r t y a b a c"
TASKS: tuple[Kind, ...] = ("reverse", "copy", "sort", "translate", "classify")
# What the form begins with, by task.
QUICK = {"n_layers": 3, "n_heads": 4, "d_model": 64, "steps": 2000, "rate": "0.003", "warmup": 200, "batch": 800}
START: Mapping[str, dict[str, Any]] = {
    **dict.fromkeys(("reverse", "copy", "sort"), QUICK),
    "translate": {"n_layers": 2, "n_heads": 4, "d_model": 128, "steps": 1500, "rate": "0.002", "warmup": 200, "batch": 1500},
    "classify": {"n_layers": 2, "n_heads": 4, "d_model": 64, "steps": 600, "rate": "0.0005", "warmup": 60, "batch": 1000},
}
RATES = ("0.0003", "0.0005", "0.001", "0.002", "0.003", "0.005", "0.01", "0.03", "0.1", "1")

_learning = canvas.component("learning", "canvas.css", "learning.css")


@st.cache_resource(show_spinner=False)
def jobs() -> Jobs:
    """The queue of this server's trainings, the same for every visitor."""
    return Jobs()


@dataclass(frozen=True, eq=False)
class Course:
    """A training as it is drawn. heads: per snapshot the arrays that `snapshot` wrote; scored: step, loss and accuracy on held-out rows."""

    id: str
    steps: int
    history: Sequence[Progress]
    heads: Sequence[tuple[int, Mapping[str, NDArray[Any]]]]
    scored: Sequence[tuple[int, float, float]]


# What to train


def ask_training() -> None:
    """The form, and the button that puts the training into the queue. Raises InputError for choices that cannot be."""
    names: dict[Kind, str] = {task: t(f"train.task_{task}") for task in TASKS}
    task = ask_choice("task", names, label=t("train.task"))
    data = None
    if task in ("translate", "classify"):
        limit = jobs().bounds.megabytes
        data = st.file_uploader(
            t(f"train.file_{task}", limit=limit), ["tsv", "txt"], key=f"file {task}", help=t("train.file_help"), max_upload_size=limit
        )
    start, bounds = START[task], jobs().bounds
    first, second = st.columns(2)
    with first:
        kinds = ("rotary", "sinusoidal", "learned", "alibi", "relative", "none")
        positions = ask_choice("positions", {kind: t(f"train.positions_{kind}") for kind in kinds}, label=t("train.positions"))
        layers = ask_number(f"{task}_layers", 1, 6, start["n_layers"], label=t("train.layers"))
    with second:
        width = ask_number(f"{task}_width", 8, 512, start["d_model"], label=t("train.width"), help=t("train.width_help"))
        heads = ask_number(f"{task}_heads", 1, 16, start["n_heads"], label=t("train.heads"))
    total = ask_number(
        f"{task}_steps",
        10,
        bounds.steps,
        min(start["steps"], bounds.steps),
        label=t("train.steps"),
        help=t("train.steps_help", limit=bounds.steps, minutes=bounds.minutes),
    )
    with st.expander(t("train.more")):
        recipe, shape = ask_more(task, start)
        rest = ask_texts(task)
    recipe |= {"steps": total, "validate_every": max(1, total // WATCHED)}
    stacks = {"encoder_layers": layers} | ({"decoder_layers": layers} if task == "translate" else {})
    shape |= stacks | {"n_heads": heads, "d_model": width, "d_ff": 4 * width, "positions": positions}
    status = status_of(current())
    busy = status is not None and status.busy
    if st.button(t("train.start"), type="primary", width="stretch", disabled=busy or (data is None and task in ("translate", "classify"))):
        inside = None if data is None else data.getvalue()
        name = jobs().submit(task, recipe=recipe, shape=shape, data=inside, data_name="data.tsv" if data is None else data.name, **rest)
        watch(name)
        st.rerun()


def ask_more(task: str, start: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What not everybody needs to change, as parts of a recipe and of a shape."""
    first, second = st.columns(2)
    with first:
        rate = ask_choice(f"{task}_rate", RATES, label=t("train.rate"), default=str(start["rate"]))
        smoothing = ask_choice("smoothing", ("0", "0.05", "0.1", "0.2"), label=t("train.smoothing"), help=t("train.smoothing_help"))
        accumulate = ask_number("accumulate", 1, 16, 1, label=t("train.accumulate"), help=t("train.accumulate_help"))
        dropout = ask_choice("dropout", ("0", "0.1", "0.2", "0.3"), label=t("train.dropout"))
    with second:
        warmup = ask_number(f"{task}_warmup", 0, 5000, start["warmup"], label=t("train.warmup"), help=t("train.warmup_help"))
        norm = ask_choice("norm", {"pre": t("train.norm_pre"), "post": t("train.norm_post")}, label=t("train.norm"))
        precision = ask_choice("precision", {"bfloat16": "bfloat16", "float32": "float32"}, label=t("train.precision"))
        schedules = {name: t(f"train.schedule_{name}") for name in ("linear", "cosine", "inverse_sqrt")}
        schedule = ask_choice("schedule", schedules, label=t("train.schedule"))
    batch = ask_number(f"{task}_batch", 100, 4000, start["batch"], label=t("train.batch"), help=t("train.batch_help"))
    seed = ask_number("seed", 0, 9999, 0, label=t("train.seed"))
    recipe = {"rate": float(rate), "smoothing": float(smoothing), "accumulate": accumulate, "warmup": warmup, "batch": batch}
    return recipe | {"precision": precision, "schedule": schedule, "seed": seed}, {"dropout": float(dropout), "norm": norm}


def ask_texts(task: str) -> dict[str, Any]:
    """Pieces of the tokenizer, and the sentence whose attention is watched."""
    if task not in ("translate", "classify"):
        return {"probes": (ask_text(LETTERS, key="probe", label=t("train.probe")),)}
    vocab = ask_number("vocab", 50, 8000, 2000, label=t("train.vocab"))
    return {"vocab": vocab, "probes": (ask_text("The red car is in the garden.", key="probe_text", label=t("train.probe")),)}


def current() -> str | None:
    """The training that this visit watches: from the link where that leads, else the one it began."""
    if link.leads() and (asked := link.given("job")) and jobs().knows(asked):
        st.session_state["training"] = asked
    name: str | None = st.session_state.get("training")
    if name is not None and not jobs().knows(name):
        name = st.session_state["training"] = None
    link.put("job", name)
    return name


def watch(name: str) -> None:
    st.session_state["training"] = name
    link.put("job", name)


def status_of(name: str | None) -> Status | None:
    return jobs().status(name) if name is not None and jobs().knows(name) else None


# How it goes


def show_training() -> None:
    """The training of this visit, looked at again and again while it goes on; without one, a recorded one."""
    status = status_of(current())
    if status is None:
        st.markdown(t("train.example"))
        draw(read_example())
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
        scored = [(each.step, each.scores["loss"], each.scores["accuracy"]) for each in status.history if each.scores]
        draw(Course(status.id, status.plan.recipe.steps, status.history, snapshots(status), scored))
    if not status.busy:
        if was_busy:
            st.rerun()  # the whole page: the menu has a new model, and nobody needs to look again
        show_result(status)


def show_state(status: Status) -> None:
    """Where it stands, in words and as a bar, with the buttons that change it."""
    last, recipe = status.last, status.plan.recipe
    done = 0.0 if last is None else last.step / recipe.steps
    place, said = status.place, t(f"train.state_{status.state}")
    if status.state == "waiting":
        said = t("train.place", n=place) if place else t("train.state_starting")
    facts = {"step": 0 if last is None else last.step, "steps": recipe.steps}
    if last is not None and status.state == "running":
        said += " · " + t("train.speed", speed=f"{last.tokens_per_second:,.0f}", left=clock(last.seconds_left))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.progress(min(1.0, done), text=f"{said} · " + t("train.step", **facts), width="stretch")
        buttons(status)
    if status.why is not None:
        (st.warning if status.state == "stopped" else st.error)(md_escape(status.why.say(language())))
    elif rising(status.history):
        st.warning(t("train.rising"))
    if status.refused:
        line, why = status.refused[0]
        st.caption(t("train.refused", n=len(status.refused), kept=status.examples, line=line, why=md_escape(why)))


def buttons(status: Status) -> None:
    """Pause, resume, stop: those that can be pressed now."""
    what = jobs()
    if status.busy:
        st.button(t("train.pause"), key="pause", on_click=what.order, args=(status.id, "pause"), disabled=status.state == "starting")
        st.button(t("train.stop"), key="stop", on_click=what.order, args=(status.id, "stop"))
    elif status.resumable and st.button(t("train.resume"), key="resume", type="primary"):
        what.resume(status.id)
        st.rerun()


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def snapshots(status: Status) -> list[tuple[int, Mapping[str, NDArray[Any]]]]:
    return [(step, _snapshot(str(status.model), step)) for step in steps(status.model)]


@st.cache_resource(max_entries=2000, show_spinner=False)
def _snapshot(folder: str, step: int) -> Mapping[str, NDArray[Any]]:
    return read_snapshot(Path(folder), step)


@st.cache_resource(show_spinner=False)
def read_example() -> Course:
    """How the shipped reverse-rotary was trained, for those who have not begun a training."""
    with np.load(EXAMPLE, allow_pickle=False) as file:
        said = {name: file[name] for name in file.files}
    total = int(said["steps"])
    history = [
        Progress(int(step), total, float(loss), float(rate), 0.0, 0.0)
        for step, loss, rate in zip(said["step"], said["loss"], said["rate"], strict=True)
    ]
    scored = zip(said["scored"], said["held"], said["accuracy"], strict=True)
    heads: dict[int, dict[str, NDArray[Any]]] = {}
    for name in said:
        step, slash, rest = name.partition("/")
        if slash:
            heads.setdefault(int(step), {})[rest] = said[name]
    return Course("example", total, history, sorted(heads.items()), tuple((int(s), float(loss), float(right)) for s, loss, right in scored))


def draw(course: Course) -> None:
    """Curves, scrubber and heads."""
    if not course.heads:
        return
    first = course.heads[0][1]
    stacks: list[dict[str, Any]] = [
        {"kind": kind, "layers": n, "heads": int(first[f"0.{kind}.0"].shape[0])} for kind in STACKS if (n := layers_of(first, kind))
    ]
    packed, described, start = [], [], 0
    for step, arrays in course.heads:
        maps = [arrays[f"0.{kind['kind']}.{layer}"].astype(np.float32) for kind in stacks for layer in range(kind["layers"])]
        sharp = iter([each.max(-1).mean(-1).round(4).tolist() for each in maps])
        flat = np.concatenate([each.ravel() for each in maps])
        packed.append(np.rint(flat * 255).astype(np.uint8))
        target = arrays["0.target"].tolist() if "0.target" in arrays else None
        tokens = {"source": arrays["0.source"].tolist(), "target": target}
        described.append(
            {"step": step, "start": start, "sharp": [[next(sharp) for _ in range(kind["layers"])] for kind in stacks]} | tokens
        )
        start += flat.size
    names = ("loss", "score", "rate", "sharp", "step", "held", "at", "scrub", "play", "pause", "note")
    words = (
        {name: t(f"train.curve_{name}", n="{n}") for name in names}
        | {kind: t(f"ui.{kind}") for kind in STACKS}
        | {"weight": t("ui.weight")}
    )
    meta = {"id": course.id, "steps": course.steps, "stacks": stacks, "snapshots": described, "words": words, "series": list(style.SERIES)}
    data = {
        "values": pa.table({"v": pa.array(np.concatenate(packed))}),
        "meta": canvas.colours("weights") | meta | curves(course) | {"heads": list(ramp.HEADS)},
    }
    _learning(data=data, key="learning")


def layers_of(arrays: Mapping[str, Any], kind: str) -> int:
    return sum(name.startswith(f"0.{kind}.") for name in arrays)


def curves(course: Course) -> dict[str, dict[str, list[float]]]:
    """Points of each curve: the mean loss of neighbouring steps where there are too many, every score."""
    history = course.history
    every = max(1, len(history) // DRAWN)
    groups = [history[i : i + every] for i in range(0, len(history), every)]
    x = [float(group[-1].step) for group in groups]
    at, held, accuracy = ([float(each[i]) for each in course.scored] for i in range(3))
    return {
        "loss": {"x": x, "y": [sum(each.loss for each in group) / len(group) for group in groups]},
        "rate": {"x": x, "y": [group[-1].rate for group in groups]},
        "held": {"x": at, "y": held},
        "score": {"x": at, "y": accuracy},
    }


# What comes out


def show_result(status: Status) -> None:
    """The model: put into the menu of this visit, to be tried, opened and taken away."""
    if not (status.model / "config.json").is_file():
        return
    model = adopt(status)
    spec = model.spec
    st.success(t("train.result", name=md_escape(spec.name), parameters=f"{spec.parameters:,}"))
    if spec.task == "tag":
        text = ask_text("h e l l o w o r l d", key="try", label=t("train.try"))
        try:
            st.markdown(t("train.answer", said=md_escape(" ".join(model.tag([text])[0]))))
        except InputError as mistake:
            st.error(md_escape(mistake.say(language())))
    with st.container(horizontal=True, gap="small"):
        card = status.model / "card.md"
        make = partial(pack, model, card.read_text("utf-8") if card.is_file() else "")
        st.download_button(t("train.download"), make, f"{spec.name}.zip", "application/zip", on_click="ignore", key="download model")
        open_model(model)


def open_model(model: InHouse) -> None:
    """Buttons to the pages where the model can be looked at."""
    if st.button(t("translate.open_heads"), key="open heads"):
        open_last(model)
    page = {"translate": ("translator", "steps"), "classify": ("classifier", "sentiment")}.get(model.spec.task)
    if page and st.button(t("train.open_translate"), key="open translate"):
        link.go("build/translate.py", **{page[0]: model.spec.name, "row view": page[1]})


def open_last(model: InHouse) -> None:
    """The Heads page with the last layer of the model's first stack, and a sentence that it can read."""
    stack, shape = next(iter(model.spec.stacks.items()))
    link.choose(model=model.spec.name, over="head")
    open_head(stack, shape.layers - 1, 0, text=LETTERS if model.spec.task == "tag" else None)


def adopt(status: Status) -> InHouse:
    """The model of a training under a name of this visit, read again when it was trained further."""
    kept: dict[str, tuple[str, int]] = st.session_state.setdefault("trained", {})
    name, step = kept.get(status.id, ("", -1))
    now = 0 if status.last is None else status.last.step
    if step != now or name not in st.session_state.get(OWN, {}):
        name = name or free_name(f"my-{status.plan.kind}-{status.plan.shape.get('positions', 'model')}")
        keep_model(InHouse.load(status.model, name))
        st.session_state["trained"] = kept | {status.id: (name, now)}
    model: InHouse = st.session_state[OWN][name]
    return model


def free_name(wanted: str) -> str:
    """A name that neither a shipped model nor one of this visit has."""
    plain = re.sub(r"[^\w.-]+", "-", wanted).strip("-.")[:40] or "model"
    taken = {*shipped(), *st.session_state.get(OWN, {})}
    return next(name for i in range(1, 10_000) if (name := plain if i == 1 else f"{plain}-{i}") not in taken)


def ask_upload() -> None:
    """A zip that was downloaded here or elsewhere, as a model of this visit. A zip that is none is refused with a sentence."""
    file = st.file_uploader(t("train.upload"), ["zip"], key="model zip", help=t("train.upload_help"))
    if file is None:
        return
    done: dict[str, Any] = st.session_state.setdefault("uploaded", {})
    if file.file_id not in done:
        try:
            model, card = unpack(file.getvalue(), free_name(Path(file.name).stem))
        except InputError as mistake:
            done[file.file_id] = mistake
        else:
            keep_model(model)
            done[file.file_id] = (model.spec.name, card)
    outcome = done[file.file_id]
    if isinstance(outcome, InputError):
        st.error(md_escape(outcome.say(language())))
        return
    name, card = outcome
    model = st.session_state[OWN][name]
    facts = {"name": md_escape(name), "task": t(f"train.does_{model.spec.task}"), "parameters": f"{model.spec.parameters:,}"}
    st.success(t("train.uploaded", **facts))
    if st.button(t("translate.open_heads"), key="open uploaded"):
        open_last(model)
    with st.expander(t("train.card")):
        st.code(card, language=None, wrap_lines=True)


def limits_said(bounds: Limits) -> str:
    return t("train.limits", steps=f"{bounds.steps:,}", minutes=bounds.minutes, parameters=f"{bounds.parameters:,}")
