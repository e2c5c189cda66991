"""Lessons from the command line: check, new, print."""

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from attnlab.commands import check_output
from attnlab.files import write
from attnlab.words import LANGUAGES, InputError, say

app = typer.Typer()
lessons = typer.Typer(help="Lessons: check a file, begin a new one, print a sheet.", no_args_is_help=True)
app.add_typer(lessons, name="lesson")

Language = Literal["en", "zh"]
NAME = re.compile(r"[\w-]{1,60}")


@lessons.command()
def check(path: Annotated[Path, typer.Argument(help="A lesson's file, its folder, or a folder of lessons.", show_default=False)]) -> None:
    """Name every mistake with its line; open and paint every view; compare the languages. Exit status 2 when there is one."""
    from attnlab.lessons.shelf import check_file, check_languages, files_in
    from attnlab.lessons.shelf import find_file as find

    lessons = files_in(path) if path.is_dir() else {path.stem: {"": find(str(path))}}
    if path.is_dir() and not any(set(files) & set(LANGUAGES) and len(files) > 1 for files in lessons.values()):
        inside = {file.stem: file for file in sorted(path.glob("*.md")) if file.stem in LANGUAGES}
        lessons = {path.name: inside} if inside else lessons
    if not lessons:
        raise InputError("lesson.nothing", folder=path)
    found = 0
    for files in lessons.values():
        differ = check_languages(files) if "" not in files else {}
        for file in files.values():
            mistakes = [*check_file(file), *differ.get(file, [])]
            for mistake in mistakes:
                print(f"{file}:{mistake.line}: {mistake.say()}")
            if not mistakes:
                print(say("lesson.good", file=file, steps=steps_in(file)))
            found += len(mistakes)
    if found:
        raise InputError("lesson.mistakes", count=found, files=sum(map(len, lessons.values())))


def steps_in(file: Path) -> int:
    from attnlab.lessons.read import parse_lesson

    lesson = parse_lesson(file.read_bytes(), name=file.stem).lesson
    return 0 if lesson is None else len(lesson.steps)


@lessons.command()
def new(
    name: Annotated[str, typer.Argument(help="Of the lesson: letters, digits, - and _.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write it in.")] = Path("."),
) -> None:
    """Write a template in both languages: NAME/en.md and NAME/zh.md. It is a lesson that works, to be changed."""
    from attnlab.lessons.template import TEMPLATES

    if not NAME.fullmatch(name):
        raise InputError("lesson.bad_name", given=name)
    folder = output / name
    if folder.exists():
        raise InputError("error.exists", file=folder)
    try:
        folder.mkdir(parents=True)
        for language, text in TEMPLATES.items():
            (folder / f"{language}.md").write_text(text, "utf-8")
            print(say("lesson.made", file=folder / f"{language}.md"))
    except OSError:
        raise InputError("error.unwritable", file=folder) from None


@lessons.command(name="print")
def print_(
    lesson: Annotated[str, typer.Argument(help="A lesson's name, or the path of its file.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write: .pdf or .html.", show_default=False)],
    language: Annotated[Language, typer.Option(help="en or zh.")] = "en",
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write a sheet for the class: real figures, room for predictions, answers and notes on the last pages."""
    from attnlab.lessons.handout import write_handout
    from attnlab.lessons.shelf import find_lesson

    check_output(output, (".pdf", ".html"), force=force)
    opened = find_lesson(lesson, language)
    write(output, write_handout(opened, output.suffix.lower().removeprefix("."), language), force=force)
    print(say("lesson.made", file=output))
