"""A lesson as a sheet of paper: the real figures, room for predictions, answers and notes on the last pages."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from attnlab.core.trace import Array
from attnlab.lessons.answers import answer_text
from attnlab.lessons.lesson import Lesson
from attnlab.lessons.opening import Opened, open_lesson
from attnlab.lessons.prose import reader
from attnlab.version import VERSION
from attnlab.words import InputError, say

Data = Mapping[str, Any]


def write_handout(lesson: Lesson, format: str, language: str) -> bytes:
    """The sheet as "html" or "pdf". Raises InputError for another format, and for a lesson that its models do not bear out."""
    if format not in ("html", "pdf"):
        raise InputError("lesson.handout_kinds", given=format)
    opened = open_lesson(lesson)
    if opened.mistakes:
        first = opened.mistakes[0]
        raise InputError("lesson.at_line", name=lesson.name, line=first.line, why=first.say("en"), count=len(opened.mistakes))
    return pdf_of(opened, language) if format == "pdf" else html_page(opened, language).encode()


def values_of(picture: Data) -> Array:
    return np.array([[np.nan if x is None else x for x in row] for row in picture["values"]], np.float32)


def sheet_facts(lesson: Lesson, language: str) -> tuple[str, str]:
    """The line under the title, and what the lesson is for."""
    about = (say("lesson.minutes", language, minutes=lesson.minutes), say("lesson.for_whom", language, audience=lesson.audience))
    return " · ".join(about), say("lesson.goal", language, objective=lesson.objective)


# HTML


def html_page(opened: Opened, language: str) -> str:
    """One file that opens anywhere and prints well; nothing in it runs or is fetched."""
    lesson = opened.lesson
    facts, goal = sheet_facts(lesson, language)
    steps = "".join(html_step(i, data, language) for i, data in enumerate(opened.steps, 1))
    answers = "".join(html_answer(i, data, language) for i, data in enumerate(opened.steps, 1))
    notes = "".join(f"<h3>{i}. {escape(data['title'])}</h3>{data['notes']}" for i, data in enumerate(opened.steps, 1) if data["notes"])
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(lesson.title)}</title><style>{STYLE}</style></head><body>'
        f"<h1>{escape(lesson.title)}</h1><p>{escape(facts)}<br>{escape(goal)}</p>"
        f"<p class=name>{escape(say('lesson.name_and_date', language))}</p>"
        f"{steps}<section class=page><h1>{escape(say('lesson.answers', language))}</h1>{answers}</section>"
        f"<section class=page><h1>{escape(say('lesson.notes', language))}</h1>{notes}</section>"
        f"<footer>{escape(say('lesson.made_by', language, version=VERSION))}</footer></body></html>"
    )


def html_step(number: int, step: Data, language: str) -> str:
    question = step["questions"][0] if step["questions"] else None
    blank = question is not None
    maps = [html_map(picture, blank=blank) for picture in (question or step)["pictures"]]
    asked = "" if question is None else html_question(question["asked"], language)
    opening = html_opening(f"<h2>{number}. {escape(step['title'])}</h2>{step['html']}", maps)
    return f"<section>{f'<div class=opening>{opening}{asked}</div>' if blank else opening + step['explain']}</section>"


def html_opening(lead: str, maps: Sequence[str]) -> str:
    """A heading and its sentences, on one page with the first of the maps."""
    return f"<div class=opening>{lead}{''.join(maps[:1])}</div>{''.join(maps[1:])}"


def html_map(picture: Data, *, blank: bool) -> str:
    """A map as on paper: the numbers, or an empty grid of the same size."""
    from attnlab.figures.sheets import map_svg

    return f"<figure>{map_svg(map_part(picture, blank=blank))}</figure>"


def html_question(asked: Data, language: str) -> str:
    hint = hint_of(asked, language)
    options = "".join(f"<li>☐ {escape(name)}</li>" for name in asked.get("options", []))
    return (
        f"<p class=question>{escape(asked['question'])}</p>{f'<p>{escape(hint)}</p>' if hint else ''}"
        f"{f'<ul>{options}</ul>' if options else ''}"
        f"<div class=box>{escape(say('lesson.your_answer', language))}</div>"
    )


def hint_of(asked: Data, language: str) -> str:
    """How to answer on paper, where that does not go without saying."""
    keys = {"row": "draw_row", "head": "draw_row", "order": "order_boxes", "cell": "mark_cell", "bet": "bet_box"}
    return say(f"lesson.{keys[asked['kind']]}", language) if asked["kind"] in keys else ""


def html_answer(number: int, step: Data, language: str) -> str:
    if not step["questions"]:
        return ""
    question = step["questions"][0]
    told = answer_text(question["asked"], question["answer"])
    maps = [html_map(picture, blank=False) for picture in question["pictures"]]
    opening = html_opening(f"<h3>{number}. {escape(step['title'])}</h3>{f'<p><b>{escape(told)}</b></p>' if told else ''}", maps)
    return f"{opening}{step['explain']}"


STYLE = """
@page{size:A4;margin:18mm 16mm}
body{max-width:180mm;margin:0 auto;padding:8px;
font:11pt/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff}
h1{font-size:19pt;line-height:1.2}h2{font-size:14pt;margin-top:1.4em}section{break-inside:auto}h1,h2,h3,.question{break-after:avoid}
figure{margin:8px 0}figure,.opening{break-inside:avoid}
svg{max-width:100%;height:auto}.display{display:block;text-align:center;margin:10px 0}
.box{min-height:70px;
border:1px solid #777;border-radius:4px;padding:3px 8px;color:#666;font-size:9pt;break-inside:avoid}
.name{border-bottom:1px solid #777;width:60%;color:#666}.question{font-weight:600}ul{list-style:none;padding-left:6px}
.page{break-before:page}
table{border-collapse:collapse}th,td{border:1px solid #999;padding:2px 10px;text-align:left}
footer{margin-top:24px;color:#666;font-size:9pt}
"""


# PDF


def pdf_of(opened: Opened, language: str) -> bytes:
    from attnlab.figures.sheets import sheets

    return sheets(list(parts_of(opened, language)), title=opened.lesson.title, footer=say("lesson.made_by", language, version=VERSION))


def parts_of(opened: Opened, language: str) -> Iterator[Any]:
    """The same sheet as parts for pages of paper."""
    from attnlab.figures.sheets import Part

    lesson = opened.lesson
    facts, goal = sheet_facts(lesson, language)
    yield Part("title", lesson.title)
    yield Part("text", f"{facts}\n{goal}")
    yield Part("box", say("lesson.name_and_date", language), height=24)
    for number, data in enumerate(opened.steps, 1):
        yield Part("heading", f"{number}. {data['title']}")
        yield from prose_parts(data["texts"]["html"])
        question = data["questions"][0] if data["questions"] else None
        for picture in (question or data)["pictures"]:
            yield map_part(picture, blank=question is not None)
        if question is None:
            yield from prose_parts(data["texts"]["explain"])
        else:
            yield from question_parts(question["asked"], language)
    yield Part("page")
    yield Part("title", say("lesson.answers", language))
    before: object = None
    for number, data in enumerate(opened.steps, 1):
        for question in data["questions"][:1]:
            yield Part("heading", f"{number}. {data['title']}")
            if told := answer_text(question["asked"], question["answer"]):
                yield Part("text", told)
            for picture in question["pictures"] if question["pictures"] != before else []:  # the same map is printed once
                yield map_part(picture, blank=False)
            before = question["pictures"]
            yield from prose_parts(data["texts"]["explain"])
    yield Part("page")
    yield Part("title", say("lesson.notes", language))
    for number, data in enumerate(opened.steps, 1):
        if data["notes"]:
            yield Part("heading", f"{number}. {data['title']}")
            yield from prose_parts(data["texts"]["notes"])


def map_part(picture: Data, *, blank: bool) -> Any:
    from attnlab.figures.sheets import Part

    values = values_of(picture)
    shown = np.full_like(values, np.nan) if blank else values
    return Part("map", picture["title"], shown, tuple(picture["queries"]), tuple(picture["keys"]))


def question_parts(asked: Data, language: str) -> Iterator[Any]:
    from attnlab.figures.sheets import Part

    height = 90 if asked["kind"] in ("row", "head") else 46
    yield Part("keep")
    yield Part("text", asked["question"].replace("$", "＄"))
    if hint := hint_of(asked, language):
        yield Part("small", hint)
    for option in asked.get("options", []):
        yield Part("text", f"[   ]  {option}".replace("$", "＄"))
    yield Part("box", say("lesson.your_answer", language), height=height)


def prose_parts(markdown: str) -> Iterator[Any]:
    """Paragraphs, displayed formulas and tables out of Markdown."""
    from attnlab.figures.sheets import Part

    rows: list[list[str]] | None = None  # of the table that is open
    for token in reader().parse(markdown):
        if token.type == "table_open":
            rows = []
        elif token.type == "tr_open" and rows is not None:
            rows.append([])
        elif token.type == "table_close" and rows is not None:
            yield Part("table", rows=tuple(map(tuple, rows)))
            rows = None
        elif token.type == "fence":
            yield Part("small", token.content.replace("$", "＄"))
        elif token.type == "inline":
            text, shown = inline_text(token.children or [])
            if rows is not None:
                rows[-1].append(text)
            elif text.strip():
                yield Part("text", text)
            yield from (Part("formula", each) for each in shown)


def inline_text(children: Sequence[Any]) -> tuple[str, list[str]]:
    """A line of Markdown as text with formulas between dollars, and the formulas that stand alone."""
    text, shown = "", []
    for child in children:
        if child.type == "formula" and child.markup == "$$":
            shown.append(child.content)
        elif child.type == "formula":
            text += f"${child.content}$"
        elif child.type in ("softbreak", "hardbreak"):
            text += " "
        elif child.content:
            text += child.content.replace("$", "＄")
    return text, shown
