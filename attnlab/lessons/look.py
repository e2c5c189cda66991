"""What a view shows: the map of the head that its link names, made anew by the model."""

from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Any

from attnlab.core.trace import STACKS, Array, Attention, Trace
from attnlab.core.views import by_words, part, sheet, word_groups, word_names
from attnlab.lessons.lesson import View
from attnlab.models.first_look import DEFAULT_MODEL, DEFAULT_TEXT, first_look, linked_look
from attnlab.models.load import load
from attnlab.models.spec import ENDING
from attnlab.words import InputError

LARGEST = 64  # tokens a side: what a class can read on a phone
OTHER_TEXT = "The cat sat on the mat because it was soft."
LINKED = ("heads", "steps")  # pages whose addresses are older than our first look
OVERS = ("head", "mean", "max", "layers")


@dataclass(frozen=True, eq=False)
class Seen:
    """One map with the names of its rows and columns. special: which columns are special tokens."""

    trace: Trace
    attention: Attention
    head: int
    weights: Array
    queries: tuple[str, ...]
    keys: tuple[str, ...]
    special: tuple[bool, ...]
    title: str
    words: bool


def see(view: View) -> Seen:
    """The map of a view. Raises InputError for a model, layer or head that is not there, and for a text that is too long."""
    asked = view.query
    trace = trace_of(view)
    stack: Any = asked.get("stack", trace.stacks[0])
    if stack not in STACKS or stack not in trace.stacks:
        raise InputError("error.stack", model=trace.model, given=stack, known=", ".join(trace.stacks))
    start = (linked_look if view.page in LINKED and asked.keys() - {"model"} else first_look)(trace.model, stack)
    layer = whole(asked, "layer", start[0])
    if not 0 <= layer < len(trace.layers(stack)):
        raise InputError("error.layer", model=trace.model, stack=stack, given=layer, last=len(trace.layers(stack)) - 1)
    attention = trace.at(stack, layer)
    head = whole(asked, "head", min(start[1], attention.n_heads - 1))
    if not 0 <= head < attention.n_heads:
        raise InputError("error.head", model=trace.model, stack=stack, given=head, last=attention.n_heads - 1)
    if max(len(attention.queries), len(attention.keys)) > LARGEST:
        raise InputError("lesson.long_text", given=max(len(attention.queries), len(attention.keys)), limit=LARGEST)
    return mapped(view, trace, attention, head)


def mapped(view: View, trace: Trace, attention: Attention, head: int) -> Seen:
    """The map as the Heads page shows it: pieces or words, special tokens or none, a temperature."""
    asked = view.query
    over: Any = asked.get("over") if asked.get("over") in OVERS else "head"
    weights = sheet(trace, attention, head, over=over, temperature=real(asked, "temperature", 1.0))
    sides, words = (attention.queries, attention.keys), asked.get("words") == "true"
    names, special = [side.pieces for side in sides], [side.special for side in sides]
    if words:
        groups = [word_groups(side) for side in sides]
        weights = by_words(weights, *groups)
        source, target = (trace.text, trace.pair), (trace.target_text,)
        written = [target if trace.target is not None and side is trace.target else source for side in sides]
        names = [word_names(side, group, text) for side, group, text in zip(sides, groups, written, strict=True)]
        special = [tuple(flags[group[0]] for group in own) for flags, own in zip(special, groups, strict=True)]
    bare = asked.get("bare") == "true"
    shown = part(
        weights,
        *([not (bare and flag) for flag in flags] for flags in special),
        renormalise=asked.get("renormalise") == "true",
    )
    place = f"{attention.stack} L{attention.layer}" + (f"H{head}" if over == "head" else f" {over}")
    return Seen(
        trace,
        attention,
        head,
        shown.weights,
        tuple(names[0][i] for i in shown.rows),
        tuple(names[1][i] for i in shown.columns),
        tuple(special[1][i] for i in shown.columns),
        f"{trace.model} · {place}",
        words,
    )


def trace_of(view: View) -> Trace:
    """The forward pass of a view. positions=none in a question takes a model's position vectors out."""
    asked = view.query
    model = (asked.get("model") or DEFAULT_MODEL).strip()
    positions = "none" if asked.get("positions") == "none" else None
    target = asked.get("target") or None
    if model.endswith(ENDING) and target is None and "cross" in load(model).spec.stacks:
        target = trace_of(View(view.page, {**asked, "model": model.removesuffix(ENDING)}, "", 0)).target_text
    text = next((asked[name] for name in ("text", "letters", "review") if asked.get(name, "").strip()), DEFAULT_TEXT)
    return read(model, text, asked.get("pair") or None, target, positions)


@lru_cache(maxsize=32)
def read(model: str, text: str, pair: str | None, target: str | None, positions: Any) -> Trace:
    """A trace, or the one already made of the same words: the steps of a lesson often share one."""
    return load(model).trace(text, pair, target=target, positions=positions)


def beside(view: View) -> View | None:
    """The right side of a comparison, None for every other page."""
    if view.page != "compare":
        return None
    asked = dict(view.query)
    kind, start = asked.get("with", "texts"), asked.get("layer")
    if kind == "positions":
        asked |= {"positions": "none"}
    elif kind == "training":
        asked |= {"model": asked.get("model", DEFAULT_MODEL) + ENDING}
    elif kind == "texts":
        asked |= {"text": asked.get("text_b") or OTHER_TEXT}
    elif kind == "models":
        asked |= {"model": asked.get("model_b", "sentiment")}
    if kind in ("heads", "models"):
        seen = see(view)
        asked |= {"layer": asked.get("layer_b", start or str(seen.attention.layer))}
        asked |= {"head": asked.get("head_b", str(min(seen.head + (kind == "heads"), seen.attention.n_heads - 1)))}
    return View(view.page, asked, view.written, view.line)


def whole(asked: Any, name: str, other: int) -> int:
    text = str(asked.get(name) or "")
    return int(text) if text.isdecimal() and len(text) < 6 else -1 if text else other


def real(asked: Any, name: str, other: float) -> float:
    try:
        number = float(asked.get(name, other))
    except ValueError:
        return other
    return number if isfinite(number) and number > 0 else other
