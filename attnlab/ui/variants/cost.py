"""What the variants cost: scores counted as curves over n, and times measured on this machine when somebody asks."""

from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.costs import MEASURED, Timing, cost, measure
from attnlab.core.trace import frozen
from attnlab.core.variants import VARIANTS, Options
from attnlab.figures.style import words_in
from attnlab.ui import choices
from attnlab.ui.ask import ask_number, ask_row
from attnlab.ui.language import language, t
from attnlab.ui.pictures import save_chart
from attnlab.ui.show import show
from attnlab.ui.turns import my_turn
from attnlab.ui.variants.maps import name_of

LENGTHS = (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
TIMED = (256, 512, 1024, 2048, 4096)
HEADS, D = 12, 64
KEPT = "variants timings"


def show_cost() -> None:
    """Curves that need no machine, then times that do."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        width = ask_number("cost_width", 1, 2048, 128, label=t("variants.option_width"), width=150)
        stride = ask_number("cost_stride", 1, 2048, 64, label=t("variants.option_stride"), width=150)
        n_global = ask_number("cost_global", 0, 64, 2, label=t("variants.option_n_global"), width=150)
        n_random = ask_number("cost_random", 0, 64, 8, label=t("variants.option_n_random"), width=150)
    options = Options(width=width, stride=stride, n_global=n_global, n_random=n_random)
    what = ask_row("count", {"operations": t("variants.operations"), "memory": t("variants.memory")}, label=t("variants.count"))
    show_counts(what, options)
    show_times(options)


def show_counts(what: str, options: Options) -> None:
    """Scores or memory against n, each variant a curve."""
    from attnlab.figures.curves import curves
    from attnlab.figures.picture import Series

    n = np.array(LENGTHS)
    series = [
        Series(name_of(VARIANTS[name]), frozen(n), frozen([getattr(cost(name, int(m), D, options), what) for m in n])) for name in MEASURED
    ]
    axes = t("variants.tokens"), t(f"variants.{what}")
    how: dict[str, Any] = {"title": t("variants.counted_alt"), "caption": t(f"variants.{what}_note", d=D), "words": words_in(language())}
    chart = curves(series, axes=axes, height=380, log=True, **how)
    chart.update_xaxes(tickvals=list(LENGTHS), ticktext=[f"{m:,}" for m in LENGTHS])
    show(chart, name="counted", alt=t("variants.counted_alt"))
    st.caption(t(f"variants.{what}_note", d=D))
    save_chart(chart, key="counted", name=f"attnlab-{what}", facts={"options": {"count": what, **vars(options)}})


def show_times(options: Options) -> None:
    """Measured when asked: progress while it runs, then times and how many times faster than full attention."""
    st.header(t("variants.timed"), anchor=False)
    st.markdown(t("variants.timed_what", heads=HEADS, d=D))
    if st.button(t("variants.measure"), type="primary"):
        bar, done, total = st.progress(0.0, t("variants.measuring", name="", n=0)), list[Timing](), len(MEASURED) * len(TIMED)
        with my_turn() as breathe:
            for timing in measure(MEASURED, TIMED, heads=HEADS, d=D, options=options):
                done.append(timing)
                bar.progress(len(done) / total, t("variants.measuring", name=name_of(VARIANTS[timing.name]), n=timing.n))
                breathe(len(done) / total)
        bar.empty()
        choices.keep(KEPT, (options, done))
    kept = choices.last(KEPT)
    if kept is None:
        return
    if kept[0] != options:
        st.caption(t("variants.measured_before"))
    table(kept[1])


def table(done: list[Timing]) -> None:
    names = [name for name in MEASURED if any(timing.name == name for timing in done)]
    found = {(timing.name, timing.n): timing for timing in done}
    rows = []
    for name in names:
        row: dict[str, object] = {t("variants.variant"): name_of(VARIANTS[name])}
        for n in TIMED:
            timing = found[name, n]
            row[f"n = {n:,}"] = f"{1000 * timing.seconds:,.1f} ms" + ("" if name == "full" else f"  ({timing.ratio:.1f}×)")
        rows.append(row)
    st.dataframe(rows, hide_index=True)
    st.caption(t("variants.ratio_note"))
