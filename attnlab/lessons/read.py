"""A lesson file: TOML front matter between +++ lines, steps divided by ---, and in a step fenced blocks: view, predict, explain, notes."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attnlab.lessons.lesson import KINDS, Block, Lesson, Mistake, Option, Predict, Step, View
from attnlab.lessons.links import read_link
from attnlab.untrusted import first_line
from attnlab.words import InputError

LARGEST = 400_000  # bytes of a file
MOST_STEPS, MOST_OPTIONS = 80, 8
TOML_ERRORS = (ValueError, RecursionError)  # tomllib's own, numbers of thousands of digits, lists in lists without end
BLOCKS = ("view", "predict", "explain", "notes")
HEAD: Mapping[str, type | tuple[type, ...]] = {"title": str, "minutes": int, "audience": str, "objective": str, "models": list}
FIELDS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # kind: what it needs, what it may have besides
    "word": (("query",), ("second", "second_query")),
    "cell": ((), ("second",)),
    "row": (("query",), ("second", "second_query")),
    "choice": (("options",), ("ask", "pick")),
    "number": (("ask",), ("low", "high")),
    "order": (("options",), ()),
    "head": ((), ()),
    "bet": (("query",), ()),
}
TEXTS = ("question", "query", "ask", "second", "second_query")
FENCE = re.compile(r"^(`{3,}|~{3,})\s*([\w-]*)\s*$")


@dataclass(frozen=True)
class Parsed:
    """What could be understood, and every mistake. lesson: None when not even the front matter could be read."""

    lesson: Lesson | None
    mistakes: tuple[Mistake, ...]


def read_lesson(data: bytes, *, name: str, language: str = "en") -> Lesson:
    """A lesson without mistakes. Raises InputError that says the first one and its line."""
    parsed = parse_lesson(data, name=name, language=language)
    if parsed.mistakes or parsed.lesson is None:
        first = parsed.mistakes[0]
        raise InputError("lesson.at_line", name=name, line=first.line, why=first.say(language), count=len(parsed.mistakes))
    return parsed.lesson


def parse_lesson(data: bytes, *, name: str, language: str = "en") -> Parsed:
    """Everything that is in a file, and everything that is wrong with it. Nothing is run, opened or fetched."""
    if len(data) > LARGEST:
        return Parsed(None, (Mistake(1, "lesson.large", {"limit": LARGEST // 1000, "given": len(data) // 1000}),))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Parsed(None, (Mistake(data[: error.start].count(b"\n") + 1, "lesson.not_utf8"),))
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    head, begin, mistakes = read_head(lines)
    if head is None:
        return Parsed(None, tuple(mistakes))
    steps = [read_step(part, first, mistakes) for first, part in split_steps(lines, begin)]
    if not steps:
        mistakes.append(Mistake(begin + 1, "lesson.no_steps"))
    if len(steps) > MOST_STEPS:
        mistakes.append(Mistake(steps[MOST_STEPS].line, "lesson.many_steps", {"limit": MOST_STEPS}))
    models = tuple(str(each) for each in head.get("models", []))
    facts = {each: str(head.get(each, "")) for each in ("title", "audience", "objective")}
    lesson = Lesson(name, language, minutes=int(head.get("minutes", 0)), models=models, steps=tuple(steps[:MOST_STEPS]), **facts)
    return Parsed(lesson, tuple(sorted(mistakes, key=lambda mistake: mistake.line)))


def read_head(lines: Sequence[str]) -> tuple[dict[str, Any] | None, int, list[Mistake]]:
    """The front matter, the index of the first line after it, and what is wrong with it."""
    fence = lines[0].strip() if lines else ""
    end = next((i for i, line in enumerate(lines[1:], 1) if line.strip() == fence), None)
    if fence not in ("+++", "---") or end is None:
        return None, 0, [Mistake(1, "lesson.no_head")]
    try:
        head = tomllib.loads("\n".join(lines[1:end]) + "\n")
    except TOML_ERRORS as error:
        return None, 0, [Mistake(1 + toml_line(error), "lesson.toml", {"why": first_line(error)})]
    mistakes = []
    for name, kind in HEAD.items():
        if name not in head:
            mistakes.append(Mistake(1, "lesson.head_missing", {"field": name}))
        elif not isinstance(head[name], kind) or head[name] in ("", []) or (name == "minutes" and not 1 <= head[name] <= 600):
            line = next((i for i, text in enumerate(lines[1:end], 2) if text.strip().startswith(name)), 1)
            mistakes.append(Mistake(line, "lesson.head_wrong", {"field": name, "given": head[name]}))
            head[name] = kind() if isinstance(kind, type) else ""
    return head, end + 1, mistakes


def toml_line(error: Exception) -> int:
    """The line of a TOML text that cannot be read, from 1."""
    found = re.search(r"line (\d+)", str(error))
    return int(found.group(1)) if found else 1


def split_steps(lines: Sequence[str], begin: int) -> list[tuple[int, list[str]]]:
    """The lines of each step and the number of the first, from 1. A --- inside a fence divides nothing."""
    steps: list[tuple[int, list[str]]] = []
    here: list[str] = []
    first, fence = begin, ""
    for i, line in enumerate(lines[begin:], begin):
        opened = FENCE.match(line.strip())
        if fence:
            fence = "" if line.strip() == fence else fence
        elif opened:
            fence = opened.group(1)
        if not fence and line.rstrip() == "---":
            steps.append((first + 1, here))
            first, here = i + 1, []
        else:
            here.append(line)
    steps.append((first + 1, here))
    return [(line, part) for line, part in steps if any(text.strip() for text in part)]


def read_step(lines: Sequence[str], first: int, mistakes: list[Mistake]) -> Step:
    """One step; what is wrong with it is added to the mistakes."""
    prose, blocks = take_blocks(lines, first, mistakes)
    titles = [(first + i, line.strip().lstrip("#").strip()) for i, line in enumerate(prose) if re.match(r"#{1,3} ", line.strip())]
    start = next((first + i for i, line in enumerate(prose) if line.strip()), first)
    if not titles:
        mistakes.append(Mistake(start, "lesson.no_title"))
    line, title = titles[0] if titles else (start, "")
    body = [("" if first + i == line else text) for i, text in enumerate(prose)]
    view = read_view(blocks["view"], mistakes) if "view" in blocks else None
    predict = read_predict(blocks["predict"], mistakes) if "predict" in blocks else None
    if predict is not None and view is None:
        mistakes.append(Mistake(predict.line, "lesson.no_view"))
    return Step(title, Block("\n".join(body), first), start, view, predict, blocks.get("explain", Block()), blocks.get("notes", Block()))


def take_blocks(lines: Sequence[str], first: int, mistakes: list[Mistake]) -> tuple[list[str], dict[str, Block]]:
    """Prose, with empty lines where a block of ours stood, and the blocks by name."""
    prose: list[str] = []
    blocks: dict[str, Block] = {}
    name, fence, begun, inside = "", "", 0, []  # type: ignore[var-annotated]
    for number, line in enumerate(lines, first):
        opened = None if fence else FENCE.match(line.strip())
        if opened:
            fence, name, begun, inside = opened.group(1), opened.group(2), number, []
            if name in blocks:
                mistakes.append(Mistake(number, "lesson.twice", {"block": name}))
        elif fence and line.strip() == fence:
            if name in BLOCKS:
                blocks.setdefault(name, Block("\n".join(inside), begun + 1))
            fence, ours = "", name in BLOCKS
            prose.append("" if ours else line)
            continue
        elif fence:
            inside.append(line)
        prose.append("" if fence and name in BLOCKS else line)
    if fence:
        mistakes.append(Mistake(begun, "lesson.open_fence", {"block": name or fence}))
    return prose, blocks


def read_view(block: Block, mistakes: list[Mistake]) -> View | None:
    """The one link of a step."""
    written = [(block.line + i, line.strip()) for i, line in enumerate(block.text.split("\n")) if line.strip()]
    if len(written) != 1:
        mistakes.append(Mistake(block.line, "lesson.one_view", {"count": len(written)}))
        return None
    line, text = written[0]
    try:
        return read_link(text, line)
    except InputError as error:
        mistakes.append(Mistake(line, error.key, error.facts))
        return None


def read_predict(block: Block, mistakes: list[Mistake]) -> Predict | None:
    """What is asked, from TOML."""
    try:
        given = tomllib.loads(block.text + "\n")
    except TOML_ERRORS as error:
        mistakes.append(Mistake(block.line - 1 + toml_line(error), "lesson.toml", {"why": first_line(error)}))
        return None
    kind = given.pop("kind", None)
    if kind not in KINDS:
        mistakes.append(Mistake(line_of(block, "kind"), "lesson.kind", {"given": kind, "known": ", ".join(KINDS)}))
        return None
    before = len(mistakes)
    check_fields(kind, given, block, mistakes)
    options = read_options(given.pop("options", []), block, mistakes)
    if len(mistakes) > before:
        return None
    return Predict(kind=kind, line=block.line, options=options, **given)


def check_fields(kind: str, given: Mapping[str, Any], block: Block, mistakes: list[Mistake]) -> None:
    """Whether everything is there that this kind of question needs, and nothing else."""
    needed, possible = FIELDS[kind]
    for name in ("question", *needed):
        if name not in given:
            mistakes.append(Mistake(block.line, "lesson.field_missing", {"kind": kind, "field": name}))
    for name, value in given.items():
        line = line_of(block, name)
        if name not in ("question", *needed, *possible):
            known = ", ".join(("kind", "question", *needed, *possible))
            mistakes.append(Mistake(line, "lesson.field_unknown", {"field": name, "kind": kind, "known": known}))
        elif name in TEXTS and (not isinstance(value, str) or not value.strip() or len(value) > 600):
            mistakes.append(Mistake(line, "lesson.field_text", {"field": name}))
        elif name in ("low", "high") and not is_number(value):
            mistakes.append(Mistake(line, "lesson.field_number", {"field": name}))
        elif name == "pick" and value not in ("largest", "smallest"):
            mistakes.append(Mistake(line, "lesson.pick", {"given": value}))
    if (
        kind == "number"
        and is_number(given.get("low", 0))
        and is_number(given.get("high", 1))
        and given.get("low", 0) >= given.get("high", 1)
    ):
        mistakes.append(Mistake(line_of(block, "low"), "lesson.low_high"))


def read_options(given: object, block: Block, mistakes: list[Mistake]) -> tuple[Option, ...]:
    """The options of a choice or an ordering: each a table with its text, and `ask` or a range."""
    if given == []:
        return ()
    line = line_of(block, "options")
    if not isinstance(given, list) or not 2 <= len(given) <= MOST_OPTIONS or not all(isinstance(each, dict) for each in given):
        mistakes.append(Mistake(line, "lesson.options", {"most": MOST_OPTIONS}))
        return ()
    options = []
    for i, each in enumerate(given):
        good = isinstance(each.get("text"), str) and each["text"].strip() and set(each) <= {"text", "ask", "low", "high"}
        good = good and isinstance(each.get("ask", ""), str) and all(is_number(each.get(end, 0.0)) for end in ("low", "high"))
        if not good or not ("ask" in each or "low" in each or "high" in each):
            mistakes.append(Mistake(line, "lesson.option", {"number": i + 1}))
        else:
            options.append(Option(each["text"], each.get("ask", ""), each.get("low"), each.get("high")))
    return tuple(options)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def line_of(block: Block, name: str) -> int:
    """The line of a block in which a field is set."""
    found = (i for i, line in enumerate(block.text.split("\n")) if re.match(rf"\s*{re.escape(name)}\s*=", line))
    return block.line + next(found, 0)
