"""What a training begins with besides a file: a teacher to learn from, or a shipped model that learns something new."""

from dataclasses import dataclass
from typing import Any

from attnlab.models.inhouse.model import InHouse
from attnlab.models.load import known
from attnlab.models.load import names as shipped
from attnlab.training.plan import layers_of
from attnlab.ui.ask import ask_choice, ask_number
from attnlab.ui.language import t
from attnlab.ui.own_models import own_specs
from attnlab.ui.train.result import inhouse

NONE = "none"
TAUGHT = {"write": "generate", "fill": "fill"}  # the tasks that a teacher can give, and what its own task is called
BEGUN = {"classify": ("bert", "fill-en", "fill-zh")}  # what a task can begin as


@dataclass(frozen=True, eq=False)
class Beginning:
    """form: what the form's defaults are called; rest: parts of a plan; shape: what is not asked any more, None where all of it is."""

    form: str
    rest: dict[str, Any]
    shape: dict[str, Any] | None = None


def ask_beginning(task: str) -> Beginning:
    """From nothing, from a teacher, or from a model that is trained on, all of it or its last layers."""
    if task in TAUGHT:
        return ask_teacher(task)
    if task in BEGUN:
        return ask_init(task)
    return Beginning(task, {})


def ask_teacher(task: str) -> Beginning:
    specs = [spec for spec in [*known(), *own_specs()] if spec.family == "attnlab" and spec.task == TAUGHT[task]]
    names = {NONE: t("train.teacher_none")} | {spec.name: spec.name for spec in specs}
    name = ask_choice(f"{task}_teacher", names, label=t("train.teacher"), help=t("train.teacher_help"))
    if name == NONE:
        return Beginning(task, {})
    temperature = ask_choice("softness", ("1", "2", "4"), label=t("train.softness"), default="2", help=t("train.softness_help"))
    teacher: InHouse | str = name if name in shipped() else inhouse(name)
    return Beginning("taught", {"teacher": teacher, "temperature": float(temperature)})


def ask_init(task: str) -> Beginning:
    names = {NONE: t("train.init_none")} | {name: name for name in BEGUN[task]}
    init = ask_choice("init", names, label=t("train.init"), help=t("train.init_help"))
    if init == NONE:
        return Beginning(task, {})
    learns = {"all": t("train.last_all"), "2": t("train.last_n", n=2), "1": t("train.last_1"), "0": t("train.last_0")}
    last = ask_choice("last", learns, label=t("train.last"), default="1")
    rest = {"init": init, "last": None if last == "all" else int(last)}
    if init == "bert":
        return Beginning("begun", rest, layers_of("classify", ask_number("bert_layers", 1, 6, 2, label=t("train.layers"))))
    return Beginning("begun", rest, {})
