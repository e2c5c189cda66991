"""The sheet: real figures as vectors, questions without their answers before the last pages, in both languages and formats."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from attnlab.figures.sheets import Part, Sheet, fill, lines, pieces, sheets
from attnlab.figures.style import drawing
from attnlab.lessons.handout import parts_of, prose_parts, write_handout
from attnlab.lessons.opening import open_lesson
from attnlab.lessons.read import parse_lesson
from attnlab.lessons.shelf import find_lesson
from attnlab.words import InputError
from tests.lessons.test_files import HEAD

CLAIM = HEAD + "# S\n```view\nheads?text=a+b&layer=0&head=2\n```\n```explain\n[[d_head = 1]]\n```\n"


def test_the_sheet_asks_first_and_answers_on_a_last_page():
    made = write_handout(find_lesson("1-what-a-head-looks-at"), "html", "en").decode()
    asked, _, answers = made.partition("Answers, as the model gave them")
    assert "previous-token head" not in asked
    assert "previous-token head" in answers
    assert "Peer instruction" in answers
    assert made.count("<svg") > 10
    steps = made.count("<h2>")
    assert len(re.findall(r"<div class=opening><h2>(?:(?!</div>|<h2>).)*</figure></div>", made, re.DOTALL)) == steps > 4
    assert re.search(r"figure,\.opening\{break-inside:avoid\}", made)  # with its picture, its heading
    assert "<script" not in made
    assert not re.search(r'(src|href)="http', made)


def test_the_pdf_is_the_same_bytes_for_the_same_lesson():
    lesson = find_lesson("3-softmax-and-the-root", "zh")
    made = write_handout(lesson, "pdf", "zh")
    assert made.startswith(b"%PDF")
    assert made == write_handout(lesson, "pdf", "zh")


def test_what_cannot_be_printed_is_said():
    lesson = parse_lesson(CLAIM.encode(), name="t").lesson
    with pytest.raises(InputError, match="the model says 32"):
        write_handout(lesson, "pdf", "en")
    with pytest.raises(InputError, match=r"\.html or \.pdf"):
        write_handout(lesson, "docx", "en")


def test_formulas_stay_whole_and_closing_signs_begin_no_line():
    assert [piece for piece in pieces("a $x + y$ 好。") if piece[0].strip()] == [
        ("a", False),
        ("x + y", True),
        ("好", False),
        ("。", False),
    ]
    with drawing():
        broken = list(lines("好" * 400 + "。", 10.5))
    assert all(line[0][0] != "。" for line in broken)
    assert len(broken) > 5


def test_markdown_becomes_parts():
    parts = list(prose_parts("A $x$ b\n\n$$y$$\n\n|  | b |\n|---|---|\n| $q$ | 2 |\n\n```\ncode\n```\n"))
    assert [(part.kind, part.text.strip()) for part in parts] == [("text", "A $x$ b"), ("formula", "y"), ("table", ""), ("small", "code")]
    assert parts[2].rows == (("", "b"), ("$q$", "2"))
    (texts, _), *more = pages_of([parts[2]])
    assert not more
    assert {"b", "$q$", "2"} <= set(texts)


def test_a_page_that_is_full_goes_on_to_the_next():
    values = np.full((4, 4), 0.25, np.float32)
    names = ("a", "b", "c", "d")
    parts = [Part("map", "m", values, names, names)] * 12 + [Part("page"), Part("box", "b", height=30)]
    assert sheets(parts, title="t", footer="f").count(b"/Type /Page ") >= 3


def test_a_question_and_the_frame_for_its_answer_stand_on_one_page():
    filler = [Part("box", "b", height=620)]
    together = [Part("text", "question"), Part("box", "answer", height=90)]
    assert sheets(filler + together, title="t", footer="f").count(b"/Type /Page ") == 2
    kept = sheets([*filler, Part("keep"), *together], title="t", footer="f")
    assert kept.count(b"/Type /Page ") == 2
    assert kept != sheets(filler + together, title="t", footer="f")  # the question went along
    parts = list(parts_of(open_lesson(find_lesson("2-from-words-to-weights")), "en"))
    asked = [i for i, part in enumerate(parts) if part.kind == "keep"]
    assert len(asked) == 4
    assert all("box" in [part.kind for part in parts[i : i + 8]] for i in asked)


def pages_of(parts):
    """What is written on each page, and how many maps stand on it."""
    figures = []
    with drawing():
        fill(Sheet(SimpleNamespace(savefig=figures.append), "footer"), parts)
    return [([text.get_text() for text in figure.texts], len(figure.axes)) for figure in figures]


def test_a_heading_stands_on_the_page_of_its_picture_and_of_its_question():
    names = tuple("abcd")
    step = [
        Part("heading", "heading"),
        Part("text", "lead"),
        Part("map", "map", np.full((4, 4), 0.25, np.float32), names, names),
        Part("text", "question"),
        Part("box", "answer", height=46),
    ]
    for filled in range(0, 740, 20):
        pages = pages_of([Part("box", "filler", height=filled), *step, Part("heading", "next")])
        together = [texts for texts, maps in pages if maps]
        assert len(together) == 1
        assert {"heading", "lead", "map", "question", "answer"} <= set(together[0]), filled
    taller = pages_of([*step[:4], Part("box", "answer", height=600)])  # no page holds both
    assert [("heading" in texts, maps) for texts, maps in taller] == [(True, 1), (False, 0)]
    longer = pages_of([Part("box", "filler", height=500), step[0], Part("text", "line\n" * 48), *step[2:]])
    assert [(texts.count("heading"), "line" in texts, maps) for texts, maps in longer] == [(1, True, 0), (0, True, 1)]


def test_a_map_of_a_long_text_fits_on_a_page():
    names = tuple(map(str, range(80)))
    (texts, maps), *_ = pages_of([Part("map", "map", np.full((80, 80), 0.01, np.float32), names, names)])
    assert maps == 1
    assert {"0", "79", "footer"} <= set(texts)
