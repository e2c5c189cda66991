"""Lesson files: what is understood, and every mistake by its line."""

import pytest

from attnlab.lessons.links import read_link, with_changes, write_link
from attnlab.lessons.opening import same_steps
from attnlab.lessons.prose import html_of, plain
from attnlab.lessons.read import LARGEST, parse_lesson, read_lesson
from attnlab.lessons.shelf import check_file, check_languages, files_in, find_file, find_lesson, read_bytes, shelf
from attnlab.lessons.template import TEMPLATES
from attnlab.words import InputError

HEAD = '+++\ntitle = "T"\nminutes = 5\naudience = "all"\nobjective = "see"\nmodels = ["bert"]\n+++\n'  # 7 lines
VIEW = "```view\nheads?text=a+b&layer=0&head=2\n```\n"


def lesson(body, head=HEAD):
    return parse_lesson((head + body).encode(), name="t")


def predict(toml):
    return f"# S\n{VIEW}```predict\n{toml}\n```\n"  # the first line of the TOML is line 13


def keys(parsed):
    return [(mistake.line, mistake.key.removeprefix("lesson.")) for mistake in parsed.mistakes]


def test_a_lesson_has_its_steps_blocks_and_lines():
    parsed = lesson("# One\n\nProse.\n\n" + VIEW + "```notes\nSay it.\n```\n---\n## Two\n\n```python\n---\n```\n")
    assert not parsed.mistakes
    one, two = parsed.lesson.steps
    assert (one.title, one.prose.text.strip(), one.notes.text, one.notes.line) == ("One", "Prose.", "Say it.", 16)
    assert (one.view.page, one.view.query["text"], one.view.line) == ("heads", "a b", 13)
    assert two.title == "Two"
    assert "---" in two.prose.text
    assert two.view is None


def test_three_dashes_may_fence_the_front_matter_too():
    assert lesson("# S\n", HEAD.replace("+++", "---")).lesson.title == "T"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ("", [(8, "no_steps")]),
        ("Prose alone\n", [(8, "no_title")]),
        ("# S\n" + VIEW + VIEW, [(12, "twice")]),
        ("# S\n```view\na\nb\n```\n", [(10, "one_view")]),
        ("# S\n```view\nheads?x=1\n", [(9, "open_fence")]),
        ("# S\n```view\nhttp://x/nothing?a=1\n```\n", [(10, "no_page")]),
        ("# S\n```view\njavascript:alert(1)\n```\n", [(10, "no_page")]),
        ("# S\n```view\nhttp://[x/heads\n```\n", [(10, "no_link")]),
        ("# S\n```view\nheads?text=" + "a" * 5000 + "\n```\n", [(10, "long_link")]),
        ('# S\n```predict\nkind = "cell"\nquestion = "Q"\n```\n', [(10, "no_view")]),
        (predict('kind = "guess"'), [(13, "kind")]),
        (predict('kind = "word"\nquestion = "Q"'), [(13, "field_missing")]),
        (predict('kind = "cell"\nquestion = "Q"\nanswer = 3'), [(15, "field_unknown")]),
        (predict('kind = "cell"\nquestion = ""'), [(14, "field_text")]),
        (predict('kind = "number"\nquestion = "Q"\nask = "d_head"\nlow = "a"'), [(16, "field_number")]),
        (predict('kind = "number"\nquestion = "Q"\nask = "d_head"\nlow = 2\nhigh = 1'), [(16, "low_high")]),
        (predict('kind = "choice"\nquestion = "Q"\noptions = [{text="a"}]'), [(15, "options")]),
        (predict('kind = "choice"\nquestion = "Q"\noptions = [{text="a"}, {text="b", ask="d_head"}]'), [(15, "option")]),
        (predict('kind = "choice"\nquestion = "Q"\npick = "best"\noptions = [{text="a", low=0}, {text="b", low=1}]'), [(15, "pick")]),
        (predict('kind = "word"\nquestion = '), [(14, "toml")]),
        (predict(f'kind = "number"\nlow = {"9" * 5000}'), [(13, "toml")]),
        (predict(f"kind = {'[' * 5000}"), [(13, "toml")]),
    ],
)
def test_each_mistake_has_its_line(body, wrong):
    parsed = lesson(body)
    assert keys(parsed) == wrong
    for mistake in parsed.mistakes:
        assert mistake.say("en")
        assert mistake.say("zh")


@pytest.mark.parametrize(
    ("head", "wrong"),
    [
        ("# S\n", [(1, "no_head")]),
        ("+++\ntitle = 'T'\n", [(1, "no_head")]),
        ("+++\ntitle = 'T'\nminutes =\n+++\n", [(3, "toml")]),
        (f"+++\nminutes = {'9' * 5000}\n+++\n", [(2, "toml")]),
        (f"+++\nmodels = {'[' * 5000}\n+++\n", [(2, "toml")]),
        (HEAD.replace('title = "T"\n', ""), [(1, "head_missing")]),
        (HEAD.replace("= 5", "= 0"), [(3, "head_wrong")]),
        (HEAD.replace('"see"', "3"), [(5, "head_wrong")]),
    ],
)
def test_the_front_matter_is_checked(head, wrong):
    assert keys(lesson("# S\n", head)) == wrong


def test_a_large_file_and_one_in_gbk_are_named():
    assert keys(parse_lesson(b"x" * (LARGEST + 1), name="t")) == [(1, "large")]
    assert keys(parse_lesson("+++\n标题\n".encode("gbk"), name="t")) == [(2, "not_utf8")]
    with pytest.raises(InputError, match="line 2"):
        read_lesson("+++\n标题\n".encode("gbk"), name="t")


def test_too_many_steps_are_refused():
    assert (8 + 2 * 80, "many_steps") in keys(lesson("---\n".join(["# S\n"] * 81)))


def test_a_link_may_carry_its_server_and_loses_the_language():
    view = read_link("https://school.example/lab/heads?text=a+b&lang=zh&layer=2")
    assert (view.page, view.query) == ("heads", {"text": "a b", "layer": "2"})
    assert with_changes(view, "layer=3&head=1").query == {"text": "a b", "layer": "3", "head": "1"}
    assert write_link("heads", {"text": "a b"}) == "heads?text=a+b"


def test_markdown_can_do_nothing():
    made = html_of("<script>alert(1)</script> ![x](http://evil/a.png) [l](javascript:alert(1)) <img src=x onerror=y>")
    assert "<script" not in made
    assert "<img" not in made
    assert "href" not in made
    assert "http://evil" not in made
    assert "&lt;script&gt;" in made
    assert 'rel="noopener' in html_of("[a](https://b.example)")


def test_formulas_are_drawings_and_dollars_stay_dollars():
    made = html_of(r"$\frac{a}{b}$ costs $5 and 6 $")
    assert made.count("<svg") == 1
    assert "$5 and 6 $" in made
    assert "<code>" in html_of(r"$\nothing{$")
    assert "<script" not in html_of("$<script>$")
    assert 'class="display"' in html_of("$$x$$")
    assert plain("**a** $x$ `b`") == "a x b"


def test_the_template_works_in_both_languages(tmp_path):
    for language, text in TEMPLATES.items():
        (tmp_path / "t").mkdir(exist_ok=True)
        (tmp_path / "t" / f"{language}.md").write_text(text, "utf-8")
    files = files_in(tmp_path)["t"]
    assert check_languages(files) == {}
    assert [check_file(file) for file in files.values()] == [[], []]


def test_languages_have_the_same_steps(tmp_path):
    english, other = lesson(predict('kind = "cell"\nquestion = "Q"')).lesson, lesson("# S\n" + VIEW).lesson
    assert not same_steps(english, english)
    assert [mistake.key for mistake in same_steps(english, other)] == ["lesson.step_differs"]
    assert [mistake.key for mistake in same_steps(english, lesson("# S\n---\n# T\n").lesson)] == ["lesson.steps_differ"]
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "en.md").write_text(HEAD + "# S\n")
    missing = check_languages(files_in(tmp_path)["t"])
    assert [mistake.key for found in missing.values() for mistake in found] == ["lesson.language_missing"]
    (folder / "zh.md").write_text(HEAD + "# S\n---\n# T\n")
    assert [mistake.key for mistake in check_languages(files_in(tmp_path)["t"])[folder / "zh.md"]] == ["lesson.steps_differ"]


def test_a_lesson_is_found_by_name_folder_or_path(tmp_path, monkeypatch):
    own = tmp_path / "mine"
    own.mkdir()
    (own / "en.md").write_text(HEAD + "# S\n")
    (tmp_path / "alone.md").write_text(HEAD + "# S\n")
    monkeypatch.setenv("ATTNLAB_LESSONS", str(tmp_path))
    assert {"mine", "alone"} <= set(shelf())
    assert find_lesson("mine").title == find_lesson(str(own)).title == find_lesson(str(own / "en.md"), "zh").title == "T"
    with pytest.raises(InputError, match="There is no lesson"):
        find_file("nowhere")
    with pytest.raises(InputError, match="cannot be read"):
        read_bytes(tmp_path / "absent.md")
