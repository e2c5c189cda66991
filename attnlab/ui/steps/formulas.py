"""The formula of a step with the numbers of the chosen row and column put in, as LaTeX, and what the step is for, in words."""

import numpy as np

from attnlab.core.walk.apart import Apart
from attnlab.core.walk.spot import Spot, base
from attnlab.figures.walks import TABLES, Seen
from attnlab.ui.language import md_escape, percent, t

TERMS = 3  # of a long sum, these many are written out
LATEX = {
    "tokens": r"\mathrm{id}", "token": "E", "segment": "G", "content": "C", "position": "P", "embedding": "X_0", "embedding_norm": "N",
    "x": "X", "read": "N", "memory": "M", "stream": "M_0", "q_straight": "Q^0", "k_straight": "K^0", "q": "Q", "k": "K", "v": "V",
    "products": "R", "scaled": "R'", "capped": "R''", "bias": "B", "mask": "M", "scores": "S", "exponentials": r"\mathcal{E}",
    "sink": "s", "weights": "A", "z": "Z", "joined": r"\bar Z", "attended": "O", "sum": "Y", "after": "X^1", "ffn_read": "N^1",
    "crossed": "X^1", "wide": "H", "active": "H^+", "narrow": "F", "total": "Y'", "output": "X'",
}  # fmt: skip
RULES = {
    "project": r"{out} = {a}\,{w} + b",
    "products": r"{out} = Q K^{{\mathsf T}}",
    "multiply": r"{out} = {a} \,/\, \sqrt{{d}}",
    "cap": r"{out} = c\,\tanh({a}/c)",
    "exponentials": r"{{{out}}}_{{ij}} = e^{{\,{a}_{{ij}} - \max_k {a}_{{ik}}}}",
    "quotients": r"{out}_{{ij}} = {a}_{{ij}} \,/\, \textstyle\sum_k {a}_{{ik}}",
    "mix": r"{out} = A V",
    "norm": r"{out} = \frac{{{a} - \mu}}{{\sqrt{{\sigma^2 + \varepsilon}}}}\, g + b",
    "turn": r"{{{out}}}_{{2i,2i+1}} = \mathrm{{Rot}}(p\,\theta_i)\, {{{a}}}_{{2i,2i+1}}",
    "join": r"{out} = [\,Z^{{(0)}} \mid Z^{{(1)}} \mid \cdots\,]",
    "same": r"{out} = {a}",
    "look_up": r"{out}_i = \mathrm{{table}}[\,r_i\,]",
    "alibi": r"{out}_{{ij}} = -m\,|i - j|",
    "relative": r"{out}_{{ij}} = \mathrm{{table}}[\,\mathrm{{bucket}}(j - i)\,]",
    "mask": r"{out}_{{ij}} \in \{{0, -\infty\}}",
    "tokens": r"\text{{token}} \mapsto \mathrm{{id}}",
    "given": r"{out}",
    "sinks": r"{out}",
}


def number(x: float, digits: int) -> str:
    """A number as the page writes it, in LaTeX."""
    if not np.isfinite(x):
        return r"-\infty" if x < 0 else r"\infty"
    if digits:
        text = f"{x:.{digits}f}"
        return text.replace("-", "") if float(text) == 0 else text
    mantissa, power = f"{x:.3e}".split("e")
    return rf"{mantissa}\!\cdot\!10^{{{int(power)}}}"


def formula(seen: Seen, name: str) -> str:
    """Two lines or three: the rule, then the same with the chosen cell's numbers."""
    spot, apart = seen.walk.spots[name], seen.apart(name)
    row, column = seen.cell(name)
    out = LATEX[base(name)]
    lines = [_rule(spot, out)]
    lines += _numbers(apart, rf"{{{out}}}_{{{row},{column}}}", seen.place.digits)
    return r"\begin{aligned}" + r"\\".join("&" + line for line in lines) + r"\end{aligned}"


def _rule(spot: Spot, out: str) -> str:
    """The operation on whole matrices."""
    inputs = [LATEX[base(name)] for name in spot.inputs]
    if spot.kind == "add":
        return f"{out} = " + " + ".join(inputs)
    if spot.kind == "activate":
        return rf"{out} = \mathrm{{{spot.facts['kind'].replace('_', ' ')}}}({inputs[0]})"
    letter, _, low = TABLES.get(base(spot.name), "W").partition("_")
    return RULES[spot.kind].format(out=out, a=inputs[0] if inputs else "", w=f"{letter}_{low}" if low else letter)


def _numbers(apart: Apart, cell: str, digits: int) -> list[str]:
    """The chosen cell, with numbers."""
    f = apart.facts

    def n(x: float) -> str:
        return number(x, digits)

    def signed(x: float) -> str:
        return n(x) if n(x)[0] != "-" else f"({n(x)})"

    value = rf"\mathbf{{{n(apart.value)}}}"
    if apart.kind == "norm":
        return [
            rf"{cell} = \frac{{{n(f['x'])} - {signed(f['mean'])}}}{{{n(f['spread'])}}}",
            rf"\;\; \cdot\, {signed(f['gain'])} + {signed(f['shift'])} = {value}",
        ]
    if apart.kind == "softmax":
        return [rf"{cell} = \frac{{{n(f['own'])}}}{{{n(f['sum'])}}} = {value}"]
    if apart.kind == "exponentials":
        heat = "" if f["temperature"] == 1 else f" / {f['temperature']:g}"
        return [rf"{cell} = e^{{\,({n(f['score'])} - {signed(f['top'])}){heat}}} = {value}"]
    if apart.kind == "tokens":
        return [rf"{cell} = {apart.value:.0f}"]
    if apart.kind in ("look_up", "mask", "given", "relative", "sinks") or (len(apart.left) == 1 and apart.right[0] == 1):
        return [f"{cell} = {value}"]
    if apart.kind == "add":
        return [f"{cell} = " + " + ".join(signed(x) for x in apart.left), f"= {value}"]
    bias = apart.names.get(-1) == "b"
    strength = np.abs(apart.product[:-1] if bias else apart.product)
    order = np.argsort(-strength, kind="stable")[:TERMS]
    long = len(strength) > TERMS
    terms = [rf"{signed(apart.left[i])}\!\cdot\!{signed(apart.right[i])}" for i in order]
    rest = [r"\cdots"] * long + ([signed(float(apart.right[-1]))] if bias else [])
    lines = [f"{cell} = {terms[0]}"] + ([r"\;\; + " + " + ".join(terms[1:])] if terms[1:] else [])
    return [*lines, r"\;\; + " + " + ".join(rest) + f" = {value}" if rest else f"= {value}"]


def explanation(seen: Seen, name: str) -> str:
    """Two sentences: what happens here, and why."""
    spot, part = seen.walk.spots[name], base(name)
    attention, place = seen.attention, seen.place
    row, column = seen.cell(name)
    side = attention.keys if spot.rows == "key" else attention.queries
    facts = {
        "query": _token(attention.queries.pieces[place.query]),
        "key": _token(attention.keys.pieces[place.key]),
        "row": _token(side.pieces[row]),
        "column": column,
        "head": seen.head,
        "n_heads": attention.n_heads,
        "layer": attention.layer,
        "d_head": attention.d_head,
        "n": len(attention.queries),
        "keys": len(attention.keys),
        "width": seen.walk.values(name).shape[1],
        "percent": percent(float(seen.walk.values(f"{attention.stack}.weights.{seen.head}")[place.query, place.key])),
        "factor": f"{attention.scale:.4g}",
    }
    return t(f"steps.say_{_which(seen, spot, part)}", **facts)


def _which(seen: Seen, spot: Spot, part: str) -> str:
    """Which explanation: most parts have one; some depend on how the number is made."""
    if part in ("q", "k", "v") and seen.attention.stack == "cross":
        return f"cross_{part}"
    if part in ("q", "k") and spot.kind == "turn":
        return "turn"
    if part == "embedding" and spot.kind == "same":
        kinds = {one.kind for one in seen.walk.spots.values()}
        return "place_later" if kinds & {"turn", "alibi", "relative"} else "no_place"
    if part == "x":
        return (
            {"norm": "x_norm", "given": "x_given", "project": "x_project", "same": "x_same"}[spot.kind]
            if not spot.name.startswith("cross")
            else "cross_x"
        )
    if part == "mask":
        return "mask_some" if spot.facts["hidden"].any() else "mask_none"
    if part == "bias":
        return f"bias_{spot.kind}"
    if part in ("after", "output", "memory"):
        return f"{part}_{spot.kind}"
    if part == "scaled" and seen.attention.scale == 1:
        return "scaled_none"
    return {"q_straight": "q", "k_straight": "k"}.get(part, part)


def _token(text: str) -> str:
    return f"**{md_escape(text.strip() or '␣')}**"
