"""Is it true? Every ranking of the words tried on this very sentence: what is lost without its first words, and with them alone."""

from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.trace import frozen
from attnlab.figures.style import Look, Words
from attnlab.models.faithfulness import Trial, chance, randomised, rankings, trials
from attnlab.models.ledgers import Reading, reading
from attnlab.models.spec import ENDING, Model
from attnlab.ui.ask import ask_row, ask_switch
from attnlab.ui.errors import mistake_box
from attnlab.ui.language import t
from attnlab.ui.ledger.page import Asked
from attnlab.ui.save import facts_of, save_bar
from attnlab.ui.show import show
from attnlab.ui.traces import get_model, get_trace
from attnlab.words import InputError


def show_truth(asked: Asked) -> None:
    """The switch, and behind it the curves and one line a ranking."""
    st.header(t("ledger.truth"), anchor=False)
    if not ask_switch("truth", t("ledger.truth_try"), help=t("ledger.truth_help")):
        return
    with mistake_box():
        tried = trials(asked.model, asked.trace, asked.found)
        random = chance(asked.model, asked.trace, asked.found)
    bare = _bare(asked)
    alike = {} if bare is None else randomised(tried, bare)
    which = ask_row("curve", {name: t(f"ledger.{name}") for name in ("without_first", "only_first")}, label=t("ledger.curve"))
    _curves(asked, {t(f"ledger.rank_{name}"): trial for name, trial in tried.items()} | {t("ledger.rank_chance"): random}, which)
    names: dict[str, list[str]] = {"ranking": [], "comprehensiveness": [], "sufficiency": [], "randomised": []}
    for name, trial in [*sorted(tried.items(), key=lambda one: -one[1].comprehensiveness), ("chance", random)]:
        names["ranking"].append(t(f"ledger.rank_{name}"))
        names["comprehensiveness"].append(f"{trial.comprehensiveness:+.4f}")
        names["sufficiency"].append(f"{trial.sufficiency:+.4f}")
        names["randomised"].append(f"{alike[name]:+.2f}" if name in alike else "–")
    st.table({t(f"ledger.{name}"): column for name, column in names.items()})
    st.caption(t("ledger.truth_read"))


def _bare(asked: Asked) -> dict[str, Any] | None:
    """The same rankings of the same model with random weights; None where it has no such output."""
    name = asked.model.spec.name
    if name.endswith(ENDING):
        return None
    try:
        model: Model = get_model(name + ENDING)
        trace = get_trace(model.spec.name, asked.trace.text)
        return dict(rankings(model, trace, _same(model, asked)))
    except InputError:
        return None


def _same(model: Model, asked: Asked) -> Reading:
    """The same output of another model."""
    found, trace = asked.found, get_trace(model.spec.name, asked.trace.text)
    if found.toward is not None:
        return reading(model, trace, similar_to=get_trace(model.spec.name, asked.other))
    plain = reading(model, trace) if found.token is None else reading(model, trace, token=found.token)
    if found.token is None:
        labels = list(model.labels)  # type: ignore[attr-defined]
        return reading(model, trace, label=labels[found.columns[0][0]])
    return plain


def _curves(asked: Asked, tried: dict[str, Trial], which: str) -> None:
    from attnlab.figures.curves import curves
    from attnlab.figures.picture import Series
    from attnlab.figures.plots import static

    n = len(asked.trace.source)
    x = frozen(np.arange(n + 1))
    series = [Series(name, x, trial.without if which == "without_first" else trial.only) for name, trial in tried.items()]
    axes = (t("ledger.truth_words"), asked.found.says)
    show(curves(series, axes=axes, markers=False), name="truth curves", alt=t(f"ledger.{which}"))

    def draw(look: Look, words: Words) -> Any:
        return static(curves(series, axes=axes, markers=False, title=f"{asked.trace.model}: {t(f'ledger.{which}')}"), look, words)

    save_bar(draw, key="truth", name=f"{asked.trace.model} truth", facts=facts_of(asked.trace))
