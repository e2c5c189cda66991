"""One head of one sublayer as the visitor asked to see it: which map, in words or pieces, which tokens, what it is called."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from attnlab import figures
from attnlab.core.trace import Array, Attention, Trace
from attnlab.core.views import RANGES, Between, Over, Seen, View, see, special_mass, strongest
from attnlab.figures.captions import trace_caption
from attnlab.figures.ramp import HEADS
from attnlab.ui.ask import ask_choice, ask_slider, ask_switch
from attnlab.ui.canvas import LONG
from attnlab.ui.language import isolate, percent, t
from attnlab.ui.save import facts_of, save_bar
from attnlab.ui.turns import Breathe

SLIGHT = 0.005  # of all attention: less is not spoken of
SAVED = 4096  # tokens a side: beyond this one head alone is 64 MiB, and nothing is saved from the page


def ask_view(attention: Attention, paired: bool) -> View:
    """Everything that not everybody needs, in one place."""
    overs: dict[Over, str] = {name: t(f"heads.over_{name}") for name in ("head", "mean", "max", "layers")}
    over = ask_choice("over", overs, label=t("heads.over"), help=t("heads.over_help"))
    words = ask_switch("words", t("heads.words"), help=t("heads.words_help")) if fits(attention) else False
    bare = ask_switch("bare", t("heads.bare"), help=t("heads.bare_help"))
    between: Between = "all"
    if paired:
        sides: dict[Between, str] = {name: t(f"heads.between_{name}") for name in ("all", "aa", "ab", "ba", "bb")}
        between = ask_choice("between", sides, label=t("heads.between"))
    renormalise = ask_switch("renormalise", t("heads.renormalise"), help=t("heads.renormalise_help")) if bare or between != "all" else False
    auto = ask_switch("auto", t("heads.auto"), help=t("heads.auto_help"))
    temperature = ask_slider(
        "temperature", *RANGES["temperature"], 1.0, label=t("heads.temperature"), step=0.1, help=t("heads.temperature_help")
    )
    threshold = (
        ask_slider("threshold", *RANGES["threshold"], 0.02, label=t("heads.threshold"), help=t("heads.threshold_help"))
        if fits(attention)
        else 0.0
    )
    return View(over, words, bare, renormalise, between, auto, temperature, threshold)


def fits(attention: Attention) -> bool:
    """Whether the map is small enough to be drawn cell by cell."""
    return max(len(attention.queries), len(attention.keys)) <= LONG


def title(trace: Trace, attention: Attention, head: int, view: View, lines: Sequence[int] | None = None) -> str:
    """What the map is, and what it is not: nothing but one head of the model itself goes without a name. lines: heads in one picture."""
    layers, stack = len(trace.layers(attention.stack)), t(f"ui.{attention.stack}")
    facts = {"layer": attention.layer, "head": head, "heads": attention.n_heads, "layers": layers, "stack": stack}
    if view.over == "head" and lines is not None and list(lines) != [head]:
        name = t("heads.title_heads", stack=stack, layer=attention.layer, heads=", ".join(map(str, lines)))
    else:
        name = t(f"heads.title_{view.over}", **facts)
    if view.temperature != 1.0:
        name += t("heads.title_temperature", temperature=view.temperature)
    if view.renormalise:
        name += t("heads.title_renormalised")
    return name


def link_sentence(seen: Seen) -> str:
    """The strongest link in words, between words where there are several, and what special tokens take."""
    words_q, words_k = (tuple(not special for special in side) for side in (seen.special_queries, seen.special_keys))
    cell = strongest(seen.weights, words_q, words_k)
    between = cell is not None and sum(words_k) > 1 and seen.weights[cell] >= SLIGHT
    cell = cell if between else strongest(seen.weights)
    if cell is None:
        return t("heads.nothing")
    facts = {"query": isolate(seen.queries[cell[0]]), "key": isolate(seen.keys[cell[1]]), "percent": percent(float(seen.weights[cell]))}
    said = t("heads.strongest_words" if between and not all((*words_q, *words_k)) else "heads.strongest", **facts)
    taken = special_mass(seen)
    names = ", ".join(dict.fromkeys(isolate(key) for key, special in zip(seen.keys, seen.special_keys, strict=True) if special))
    return said + (" " + t("heads.special", names=names, percent=percent(taken)) if taken >= SLIGHT else "")


def save_map(trace: Trace, attention: Attention, head: int, view: View, seen: Seen | None) -> None:
    """The heat map as files. seen: None for a long text, whose map is made when it is saved."""

    def draw(look: figures.Look, words: figures.Words) -> figures.picture.Picture:
        found = see(trace, attention, head, view) if seen is None else seen
        limit = (0.0, float(found.weights.max()) or 1.0) if view.auto else None
        about: dict[str, Any] = {"title": f"{trace.model} · {name}", "caption": trace_caption(trace)}
        return figures.heatmap(found.weights, found.queries, found.keys, limit=limit, look=look, words=words, **about)

    def pack(look: figures.Look, words: figures.Words, breathe: Breathe) -> bytes:  # every head of the layer as the model has it
        return figures.archive(trace, stack=attention.stack, layer=attention.layer, look=look, words=words, between=breathe)

    name, facts = title(trace, attention, head, view), facts_of(trace, attention, head, **changed(view))
    plain = view.over == "head" and not changed(view)
    how: dict[str, Any] = {"single": plain, "key": "map", "name": file_of(trace, attention, head, view), "facts": facts}
    if seen is None:
        save_bar(draw, formats=("png", "svg", "pdf", "npz"), made_from=badge(trace, attention), **how)
    else:
        save_bar(draw, pack=pack, packed=t("ui.export_zip"), made_from=badge(trace, attention), **how)


def save_lines(trace: Trace, attention: Attention, head: int, view: View, seen: Seen, on: Sequence[int]) -> None:
    """The lines as files, with the heads that are switched on in the colours of the screen."""
    apart = view.over == "head"  # each head in its own colour
    name, note = title(trace, attention, head, view, on), t("heads.lines_note", threshold=f"{view.threshold:g}")
    several = {"heads": ",".join(map(str, on))} if apart and list(on) != [head] else {}

    def draw(look: figures.Look, words: figures.Words) -> figures.picture.Picture:
        return figures.lines(
            all_heads(trace, attention, view, on) if apart else seen.weights,
            seen.queries,
            seen.keys,
            title=f"{trace.model} · {name}",
            caption=f"{note} {trace_caption(trace)}",
            threshold=view.threshold,
            names=[f"H{each}" for each in on] if apart else (),
            colours=[HEADS[each % len(HEADS)] for each in on] if apart else HEADS,
            high=float(seen.weights.max()) or 1.0 if view.auto else 1.0,
            look=look,
            words=words,
        )

    file, facts = file_of(trace, attention, "-".join(map(str, on)), view), facts_of(trace, attention, head, **changed(view), **several)
    save_bar(draw, key="lines", name=f"{file}-lines", facts=facts)


def changed(view: View) -> dict[str, Any]:
    """The choices of a view that are not the usual ones: what a record has to tell."""
    return {key: value for key, value in vars(view).items() if value != getattr(View(), key)}


def file_of(trace: Trace, attention: Attention, heads: object, view: View) -> str:
    """What a file of this view is called."""
    return f"{trace.model}-{attention.stack}-L{attention.layer}" + (f"H{heads}" if view.over == "head" else f"-{view.over}")


def all_heads(trace: Trace, attention: Attention, view: View, heads: Sequence[int]) -> Array:
    """The same view of several heads of one layer, for the lines. [h q k]"""
    return np.stack([see(trace, attention, head, view).weights for head in heads])


def badge(trace: Trace, attention: Attention) -> dict[str, object]:
    """What the picture is made from."""
    return {
        t("ui.model"): f"{trace.model} ({trace.revision})",
        t("heads.tokens"): f"{len(attention.queries)} × {len(attention.keys)}",
        t("heads.dtype"): trace.dtype if trace.dtype == "float32" else t("heads.worked_out", dtype=trace.dtype),
    }


def hidden_note(seen: Seen, view: View) -> str:
    """How much weight goes to tokens that are not shown, in a number; nothing when all are shown."""
    if not view.bare and view.between == "all":
        return ""
    return t("heads.hidden_renormalised" if view.renormalise else "heads.hidden", percent=percent(seen.hidden))
