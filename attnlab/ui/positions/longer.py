"""Part 3: longer than training. Accuracy against length, measured while you look."""

import time
from collections.abc import Sequence

import streamlit as st

from attnlab.core.positions import antidiagonal
from attnlab.training.lengths import LengthScore, accuracy_by_length, sequences
from attnlab.training.tasks import TRAINED
from attnlab.ui import choices
from attnlab.ui.ask import ask_number, ask_row, ask_rows, ask_whole
from attnlab.ui.language import percent, t
from attnlab.ui.positions.charts import chart
from attnlab.ui.positions.curves import curve, line
from attnlab.ui.positions.switch import FAMILY, answer, family, mirror_head, place_names
from attnlab.ui.save import facts_of
from attnlab.ui.traces import get_model, get_trace
from attnlab.ui.turns import my_turn

Key = tuple[str, int, int, int]  # encoding, length, sequences, seed
SLICE = 0.4  # seconds of measuring between two pictures
TICK = 0.1  # seconds until the next slice
KNOWN = "length scores"
STOPPED = "length stopped"


def longer() -> None:
    """The experiment, and below it one map at a length of your choice."""
    names = family()
    st.markdown(t("positions.longer_lead", low=TRAINED[0], high=TRAINED[1]))
    shown = ask_rows("shown", {kind: t(f"positions.{kind}") for kind in names}, label=t("positions.encodings"))
    columns = st.columns([3, 3, 3, 2], vertical_alignment="bottom")
    with columns[0]:
        longest = ask_number("longest", 8, 64, 32, label=t("positions.longest"))
    with columns[1]:
        n = ask_number("n", 8, 512, 64, label=t("positions.sequences"), help=t("positions.sequences_help"))
    with columns[2]:
        seed = ask_number("seed", 0, 9999, 0, label=t("positions.seed"), help=t("positions.seed_help"))
    wanted = [(kind, length, n, seed) for length in range(TRAINED[0], longest + 1) for kind in shown if readable(kind, length)]
    stopped = bool(choices.last(STOPPED))
    running = bool(missing(wanted)) and not stopped
    with columns[3]:  # outside the clockwork: a click is a run of the whole page, which no tick outruns
        said, to = ("positions.go_on", False) if stopped else ("positions.stop", True)
        st.button(
            t(said), key=f"length stop {to}", on_click=choices.keep, args=(STOPPED, to), disabled=not missing(wanted), width="stretch"
        )
    st.fragment(experiment, run_every=TICK if running else None)(wanted, longest, running)
    at_length(names, longest, seed)


def readable(kind: str, length: int) -> bool:
    """A learned table ends somewhere; past its end there is nothing to measure."""
    limit = get_model(FAMILY + kind).spec.max_tokens
    return limit is None or length <= limit


def scores() -> dict[Key, LengthScore]:
    """What this visit has measured so far."""
    return choices.visit(KNOWN, dict[Key, LengthScore])


def missing(wanted: Sequence[Key]) -> list[Key]:
    found = scores()
    return [key for key in wanted if key not in found]


def experiment(wanted: Sequence[Key], longest: int, ticking: bool) -> None:
    """Measure for a moment and draw. ticking: whether the clock calls again, until all is measured or the visitor stops it."""
    if ticking:
        measure(missing(wanted))
    todo = missing(wanted)
    done = len(wanted) - len(todo)
    st.progress(done / max(len(wanted), 1), t("positions.progress", done=done, all=len(wanted)))
    draw(wanted, longest)
    if ticking and not todo:
        st.rerun()  # only a run of the whole page stops the clock


def measure(todo: Sequence[Key]) -> None:
    """As many scores as fit in a slice of time."""
    with my_turn():
        end, found = time.monotonic() + SLICE, scores()
        for key in todo:
            kind, length, n, seed = key
            found[key] = next(accuracy_by_length(get_model(FAMILY + kind), [length], n=n, seed=seed))  # type: ignore[arg-type]
            if time.monotonic() > end:
                return


def draw(wanted: Sequence[Key], longest: int) -> None:
    """The curves as far as they are known, and the same numbers as a table."""
    found = scores()
    kinds = list(dict.fromkeys(kind for kind, *_ in wanted))
    bands = []
    for kind in kinds:
        seen = [found[key] for key in wanted if key[0] == kind and key in found]
        if seen:
            low, high = zip(*(score.band for score in seen), strict=True)
            bands.append(line(t(f"positions.{kind}"), [s.length for s in seen], [s.accuracy for s in seen], low, high))
    if bands:
        n, seed = wanted[0][2:]
        curve(
            bands,
            key="longer",
            title=t("positions.longer_title"),
            axes=(t("positions.length"), t("positions.accuracy")),
            shaded=(*TRAINED, t("positions.region")),
            x_range=(TRAINED[0] - 0.5, longest + 0.5),
            y_range=(-0.02, 1.05),
            facts={"options": {"sequences": n, "seed": seed}},
            linked=False,  # what a visit measured: the page opened anew has measured nothing yet
        )
        st.caption(t("positions.longer_note", n=n))
        table(kinds, {key[:2]: score for key, score in found.items() if key in set(wanted)})


def table(kinds: Sequence[str], found: dict[tuple[str, int], LengthScore]) -> None:
    """Accuracies to read aloud: every fourth length, in percent."""
    lengths = sorted({length for _, length in found if length % 4 == 0})
    rows = {t(f"positions.{kind}"): [percent(found[kind, n].accuracy) if (kind, n) in found else "–" for n in lengths] for kind in kinds}
    st.table({t("positions.length"): [str(n) for n in lengths], **rows})


def at_length(names: Sequence[str], longest: int, seed: int) -> None:
    """The map of the most mirror-like head on one sequence of a chosen length."""
    st.header(t("positions.at_length"))
    kind = ask_row("kind", {name: t(f"positions.{name}") for name in names}, label=t("positions.encoding"), default=names[len(names) // 2])
    length = ask_whole("length", TRAINED[0], longest, 24, label=t("positions.length"))
    if not readable(kind, length):
        st.info(t("positions.unreadable", limit=get_model(FAMILY + kind).spec.max_tokens))
        return
    trace = get_trace(FAMILY + kind, " ".join(sequences(length, n=1, seed=seed)[0]))
    layer, head = mirror_head(trace)
    attention = trace.at("encoder", layer)
    weights, pieces = attention.weights(head), place_names(trace.source.pieces)
    right = sum(a == b for a, b in zip(answer(trace), trace.source.pieces[::-1], strict=True))
    chart(
        weights,
        pieces,
        pieces,
        key="at-length",
        title=f"{trace.model} L{layer}H{head}",
        name=t("ui.weight"),
        facts=facts_of(trace, attention, head),
        height=430,
        note=t("positions.at_length_note", right=right, n=length, share=percent(antidiagonal(weights), 0)),
    )
