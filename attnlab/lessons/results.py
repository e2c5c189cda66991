"""What a class answered, as figures like any other: its map beside a head's, its votes beside the model, and all of it in one file."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from attnlab.core.trace import Array
from attnlab.words import say

if TYPE_CHECKING:
    from attnlab.figures.picture import Picture
    from attnlab.figures.style import Look, Words

Data = Mapping[str, Any]
FORMATS = ("svg", "pdf", "csv")
VOTES = ("class.live_first_vote", "class.live_second_vote")


def numbers(rows: Sequence[Sequence[float] | None], width: int) -> Array:
    """Rows as an array; one that nobody answered is NaN. [n width]"""
    return np.array([[np.nan] * width if row is None else row for row in rows], np.float32).reshape(len(rows), width)


def class_map(asked: Data, tally: Data, *, look: "Look | None" = None, words: "Words | None" = None) -> "Picture":
    """The class as a head: its map, the nearest head's, and the difference. tally: one in which somebody answered."""
    from attnlab.figures import Words, triptych

    language = (words or Words()).language
    best, sides = tally["nearest"][0], (asked["queries"], asked["labels"])
    mine, theirs = numbers(tally["rows"], len(sides[1])), numbers(tally["map"], len(sides[1]))
    name, own = f"L{best['layer']}H{best['head']}", say("class.live_class_map", language)
    panels = [(own, mine, *sides), (name, theirs, *sides), (f"{own} − {name}", mine - theirs, *sides)]
    caption = f"{say('class.live_count', language, n=tally['n'])} · {say('class.live_distance', language)} {best['distance']:.3f}"
    return triptych(panels, title=say("class.live_like", language, head=name), caption=caption, look=look, words=words)


def votes_map(asked: Data, answer: Data, tallies: Sequence[Data], *, language: str, title: str = "") -> "Picture | None":
    """Each vote and the model as a row of shares over what could be answered; None for what has no such row."""
    from attnlab.figures import heatmap

    columns = columns_of(asked, tallies)
    if columns is None:
        return None
    every = [shares(tally, len(columns)) for tally in tallies]
    names = [say(key, language) for key in VOTES[: len(every)]] if len(every) > 1 else [say("class.live_class_said", language)]
    model = answer.get("row") or [float(i == right_column(asked, answer, len(columns))) for i in range(len(columns))]
    counts = ", ".join(say("class.live_count", language, n=tally["n"]) for tally in tallies)
    rows = [*names, say("class.live_model_says", language)]
    return heatmap(numbers([*every, model], len(columns)), rows, columns, title=title, caption=f"{asked['question']} ({counts})")


def columns_of(asked: Data, tallies: Sequence[Data]) -> list[str] | None:
    """What could be answered, None where that is not one row."""
    if asked["kind"] in ("word", "row"):
        return list(asked["labels"])
    if asked["kind"] == "choice":
        return list(asked["options"])
    if asked["kind"] == "number":
        ends = np.linspace(asked["low"], asked["high"], len(tallies[0]["counts"]) + 1)
        return [f"{low:.2f}–{high:.2f}" for low, high in pairwise(ends)]
    return None


def right_column(asked: Data, answer: Data, width: int) -> int:
    if asked["kind"] != "number":
        return int(answer["best"])
    return min(width - 1, int((answer["value"] - asked["low"]) / (asked["high"] - asked["low"]) * width))


def shares(tally: Data, width: int) -> list[float] | None:
    """One vote as shares of 1, None where nobody voted."""
    if "row" in tally:
        return None if tally["row"] is None else list(tally["row"])
    return [n / tally["n"] for n in tally["counts"]] if tally["n"] else [np.nan] * width


def cell_map(asked: Data, tally: Data, *, title: str = "") -> "Picture":
    """How many marked each cell, as shares."""
    from attnlab.figures import heatmap

    marked = np.zeros((len(asked["queries"]), len(asked["labels"])), np.float32)
    for row, column, n in tally["cells"]:
        marked[row, column] = n / tally["n"]
    return heatmap(marked, asked["queries"], asked["labels"], title=title, caption=asked["question"])


def figure_of(question: Data, language: str) -> "Picture | None":
    """The figure of one question and its votes, None where there is none to draw."""
    from attnlab.figures import words_in

    asked, tallies, title = question["asked"], question["tallies"], question["title"]
    last = tallies[-1]
    if asked["kind"] == "head":
        return class_map(asked, last, words=words_in(language)) if last["nearest"] else None
    if asked["kind"] == "cell":
        return cell_map(asked, last, title=title)
    return votes_map(asked, question["answer"], tallies, language=language, title=title)


def results_file(results: Data, language: str) -> bytes:
    """A zip: every tally as results.json, and a figure of each question as SVG, PDF and CSV. The same results give the same bytes."""
    from attnlab.figures.export import save
    from attnlab.figures.zipped import put

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as zipped:
        put(zipped, "results.json", json.dumps(results, ensure_ascii=False, indent=1).encode())
        for question in results["questions"]:
            figure = figure_of(question, language)
            name = f"step-{question['step'] + 1}" + ("b" if question["question"] else "")
            for format in FORMATS if figure is not None else ():
                put(zipped, f"{name}.{format}", save(figure, format))
    return out.getvalue()
