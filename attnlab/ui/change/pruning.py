"""Heads taken out for good, one after another: what is left of the task on rows that the model has not seen."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import streamlit as st

from attnlab.figures.style import Look, Words
from attnlab.models.spec import Model
from attnlab.training.pruning import SCORES, Curve, HeldOut, Point, curve, held_out, least_important_first, prune
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import t
from attnlab.ui.save import save_bar
from attnlab.ui.show import show
from attnlab.ui.turns import Kept, made_in_turn
from attnlab.words import ASSETS, InputError

ROWS, JUDGED, ORDERS, POINTS = 60, 8, 2, 7  # what a visitor waits for: a score takes up to a second
LONGEST = 20_000  # characters of rows
PRUNED = Kept[Curve](16)


def show_pruning(model: Model) -> None:
    """Rows to score on, the button, and the curve once it is there."""
    if model.spec.task not in SCORES or model.spec.family != "attnlab":
        st.caption(t("change.pruning_none"))
        return
    st.markdown(t("change.pruning_what"))
    rows = "" if model.spec.task == "tag" else st.text_area(t("change.rows"), _sample(model), key=f"rows {model.spec.name}", height=120)
    key = (model.spec.name, model.spec.revision, rows)
    if st.button(t("change.prune"), key="prune"):
        with mistake_box():
            made_in_turn(PRUNED, key, lambda breathe: _measured(model, rows, breathe))
    if (found := PRUNED.get(key)) is not None:
        _draw(model, found)


def _sample(model: Model) -> str:
    """Rows that are shipped with a model, that it was not trained on."""
    file = ASSETS / "models" / model.spec.name / "held-out.tsv"
    return file.read_text("utf-8") if file.is_file() else ""


def _measured(model: Model, rows: str, breathe: Callable[[float], None]) -> Curve:
    if len(rows) > LONGEST:
        raise InputError("server.long_text", limit=LONGEST)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "rows.tsv"
        file.write_text(rows, "utf-8")
        try:
            return _scored(model, held_out(model, file, rows=ROWS), breathe)
        except InputError as mistake:  # a visitor knows of no file
            raise InputError(mistake.key, **mistake.facts | ({"path": t("change.rows")} if "path" in mistake.facts else {})) from None


def _scored(model: Model, task: HeldOut, breathe: Callable[[float], None]) -> Curve:
    done = list[Point]()
    order = least_important_first(model, task.texts[:JUDGED])
    for point in prune(task, order, orders=ORDERS, points=POINTS):
        done.append(point)
        breathe(min(1.0, len(done) / (POINTS * (ORDERS + 1))))
    return curve(task.kind, done)


def _draw(model: Model, found: Curve) -> None:
    from attnlab.figures.plots import static
    from attnlab.figures.pruning import pruning_chart

    names: Mapping[str, str] = {name: t(f"change.prune_{name}") for name in ("importance", "random", "removed")}
    measure = t(f"change.score_{found.kind}")
    lines = (found.removed, found.by_importance, found.at_random)
    how: Any = {"measure": measure, "names": names}
    show(pruning_chart(*lines, **how), name="pruning", alt=measure)

    def draw(look: Look, words: Words) -> Any:
        return static(pruning_chart(*lines, **how, title=f"{model.spec.name}: {measure}", words=words), look, words)

    save_bar(draw, key="pruning", name=f"{model.spec.name} pruning", facts={"model": model.spec.name, "revision": model.spec.revision})
