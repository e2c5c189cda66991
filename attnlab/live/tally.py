"""What a class answered, added up. Pure functions: answers in, JSON out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from attnlab.core.compare import js_distance
from attnlab.lessons.answers import read_maps

Data = dict[str, Any]
BINS, NEAREST, BOARD = 10, 5, 10


def tally(question: Mapping[str, Any], answer: Mapping[str, Any], given: Mapping[str, Any]) -> Data:
    """The answers to one question in one vote. given: voter -> answer, where a voter begins with the number of its seat."""
    kind, every = question["kind"], list(given.values())
    made: Data = {"n": len(every)}
    if kind in ("word", "choice"):
        size = len(question["labels"] if kind == "word" else question["options"])
        return made | {"counts": [every.count(i) for i in range(size)]}
    if kind == "cell":
        counts = Counter((row, column) for row, column in every)
        return made | {"cells": [[row, column, n] for (row, column), n in counts.most_common()]}
    if kind == "row":
        return made | {"row": None if not every else np.round(np.mean(every, axis=0), 4).tolist()}
    if kind == "number":
        return made | number(every, question["low"], question["high"])
    if kind == "order":
        right = sum(one == answer["order"] for one in every)
        orders = Counter(tuple(one) for one in every)
        return made | {"right": right, "orders": [[list(one), n] for one, n in orders.most_common(5)]}
    if kind == "head":
        return made | as_head(question, answer, given)
    return made | {"board": board(every)}


def number(every: Sequence[float], low: float, high: float) -> Data:
    """A histogram over the scale, and the middle one."""
    counts, _ = np.histogram(every, bins=BINS, range=(low, high))
    return {"counts": counts.tolist(), "median": None if not every else float(np.median(every))}


def query_of(voter: str, question: Mapping[str, Any]) -> int:
    """The query that a seat answers for, where the class is a head: seats take the words in turn."""
    return int(voter.partition(".")[0]) % len(question["queries"])


def class_rows(question: Mapping[str, Any], given: Mapping[str, Any]) -> list[list[float] | None]:
    """The class's map: for each query the mean of the rows of those who had it, None where nobody answered."""
    mine: list[list[Any]] = [[] for _ in question["queries"]]
    for voter, row in given.items():
        mine[query_of(voter, question)].append(row)
    means: list[list[float] | None] = []
    for rows in mine:
        means.append(np.mean(rows, axis=0).round(4).tolist() if rows else None)
    return means


def as_head(question: Mapping[str, Any], answer: Mapping[str, Any], given: Mapping[str, Any]) -> Data:
    """The class's map and the heads that look most like it, by the mean Jensen-Shannon distance of the rows that were answered."""
    rows = class_rows(question, given)
    there = [i for i, row in enumerate(rows) if row is not None]
    if not there:
        return {"rows": rows, "nearest": []}
    maps = read_maps(answer["maps"])  # [l h q k]
    found = js_distance(np.array([rows[i] for i in there], np.float32), maps[:, :, there]).mean(-1)  # [l h]
    places = [divmod(int(at), maps.shape[1]) for at in np.argsort(found, axis=None)[:NEAREST]]
    nearest = [{"layer": layer, "head": head, "distance": round(float(found[layer, head]), 4)} for layer, head in places]
    best = maps[places[0]]
    return {"rows": rows, "nearest": nearest, "map": np.round(best.astype(float), 4).tolist()}


def board(every: Sequence[Mapping[str, Any]]) -> list[Data]:
    """The bets, those that moved the row furthest first; the same change counts once."""
    best: dict[tuple[int, str], Data] = {}
    for one in every:
        best.setdefault((one["word"], one["into"].lower()), dict(one))
    return sorted(best.values(), key=lambda one: -one["moved"])[:BOARD]
