"""What each of the six encodings shows: widgets for what can be chosen, and the numbers, formula and similarity of that choice."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast, get_args

import numpy as np

from attnlab.core import positions as pos
from attnlab.core.trace import Array, Stack, frozen
from attnlab.models.load import known
from attnlab.models.spec import Model
from attnlab.models.weights import position_table, relative_table, rotary_base
from attnlab.ui import choices, link
from attnlab.ui.ask import ask_choice, ask_number, ask_row, ask_step, ask_whole
from attnlab.ui.language import t
from attnlab.ui.positions.charts import short
from attnlab.ui.traces import get_model
from attnlab.words import InputError

BASES = (10, 100, 1000, 10_000, 100_000, 1_000_000)
FREE = "free"
HEADS = 8
D_MODEL = 64
D_HEAD = 32
OUTLIERS = 4  # so many times larger than 99 of 100 numbers


@dataclass(frozen=True)
class View:
    """What one encoding shows. table: its own numbers, similarity: [n n], how alike two positions are, at most 1.

    along: what the rows count, 0, 1, 2 ... when None. bias: a second matrix of positions by positions.
    formula: the LaTeX of one cell of the table. limit: both ends of the table's colours, where they are known. note: said under the table.
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
    note: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def none(n: int, places: Sequence[Any]) -> View:
    def formula(p: int, c: int) -> str:
        return r"x_p = e(\text{word}_p)"

    zeros, ones, said = frozen(np.zeros((n, 8))), frozen(np.ones((n, n))), t("positions.said_none")
    return View(zeros, numbers(n), numbers(8), dimensions(), t("positions.value"), ones, formula, said, limit=1.0)


def sinusoidal(n: int, places: Sequence[Any]) -> View:
    with places[0]:
        d = ask_whole("d", 8, 256, D_MODEL, label=t("positions.d_model"), step=8)
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
    value, said, facts = t("positions.value"), t("positions.said_sinusoidal"), {"d_model": d, "base": base}
    return View(table, numbers(n), columns, dimensions(), value, pos.cosine(table), formula, said, limit=1.0, facts=facts)


def learned(n: int, places: Sequence[Any]) -> View:
    with places[0]:
        name = ask_source("learned")
    model = get_model(name)
    n = most_places(model, n)
    table = position_table(model, stack_of(model), n)

    def formula(p: int, c: int) -> str:
        return rf"\begin{{aligned}}x_p &= e(\text{{word}}_p) + P_p\\P_{{{p},{c}}} &= {table[p, c]:.4f}\end{{aligned}}"

    d, (limit, note) = table.shape[1], without_outliers(table)
    value, said, facts = t("positions.value"), t("positions.said_learned", name=name, n=model.spec.max_tokens, d=d), {"table": name}
    return View(table, numbers(n), numbers(d), dimensions(), value, pos.cosine(table), formula, said, limit=limit, note=note, facts=facts)


def without_outliers(table: Array) -> tuple[float | None, str]:
    """The end of a scale on which a few far larger numbers do not make all others pale, and a sentence that says how many they are."""
    size = np.abs(table)
    limit, most = float(np.quantile(size, 0.99)), float(size.max())
    if most < OUTLIERS * limit:
        return None, ""
    return limit, t("positions.beyond", n=int((size > limit).sum()), all=f"{size.size:,}", limit=f"{limit:.3g}", most=f"{most:.3g}")


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

    axes, angle, said = (t("positions.position"), t("positions.pair")), t("positions.angle"), t("positions.said_rotary")
    similarity, facts = pos.rotary_similarity(pos.gaps(n), d, base), {"d_head": d, "base": base}
    return View(wrapped, numbers(n), columns, axes, angle, similarity, formula, said, limit=math.pi, facts=facts)


def alibi(n: int, places: Sequence[Any]) -> View:
    with places[0]:
        h = ask_number("slopes", 1, 16, HEADS, label=t("positions.n_heads"))
    with places[1]:
        head = ask_number("bias_head", 0, h - 1, 0, label=t("ui.head"))
    source = ask_slopes(h)
    slopes, bias = pos.alibi_slopes(h, source), pos.alibi(n, h, source)

    def formula(gap: int, head: int) -> str:
        m = slopes[head]
        return (
            rf"\begin{{aligned}}b_{{ij}} &= -m_h\,|i-j|, \quad m_{{{head}}} = 2^{{-{-math.log2(m):.4g}}} = {m:.4g}\\"
            rf"b &= -{m:.4g} \cdot {gap} = {-m * gap:.4g}\\e^{{b}} &= {math.exp(-m * gap):.4g}\end{{aligned}}"
        )

    columns, axes = [f"H{i} m {m:.3g}" for i, m in enumerate(slopes)], (t("positions.distance"), t("ui.head"))
    table, similarity, said = bias[:, 0, :].T, pos.factor(bias[head], frozen(0.0)), t("positions.said_alibi")
    facts = {"heads": h, "head": head, "slopes": source}
    return View(table, numbers(n), columns, axes, t("positions.bias"), similarity, formula, said, bias=bias[head], facts=facts)


def ask_slopes(n_heads: int) -> pos.Slopes:
    """Where the slopes come from; paper and released code agree for a power of two, and then nothing is asked."""
    if n_heads & (n_heads - 1) == 0:
        return "paper"
    possible = {name: t(f"positions.slopes_{name}") for name in get_args(pos.Slopes)}
    return cast(pos.Slopes, ask_row("slopes_of", possible, label=t("positions.slopes_of")))


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
    last = pos.shares_last_bucket(bidirectional=both, buckets=len(table), furthest=furthest)

    def formula(i: int, h: int) -> str:
        return (
            rf"\begin{{aligned}}b_{{ij}} &= B_{{\text{{bucket}}(j-i),\,h}}\\\text{{bucket}}({gap[i]}) &= {bucket[i]}\\"
            rf"B_{{{bucket[i]},\,{h}}} &= {by_gap[h, i]:.4f}\end{{aligned}}"
        )

    bias = pos.relative(table, pos.gaps(n), bidirectional=both, furthest=furthest)[head]
    rows, columns = [f"{g:+d} → {b}" for g, b in zip(gap, bucket, strict=True)], [f"H{h}" for h in range(table.shape[1])]
    axes, facts = (t("positions.gap_bucket"), t("ui.head")), {"table": name, "head": head}
    similarity, said = relative_factor(model, head, n), t("positions.said_relative", name=name, buckets=len(table), furthest=last)
    return View(by_gap.T, rows, columns, axes, t("positions.bias"), similarity, formula, said, bias=bias, along=gap.tolist(), facts=facts)


VIEWS: dict[str, Callable[[int, Sequence[Any]], View]] = {
    "none": none,
    "sinusoidal": sinusoidal,
    "learned": learned,
    "rotary": rotary,
    "alibi": alibi,
    "relative": relative,
}


def numbers(n: int) -> list[str]:
    return [str(i) for i in range(n)]


def dimensions() -> tuple[str, str]:
    """The axes of a table of position vectors."""
    return t("positions.position"), t("positions.dimension")


def usual(kind: str, n: int) -> tuple[str, Array] | None:
    """An encoding at the values it has before anybody changes them: what it is called, similarity [n n]. None without a model for it."""
    names = tables(kind) if kind in ("learned", "relative") else [""]
    if not names:
        return None
    if kind == "learned":
        model = get_model(names[0])
        return curve_name(kind, {"table": names[0]}), pos.cosine(position_table(model, stack_of(model), most_places(model, n)))
    if kind == "relative":
        return curve_name(kind, {"table": names[0], "head": 0}), relative_factor(get_model(names[0]), 0, n)
    if kind == "alibi":
        return curve_name(kind, {"head": 0}), pos.factor(pos.alibi(n, HEADS)[0], frozen(0.0))
    if kind == "rotary":
        return curve_name(kind, {}), pos.rotary_similarity(pos.gaps(n), D_HEAD)
    return curve_name(kind, {}), pos.cosine(pos.sinusoid(n, D_MODEL)) if kind == "sinusoidal" else frozen(np.ones((n, n)))


def curve_name(kind: str, facts: Mapping[str, Any]) -> str:
    """The name of a curve: the encoding, whose numbers they are, and which head."""
    head = f"H{facts['head']}" if "head" in facts else ""
    inside = " ".join(part for part in (facts.get("table", ""), head) if part)
    return f"{t(f'positions.{kind}')} ({inside})" if inside else t(f"positions.{kind}")


def relative_factor(model: Model, head: int, n: int) -> Array:
    """What a learned bias multiplies weights with, compared with the distance that gains most. [n n]"""
    table, furthest = relative_table(model, stack_of(model))
    bias = pos.relative(table, pos.gaps(n), bidirectional=stack_of(model) == "encoder", furthest=furthest)[head]
    return pos.factor(bias, frozen(bias.max()))


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
    asked = choices.last("model", link.given("model"))
    if asked and asked not in {spec.name for spec in known()} and get_model(str(asked)).spec.positions == kind:
        names.append(str(asked))
    return names


def stack_of(model: Model) -> Stack:
    return next(iter(model.spec.stacks))


def most_places(model: Model, n: int) -> int:
    """No more positions than the model has."""
    return min(n, model.spec.max_tokens or n)
