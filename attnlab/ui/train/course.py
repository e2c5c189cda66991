"""A training as it is drawn: its curves, and what each head attended to at every snapshot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from attnlab.core.compare import js_distance
from attnlab.core.trace import STACKS, frozen
from attnlab.figures import canvases
from attnlab.figures.style import words_in
from attnlab.training.births import Birth
from attnlab.training.jobs import Status
from attnlab.training.loop import Progress
from attnlab.training.run import TEACHER
from attnlab.training.snapshots import read_snapshot, steps
from attnlab.ui import canvas
from attnlab.ui.language import language, t
from attnlab.ui.pictures import save_chart
from attnlab.words import ASSETS

if TYPE_CHECKING:
    from attnlab.figures.picture import Series

DRAWN = 500  # points of a curve
BIRTH = ("step", "label", "layer", "head", "score", "threshold")
RECORDED = ASSETS / "trainings"

_learning = canvas.component("learning", "learning")


@dataclass(frozen=True, eq=False)
class Course:
    """A training as it is drawn. heads: per snapshot the arrays that `snapshot` wrote; scored: step, loss and accuracy on held-out rows
    (or what score names in its place); births: heads that crossed a threshold; forks: trainings that are drawn beside it, by what they
    are; loss: what the loss is called; teacher: of a student, the arrays of its teacher's heads.
    """

    id: str
    steps: int
    history: Sequence[Progress]
    heads: Sequence[tuple[int, Mapping[str, NDArray[Any]]]]
    scored: Sequence[tuple[int, float, float]]
    births: Sequence[Birth] = ()
    score: str = "curve_score"
    forks: Mapping[str, "Course"] = field(default_factory=dict)
    loss: str = "curve_loss"
    teacher: Mapping[str, NDArray[Any]] | None = None


def snapshots(status: Status) -> list[tuple[int, Mapping[str, NDArray[Any]]]]:
    return [(step, _snapshot(str(status.model), step)) for step in steps(status.model)]


@st.cache_resource(max_entries=2000, show_spinner=False)
def _snapshot(folder: str, step: int) -> Mapping[str, NDArray[Any]]:
    return read_snapshot(Path(folder), step)


def read_teacher(status: Status) -> Mapping[str, NDArray[Any]] | None:
    """What a student's teacher looks at, once that was written down."""
    folder = status.model / TEACHER
    return _snapshot(str(folder), 0) if steps(folder) else None


@st.cache_resource(show_spinner=False)
def read_recording(name: str) -> Course:
    """A training that is shipped, for those who have not begun one: how reverse-rotary was trained, or how a small writer was."""
    with np.load(RECORDED / f"{name}.npz", allow_pickle=False) as file:
        said = {key: file[key] for key in file.files}
    heads: dict[int, dict[str, NDArray[Any]]] = {}
    for key in said:
        step, slash, rest = key.partition("/")
        if slash:
            heads.setdefault(int(step), {})[rest] = said[key]
    forks: dict[str, dict[str, NDArray[Any]]] = {}
    for key in said:
        begin, without, rest = key.partition("without:")
        if without and not begin:
            forks.setdefault(rest.partition(".")[0], {})[rest.partition(".")[2]] = said[key]
    others = {heads_out: recorded(heads_out, arrays, said["steps"], ()) for heads_out, arrays in forks.items()}
    return recorded(name, said, said["steps"], sorted(heads.items()), others)


def recorded(name: str, said: Mapping[str, NDArray[Any]], steps: Any, heads: Any, forks: Mapping[str, Course] | None = None) -> Course:
    """One course of a recording."""
    total = int(steps)
    losses = zip(said["step"], said["loss"], said["rate"], strict=True)
    history = [Progress(int(step), total, float(loss), float(rate), 0.0, 0.0) for step, loss, rate in losses]
    scored = tuple(
        (int(s), float(loss), float(right)) for s, loss, right in zip(said["scored"], said["held"], said["accuracy"], strict=True)
    )
    born = zip(*(said[f"birth.{part}"].tolist() for part in BIRTH), strict=True) if "birth.step" in said else ()
    return Course(name, total, history, heads, scored, [Birth(*each) for each in born], "copied" if forks else "curve_score", forks or {})


def draw(course: Course) -> None:
    """Curves, scrubber and heads."""
    if not course.heads:
        return
    first = course.heads[0][1]
    stacks: list[dict[str, Any]] = [
        {"kind": kind, "layers": n, "heads": int(first[f"0.{kind}.0"].shape[0])} for kind in STACKS if (n := layers_of(first, kind))
    ]
    packed, described, start = [], [], 0
    taught = None if course.teacher is None else last_mean(course.teacher)
    for step, arrays in course.heads:
        maps = [arrays[f"0.{kind['kind']}.{layer}"].astype(np.float32) for kind in stacks for layer in range(kind["layers"])]
        sharp = iter([each.max(-1).mean(-1).round(4).tolist() for each in maps])
        mean = None if taught is None else last_mean(arrays)
        flat = np.concatenate([each.ravel() for each in (maps if mean is None else [*maps, mean])])
        packed.append(np.rint(flat * 255).astype(np.uint8))
        target = arrays["0.target"].tolist() if "0.target" in arrays else None
        tokens = {"source": arrays["0.source"].tolist(), "target": target}
        described.append(
            {"step": step, "start": start, "sharp": [[next(sharp) for _ in range(kind["layers"])] for kind in stacks]} | tokens
        )
        start += flat.size
        if taught is not None and mean is not None:
            described[-1] |= {"mean": start - mean.size, "far": float(js_distance(mean, taught).mean())}
    if taught is not None:
        packed.append(np.rint(taught.ravel() * 255).astype(np.uint8))
    names = ("loss", "score", "rate", "sharp", "student", "teacher", "step", "held", "at", "scrub", "play", "pause", "note")
    words = (
        {name: t(f"train.curve_{name}", n="{n}", far="{far}") for name in names}
        | {kind: t(f"ui.{kind}") for kind in STACKS}
        | {"weight": t("ui.weight"), "score": t(f"train.{course.score}"), "loss": t(f"train.{course.loss}"), "born": t("train.born")}
    )
    meta = {"id": course.id, "steps": course.steps, "stacks": stacks, "snapshots": described, "words": words}
    meta["taught"] = None if taught is None else start
    data = {
        "values": np.concatenate(packed),
        "meta": canvases.colours("weights") | meta | curves(course) | born(course),
    }
    canvas.show_component(_learning, data, key="learning")


def save_course(course: Course) -> None:
    """The curves as files: the loss as it fell, and how many answers were right."""
    from attnlab.figures.curves import curves as chart_of

    facts, words, seen = {"options": {"training": course.id, "steps": course.steps}}, words_in(language()), curves(course)
    score = "score" if course.teacher is None else "far"
    for key, parts in (("loss", ("loss", "held")), (score, ("score",))):
        series = [line_of(t(f"train.line_{score if name == 'score' else name}"), seen[name]) for name in parts if seen[name]["x"]]
        if series:
            axes = (t("train.axis_step"), t(f"train.axis_{key}"))
            chart = chart_of(series, axes=axes, title=t(f"train.axis_{key}"), caption=course.id, words=words, markers=False)
            save_chart(chart, key=key, name=f"attnlab-{course.id}-{key}", facts=facts, linked=(RECORDED / f"{course.id}.npz").is_file())


def line_of(name: str, points: Mapping[str, Sequence[float]]) -> "Series":
    from attnlab.figures.picture import Series

    return Series(name, frozen(points["x"]), frozen(points["y"]))


def born(course: Course) -> dict[str, Any]:
    """What is marked on the curves: every birth with its name in words, and the curves of the forks."""
    said = [
        {"step": b.step, "layer": b.layer, "head": b.head, "says": t(f"train.born_{b.label}", score=f"{b.score:.2f}")}
        for b in course.births
    ]
    return {"births": said, "forks": [{"name": name} | curves(fork) for name, fork in course.forks.items()]}


def last_mean(arrays: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """The mean over the heads of the last layer, which is what a student learns. Students have one stack. [q k]"""
    last = max((key for key in arrays if key.startswith(tuple(f"0.{kind}." for kind in STACKS))), key=lambda key: int(key.split(".")[2]))
    return arrays[last].astype(np.float32).mean(0)


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


def rising(history: Sequence[Progress], *, window: int = 50) -> bool:
    """Whether the loss has left where it was: the mean of the last steps is half as high again as the lowest such mean before."""
    losses = [progress.loss for progress in history]
    means = [sum(losses[i : i + window]) / window for i in range(0, len(losses) - window + 1, window)]
    return len(means) > 2 and means[-1] > 1.5 * min(means) + 0.05
