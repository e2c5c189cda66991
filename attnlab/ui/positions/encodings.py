"""Part 1: the six encodings themselves, each as numbers, as a formula with one cell's numbers, and as a similarity."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from attnlab.core import positions as pos
from attnlab.core.trace import Array, Stack, frozen
from attnlab.core.words import InputError
from attnlab.models.load import known
from attnlab.models.score_parts import position_table, relative_table, rotary_base
from attnlab.models.spec import Model
from attnlab.ui.ask import ask_choice, ask_number
from attnlab.ui.positions.charts import chart, short
from attnlab.ui.positions.clocks import clocks
from attnlab.ui.positions.curves import curve, line
from attnlab.ui.rows import ask_row, ask_step, ask_whole
from attnlab.ui.traces import get_model
from attnlab.ui.words import t

if TYPE_CHECKING:
    from attnlab.figures.picture import Series

BASES = (10, 100, 1000, 10_000, 100_000, 1_000_000)
FREE = "free"
HEADS = 8
D_HEAD = 32


@dataclass(frozen=True)
class View:
    """What one encoding shows. table: its own numbers, similarity: [n n], how alike two positions are, 1 for the same.

    along: what the rows count, 0, 1, 2 ... when None. bias: a second matrix of positions by positions.
    formula: the LaTeX of one cell of the table. limit: both ends of the table's colours, where they are known.
    """

    table: Array
    rows: Sequence[str]
    columns: Sequence[str]
    axes: tuple[str, str]
    name: str
    similarity: Array
    formula: Callable[[int, int], str]
    said: str
    bias: Array | None = None
    along: Sequence[int] | None = None
    limit: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def encodings() -> None:
    """Choose one; its numbers, its formula, its similarity; then all of them in one picture."""
    kind = ask_row(
        "encoding", {kind: t(f"positions.{kind}") for kind in pos.ENCODINGS}, label=t("positions.encoding"), default="sinusoidal"
    )
    st.markdown(t(f"positions.what_{kind}"))
    places = st.columns(4, vertical_alignment="bottom")
    with places[0]:
        n = ask_whole("places", 8, 128, 48, label=t("positions.how_many"))
    view = VIEWS[kind](n, places[1:])
    left, right = st.columns([3, 2])
    with left:
        cell = own_numbers(kind, view)
    with right:
        explain(kind, view, cell)
        if kind == "rotary":
            clocks(n, 2 * view.table.shape[1], view.facts["base"])
        elif kind != "none":
            profile(kind, view, cell)
    left, right = st.columns(2)
    with left:
        square(kind, view)
    with right:
        from_here(kind, view, n)
    st.subheader(t("positions.overlay"))
    overlay(kind, view, n)


def own_numbers(kind: str, view: View) -> tuple[int, int]:
    """The table itself. Returns the cell whose formula is shown."""
    first = min(3, len(view.rows) - 1), min(4, len(view.columns) - 1)
    cell = chart(
        view.table,
        view.rows,
        view.columns,
        key=f"table-{kind}",
        title=t(f"positions.table_{kind}"),
        name=view.name,
        axes=view.axes,
        signed=True,
        low=None if view.limit is None else -view.limit,
        high=view.limit,
        pinned=first,
        facts={"options": {"encoding": kind, **view.facts}},
        height=430,
        square=False,
    )
    return cell or first


def explain(kind: str, view: View, cell: tuple[int, int]) -> None:
    """The formula with the numbers of the pinned cell."""
    st.markdown(f"**{t('positions.formula')}**")
    st.latex(view.formula(*cell))
    st.caption(view.said)
    if kind == "sinusoidal":
        wave = pos.wavelength(cell[1], len(view.columns), view.facts["base"])
        st.caption(t("positions.wave", column=cell[1], wave=f"{wave:,.1f}"))


def profile(kind: str, view: View, cell: tuple[int, int]) -> None:
    """The pinned column from top to bottom: a wave, a learned line, a slope; the column beside it for comparison."""
    pair = sorted({cell[1], min(cell[1] ^ 1, len(view.columns) - 1)})
    curve(
        [line(view.columns[c], view.along or range(len(view.rows)), view.table[:, c], texts=view.rows) for c in pair],
        key=f"profile-{kind}",
        title=t("positions.profile", column=view.columns[cell[1]]),
        axes=(view.axes[0], view.name),
        facts={"options": {"encoding": kind, "column": cell[1], **view.facts}},
        height=260,
    )


def square(kind: str, view: View) -> None:
    """Positions by positions: the bias where there is one, else the similarity."""
    n = len(view.similarity)
    numbers = [str(i) for i in range(n)]
    biased = view.bias is not None
    chart(
        view.similarity if view.bias is None else view.bias,
        numbers,
        numbers,
        key=f"square-{kind}",
        title=t("positions.bias_title" if biased else "positions.similarity_title", name=t(f"positions.{kind}"), **view.facts),
        name=t("positions.bias" if biased else "positions.similarity"),
        axes=(t("positions.position"), t("positions.position")),
        signed=True,
        low=None if biased else -1,
        high=None if biased else 1,
        facts={"options": {"encoding": kind, **view.facts}},
        height=400,
    )


def from_here(kind: str, view: View, n: int) -> None:
    """How alike one position is to every other one."""
    here = ask_whole("from", 0, n - 1, n // 3, label=t("positions.from"))
    row = view.similarity[here]
    curve(
        [line(t("positions.like", p=here), list(range(n)), row)],
        key=f"row-{kind}",
        title=t("positions.row_title", p=here),
        axes=(t("positions.position"), t("positions.similarity")),
        facts={"options": {"encoding": kind, "position": here, **view.facts}},
        height=330,
        markers=False,
    )


def overlay(kind: str, view: View, n: int) -> None:
    """Every encoding's similarity against distance in one picture."""
    gap, bands = np.arange(n), []
    for other in pos.ENCODINGS:
        name = t(f"positions.{other}")
        if other == kind:
            bands.append(band(f"{name} ◀", view.similarity))
        elif other == "none":
            bands.append(line(name, gap, np.ones(n)))
        elif other == "sinusoidal":
            bands.append(line(name, gap, pos.cosine(pos.sinusoid(n, 64))[0]))
        elif other == "rotary":
            bands.append(line(name, gap, pos.rotary_similarity(gap, D_HEAD)))
        elif other == "alibi":
            bands.append(line(f"{name} H{HEADS // 2}", gap, pos.factor(pos.alibi(n, HEADS)[HEADS // 2, 0], frozen(0.0))))
        elif other == "learned" and (names := tables("learned")):
            model = get_model(names[0])
            bands.append(band(f"{name} ({names[0]})", pos.cosine(position_table(model, stack_of(model), limited(model, n)))))
        elif other == "relative" and (names := tables("relative")):
            bands.append(band(f"{name} ({names[0]} H0)", relative_factor(get_model(names[0]), 0, n)))
    curve(
        bands,
        key="overlay",
        title=t("positions.overlay_title"),
        axes=(t("positions.distance"), t("positions.similarity")),
        facts={"options": {"marked": kind, **view.facts}},
        height=380,
        markers=False,
    )
    st.caption(t("positions.overlay_note"))


def band(name: str, similarity: Array) -> "Series":
    """A matrix of similarities against distance: the mean, and from the lowest to the highest."""
    seen = pos.by_distance(similarity)
    return line(name, np.arange(len(seen.mean)), seen.mean, seen.low, seen.high)


# One function per encoding: widgets for what can be chosen, then the view


def none(n: int, places: Sequence[Any]) -> View:
    numbers = [str(i) for i in range(n)]
    axes = (t("positions.position"), t("positions.dimension"))
    zeros, ones = frozen(np.zeros((n, 8))), frozen(np.ones((n, n)))
    return View(
        zeros,
        numbers,
        numbers[:8],
        axes,
        t("positions.value"),
        ones,
        lambda p, c: r"x_p = e(\text{word}_p)",
        t("positions.said_none"),
        limit=1.0,
    )


def sinusoidal(n: int, places: Sequence[Any]) -> View:
    with places[0]:
        d = ask_whole("d", 8, 256, 64, label=t("positions.d_model"), step=8)
    with places[1]:
        base = ask_base()
    kinds = ("sin", "cos")
    columns = [f"{c} {kinds[c % 2]} λ {short(pos.wavelength(c, d, base))}" for c in range(d)]

    def formula(p: int, c: int) -> str:
        angle, value = p * pos.frequencies(d, base)[c // 2], pos.sinusoid(n, d, base)[p, c]
        which = "2i" if c % 2 == 0 else "2i+1"
        return (
            rf"\begin{{aligned}}PE(p, {which}) &= \{kinds[c % 2]}\!\left(p / {base}^{{2i/d}}\right)\\"
            rf"PE({p}, {c}) &= \{kinds[c % 2]}\!\left({p} / {base}^{{{c // 2 * 2}/{d}}}\right)\\"
            rf"&= \{kinds[c % 2]}({angle:.4f}) = {value:.4f}\end{{aligned}}"
        )

    table = pos.sinusoid(n, d, base)
    axes = (t("positions.position"), t("positions.dimension"))
    facts = {"d_model": d, "base": base}
    numbers = [str(i) for i in range(n)]
    return View(
        table,
        numbers,
        columns,
        axes,
        t("positions.value"),
        pos.cosine(table),
        formula,
        t("positions.said_sinusoidal"),
        limit=1.0,
        facts=facts,
    )


def learned(n: int, places: Sequence[Any]) -> View:
    with places[0]:
        name = ask_source("learned")
    model = get_model(name)
    n = limited(model, n)
    table = position_table(model, stack_of(model), n)

    def formula(p: int, c: int) -> str:
        return rf"\begin{{aligned}}x_p &= e(\text{{word}}_p) + P_p\\P_{{{p},{c}}} &= {table[p, c]:.4f}\end{{aligned}}"

    axes = (t("positions.position"), t("positions.dimension"))
    numbers, columns = [str(i) for i in range(n)], [str(i) for i in range(table.shape[1])]
    said = t("positions.said_learned", name=name, n=model.spec.max_tokens, d=table.shape[1])
    return View(table, numbers, columns, axes, t("positions.value"), pos.cosine(table), formula, said, facts={"table": name})


def rotary(n: int, places: Sequence[Any]) -> View:
    with places[0]:
        name = ask_source("rotary", free=True)
    if name == FREE:
        with places[1]:
            d = ask_whole("dh", 4, 128, D_HEAD, label=t("positions.d_head"), step=4)
        with places[2]:
            base = ask_base()
    else:
        d, base = get_model(name).spec.d_head, int(rotary_base(get_model(name)))
    turned = pos.angles(n, d, base)
    wrapped = frozen((turned + math.pi) % (2 * math.pi) - math.pi)
    columns = [f"{i} λ {short(pos.wavelength(2 * i, d, base))}" for i in range(d // 2)]

    def formula(p: int, i: int) -> str:
        theta = pos.frequencies(d, base)[i]
        return (
            rf"\begin{{aligned}}\theta_i &= {base}^{{-2i/d}} = {base}^{{-{2 * i}/{d}}} = {theta:.5g}\\"
            rf"{p}\,\theta_{{{i}}} &= {p * theta:.4f}\ \text{{rad}} = {math.degrees(p * theta) % 360:.1f}^\circ\\"
            rf"q_p \cdot k_j &= q^\top R_{{(j-p)\theta}}\, k\end{{aligned}}"
        )

    gap = pos.gaps(n)
    axes = (t("positions.position"), t("positions.pair"))
    return View(
        wrapped,
        [str(i) for i in range(n)],
        columns,
        axes,
        t("positions.angle"),
        pos.rotary_similarity(gap, d, base),
        formula,
        t("positions.said_rotary"),
        limit=math.pi,
        facts={"d_head": d, "base": base},
    )


def alibi(n: int, places: Sequence[Any]) -> View:
    with places[0]:
        h = ask_number("slopes", 1, 16, HEADS, label=t("positions.n_heads"))
    with places[1]:
        head = ask_number("bias_head", 0, h - 1, 0, label=t("ui.head"))
    slopes = pos.alibi_slopes(h)
    bias = pos.alibi(n, h)

    def formula(gap: int, head: int) -> str:
        m = slopes[head]
        return (
            rf"\begin{{aligned}}b_{{ij}} &= -m_h\,|i-j|, \quad m_{{{head}}} = 2^{{-8\cdot{head + 1}/{h}}} = {m:.4g}\\"
            rf"b &= -{m:.4g} \cdot {gap} = {-m * gap:.4g}\\e^{{b}} &= {math.exp(-m * gap):.4g}\end{{aligned}}"
        )

    axes = (t("positions.distance"), t("ui.head"))
    columns = [f"H{i} m {m:.3g}" for i, m in enumerate(slopes)]
    rows, facts = [str(i) for i in range(n)], {"heads": h, "head": head}
    similarity = pos.factor(bias[head], frozen(0.0))
    said = t("positions.said_alibi")
    return View(bias[:, 0, :].T, rows, columns, axes, t("positions.bias"), similarity, formula, said, bias=bias[head], facts=facts)


def relative(n: int, places: Sequence[Any]) -> View:
    with places[0]:
        name = ask_source("relative")
    model = get_model(name)
    table, furthest = relative_table(model, stack_of(model))
    with places[1]:
        head = ask_number("bias_head", 0, table.shape[1] - 1, 0, label=t("ui.head"))
    both = stack_of(model) == "encoder"
    gap = np.arange(1 - n, n if both else 1)
    bucket = pos.relative_bucket(gap, bidirectional=both, buckets=len(table), furthest=furthest)
    by_gap = pos.relative(table, gap, bidirectional=both, furthest=furthest)  # [h gaps]

    def formula(i: int, h: int) -> str:
        return (
            rf"\begin{{aligned}}b_{{ij}} &= B_{{\text{{bucket}}(j-i),\,h}}\\\text{{bucket}}({gap[i]}) &= {bucket[i]}\\"
            rf"B_{{{bucket[i]},\,{h}}} &= {by_gap[h, i]:.4f}\end{{aligned}}"
        )

    bias = pos.relative(table, pos.gaps(n), bidirectional=both, furthest=furthest)[head]
    rows, columns = [f"{g:+d} → {b}" for g, b in zip(gap, bucket, strict=True)], [f"H{h}" for h in range(table.shape[1])]
    axes, facts = (t("positions.gap_bucket"), t("ui.head")), {"table": name, "head": head}
    similarity, said = relative_factor(model, head, n), t("positions.said_relative", name=name, buckets=len(table), furthest=furthest)
    return View(by_gap.T, rows, columns, axes, t("positions.bias"), similarity, formula, said, bias=bias, along=gap.tolist(), facts=facts)


VIEWS: dict[str, Callable[[int, Sequence[Any]], View]] = {
    "none": none,
    "sinusoidal": sinusoidal,
    "learned": learned,
    "rotary": rotary,
    "alibi": alibi,
    "relative": relative,
}


def relative_factor(model: Model, head: int, n: int) -> Array:
    """What a learned bias multiplies weights with, compared with distance 0. [n n]"""
    table, furthest = relative_table(model, stack_of(model))
    bias = pos.relative(table, pos.gaps(n), bidirectional=stack_of(model) == "encoder", furthest=furthest)[head]
    return pos.factor(bias, frozen(bias[0, 0]))


def ask_base() -> int:
    """The base of the wavelengths."""
    return ask_step("base", BASES, 10_000, label=t("positions.base"))


def ask_source(kind: str, *, free: bool = False) -> str:
    """The model whose own numbers are shown. Raises InputError when there is none."""
    names = tables(kind)
    if not names and not free:
        raise InputError("error.no_such_positions", positions=kind)
    options = {FREE: t("positions.free")} if free else {}
    return ask_choice(f"{kind}_of", options | {name: name for name in names}, label=t("positions.whose"))


def tables(kind: str) -> list[str]:
    """Models with such positions: those that came with attnlab, and the one chosen on another page."""
    names = [spec.name for spec in known() if spec.positions == kind and spec.records]
    asked = st.session_state.get("model", st.query_params.get("model"))
    if asked and asked not in {spec.name for spec in known()} and get_model(str(asked)).spec.positions == kind:
        names.append(str(asked))
    return names


def stack_of(model: Model) -> Stack:
    return next(iter(model.spec.stacks))


def limited(model: Model, n: int) -> int:
    """No more positions than the model has."""
    return min(n, model.spec.max_tokens or n)
