"""What a question asks, its answer as the model has it, and whether what somebody answered can be an answer at all."""

import base64
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from attnlab.core.trace import Array
from attnlab.core.views import strongest
from attnlab.lessons.lesson import Predict, View
from attnlab.lessons.look import Seen, mapped
from attnlab.lessons.numbers import number_of, place_of
from attnlab.words import InputError

Data = dict[str, Any]
CLOSE = 0.01  # two answers nearer than this are no question to ask
LONGEST_WORD = 24  # letters of a word that somebody puts into the sentence


def question_of(predict: Predict, seen: Seen, text: str) -> Data:
    """What everybody may know before the answer is opened. text: the question with its numbers filled in."""
    asked: Data = {"kind": predict.kind, "question": text, "queries": list(seen.queries), "labels": list(seen.keys)}
    if predict.kind in ("word", "row", "bet"):
        asked["row"] = place_of(seen.queries, predict.query)
    if predict.options:
        asked["options"] = [option.text for option in predict.options]
    if predict.kind == "number":
        asked |= {"low": predict.low, "high": predict.high}
    return asked


def answer_of(predict: Predict, seen: Seen, view: View, row: int | None) -> Data:
    """The model's answer, and the number behind it. Raises InputError where there is none, or where two are too near to tell."""
    kind, weights = predict.kind, seen.weights
    if kind in ("word", "row", "bet"):
        assert row is not None
        own = weights[row]
        if kind == "word":
            refuse_close(own)
        return {"best": int(own.argmax()), "row": rounded(own)}
    if kind == "cell":
        best = strongest(weights)
        if best is None:
            raise InputError("lesson.no_weight")
        refuse_close(weights.ravel())
        return {"best": list(best), "weight": round(float(weights[best]), 4)}
    if kind == "head":
        return {"maps": every_map(view, seen)}
    if kind == "number":
        return {"value": number_of(predict.ask, view)}
    return choose(predict, view)


def choose(predict: Predict, view: View) -> Data:
    """Which option is right, or the right order from the largest number to the smallest."""
    if predict.kind == "choice" and predict.ask:
        value = number_of(predict.ask, view)
        fits = [i for i, option in enumerate(predict.options) if within(value, option.low, option.high)]
        if len(fits) != 1:
            raise InputError("lesson.ranges", value=f"{value:.3f}", count=len(fits))
        return {"best": fits[0], "value": value}
    values = np.array([number_of(option.ask, view) for option in predict.options])
    if predict.kind == "order":
        order = [int(i) for i in np.argsort(-values, kind="stable")]
        refuse_close_steps(values[order])
        return {"order": order, "values": [float(value) for value in values]}
    refuse_close(values if predict.pick == "largest" else -values)
    return {"best": int(values.argmax() if predict.pick == "largest" else values.argmin()), "values": [float(value) for value in values]}


def within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value < high)


def refuse_close(values: Array) -> None:
    """Raises InputError when the two largest are too near to tell."""
    if len(values) > 1:
        first, second = sorted((float(value) for value in values), reverse=True)[:2]
        if first - second < CLOSE:
            raise InputError("lesson.close", first=f"{first:.3f}", second=f"{second:.3f}")


def refuse_close_steps(values: Array) -> None:
    """Raises InputError when two neighbours of an order are too near to tell."""
    for first, second in pairwise(values):
        if first - second < CLOSE:
            raise InputError("lesson.close", first=f"{first:.3f}", second=f"{second:.3f}")


def rounded(values: Array) -> Any:
    """As JSON: four decimals are what is shown."""
    return np.round(np.asarray(values, np.float64), 4).tolist()


def every_map(view: View, seen: Seen) -> Data:
    """The same view of every head of the stack, to compare a class with. [l h q k] as float16 in base64"""
    layers = seen.trace.layers(seen.attention.stack)
    maps = np.stack([np.stack([mapped(view, seen.trace, each, head).weights for head in range(each.n_heads)]) for each in layers])
    return {"shape": list(maps.shape), "data": base64.b64encode(maps.astype("<f2").tobytes()).decode()}


def read_maps(packed: Mapping[str, Any]) -> Array:
    """Back to numbers. [l h q k]"""
    return np.frombuffer(base64.b64decode(packed["data"]), "<f2").astype(np.float32).reshape(packed["shape"])


def answer_text(question: Mapping[str, Any], answer: Mapping[str, Any]) -> str | None:
    """The answer in words, None for what only a picture can say."""
    kind, labels = question["kind"], question["labels"]
    if kind in ("word", "row"):
        return str(labels[answer["best"]])
    if kind == "cell":
        return f"{question['queries'][answer['best'][0]]} → {labels[answer['best'][1]]}"
    if kind == "choice":
        return str(question["options"][answer["best"]])
    if kind == "number":
        return f"{answer['value']:.2f}"
    if kind == "order":
        return " > ".join(question["options"][i] for i in answer["order"])
    return None


def check_answer(question: Mapping[str, Any], given: object) -> Any:
    """What somebody answered, as it is counted. Raises InputError for what cannot be an answer to this question."""
    kind, labels = question["kind"], question["labels"]
    if kind == "word" and is_index(given, labels):
        return given
    if kind == "choice" and is_index(given, question["options"]):
        return given
    if (
        kind == "cell"
        and isinstance(given, list)
        and len(given) == 2
        and is_index(given[0], question["queries"])
        and is_index(given[1], labels)
    ):
        return given
    if kind in ("row", "head") and is_row(given, len(labels)):
        return [round(each / sum(given), 4) for each in given]  # type: ignore[call-overload, attr-defined]
    if kind == "number" and is_real(given) and question["low"] <= given <= question["high"]:
        return float(given)  # type: ignore[arg-type]
    if kind == "order" and isinstance(given, list) and sorted(map(str, given)) == sorted(map(str, range(len(question["options"])))):
        return [int(each) for each in given]
    if kind == "bet":
        return check_bet(labels, given)
    raise InputError("class.bad_answer")


def check_bet(labels: Sequence[str], given: object) -> Data:
    """One word of the sentence changed into another: {"word": which, "into": what}."""
    if isinstance(given, dict) and is_index(given.get("word"), labels) and isinstance(given.get("into"), str):
        into = given["into"].strip()
        if 0 < len(into) <= LONGEST_WORD and not any(letter.isspace() or not letter.isprintable() for letter in into):
            return {"word": given["word"], "into": into}
    raise InputError("class.bad_bet", limit=LONGEST_WORD)


def is_index(given: object, among: Sequence[object]) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and 0 <= given < len(among)


def is_real(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and bool(np.isfinite(given))


def is_row(given: object, size: int) -> bool:
    """Whether these are shares that can be made to sum to 1."""
    return isinstance(given, list) and len(given) == size and all(is_share(each) for each in given) and sum(given) > 0


def is_share(given: object) -> bool:
    return is_real(given) and 0 <= given <= 1e6  # type: ignore[operator]
