"""A lesson opened: every view made by its model, every answer and every number in its sentences computed, all as plain data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from attnlab.lessons.answers import answer_of, answer_text, question_of, rounded
from attnlab.lessons.claims import CLAIM, filled, typed_numbers
from attnlab.lessons.lesson import Block, Lesson, Mistake, Predict, Step, View
from attnlab.lessons.links import with_changes, write_link
from attnlab.lessons.look import Seen, beside, see
from attnlab.lessons.prose import broken_formulas, html_of, plain
from attnlab.words import InputError

Data = dict[str, Any]


@dataclass(frozen=True)
class Opened:
    """A lesson ready to be gone through. steps: JSON, one object a step (see `open_step`)."""

    lesson: Lesson
    steps: tuple[Data, ...]
    mistakes: tuple[Mistake, ...]


def open_lesson(lesson: Lesson, tell: Callable[[int, int], None] | None = None) -> Opened:
    """Every step with its pictures and answers. tell(done, all) is called after each step. A model's mistake is in `mistakes`."""
    steps, mistakes = [], []  # type: ignore[var-annotated]
    for i, step in enumerate(lesson.steps):
        steps.append(open_step(step, mistakes))
        if tell is not None:
            tell(i + 1, len(lesson.steps))
    return Opened(lesson, tuple(steps), tuple(sorted(mistakes, key=lambda mistake: mistake.line)))


def open_step(step: Step, mistakes: list[Mistake]) -> Data:
    """One step: title, html, link, pictures, questions (each with its own pictures and answer), explain, notes.

    A question that cannot be asked, because its view or its answer does not exist, is left out and named among the mistakes.
    """
    view, seen = step.view, None
    if view is not None:
        try:
            seen = see(view)
        except InputError as error:
            mistakes.append(Mistake(view.line, error.key, error.facts))
            view = None
    questions = [] if view is None or seen is None or step.predict is None else open_questions(step.predict, view, seen, mistakes)
    answer = answer_text(questions[0]["asked"], questions[0]["answer"]) if questions else None
    unknown = step.view is not None and view is None  # said already; its numbers cannot be had
    mistakes += typed_numbers(step)
    texts, raw = {}, {}
    for name, block in (("html", step.prose), ("explain", step.explain), ("notes", step.notes)):
        found: list[Mistake] = []
        raw[name] = filled(block, view, answer, found) if block else ""
        mistakes += broken_formulas(Block(raw[name], block.line))
        texts[name] = html_of(raw[name])
        mistakes += [] if unknown else found
    link = None if view is None else write_link(view.page, view.query)
    facts = {"title": plain(step.title), **texts, "texts": raw}  # texts: the same as Markdown, for paper
    return {**facts, "link": link, "pictures": pictures(view, seen, mistakes), "questions": questions}


def open_questions(predict: Predict, view: View, seen: Seen, mistakes: list[Mistake]) -> list[Data]:
    """The question, and the similar second one where there is one."""
    made = [one_question(predict, view, seen, mistakes)]
    if predict.second is not None:
        other = with_changes(view, predict.second)
        try:
            made.append(one_question(replace(predict, query=predict.second_query or predict.query), other, see(other), mistakes))
        except InputError as error:
            mistakes.append(Mistake(predict.line, error.key, error.facts))
    return [each for each in made if each is not None]


def one_question(predict: Predict, view: View, seen: Seen, mistakes: list[Mistake]) -> Data | None:
    """{"asked": ..., "answer": ..., "pictures": [...], "link": ...}, None when the model has no answer."""
    text = filled(Block(predict.question, predict.line), view, None, mistakes) if CLAIM.search(predict.question) else predict.question
    try:
        asked = question_of(predict, seen, plain(text))
        answer = answer_of(predict, seen, view, asked.get("row"))
    except InputError as error:
        mistakes.append(Mistake(predict.line, error.key, error.facts))
        return None
    link = write_link(view.page, view.query)
    return {"asked": asked, "answer": answer, "pictures": pictures(view, seen, mistakes), "link": link}


def pictures(view: View | None, seen: Seen | None, mistakes: list[Mistake]) -> list[Data]:
    """The maps of a view: one, or the two sides of a comparison."""
    if view is None or seen is None:
        return []
    made = [picture_of(seen)]
    try:
        other = beside(view)
        if other is not None:
            made.append(picture_of(see(other)))
    except InputError as error:
        mistakes.append(Mistake(view.line, error.key, error.facts))
    return made


def picture_of(seen: Seen) -> Data:
    """A map as JSON: four decimals, an absent number is null."""
    values = [[None if not np.isfinite(x) else x for x in row] for row in rounded(seen.weights)]
    text = seen.trace.text if seen.trace.target_text is None else f"{seen.trace.text} → {seen.trace.target_text}"
    return {"queries": list(seen.queries), "keys": list(seen.keys), "values": values, "title": seen.title, "text": text}


def same_steps(first: Lesson, second: Lesson) -> list[Mistake]:
    """Where two languages of one lesson differ: in steps, views or questions. Lines are the second one's."""
    if len(first.steps) != len(second.steps):
        return [Mistake(1, "lesson.steps_differ", {"language": first.language, "first": len(first.steps), "second": len(second.steps)})]
    found = []
    for i, (a, b) in enumerate(zip(first.steps, second.steps, strict=True), 1):
        if outline(a) != outline(b):
            found.append(Mistake(b.line, "lesson.step_differs", {"number": i, "language": first.language}))
    return found


def outline(step: Step) -> Sequence[object]:
    """What does not depend on the language: the view, the kind of question and its numbers, which blocks there are."""
    view, asked = step.view, step.predict
    numbers = None if asked is None else (asked.kind, asked.query, asked.ask, [(o.ask, o.low, o.high) for o in asked.options], asked.second)
    return (None if view is None else (view.page, dict(view.query)), numbers, bool(step.explain), bool(step.notes))
