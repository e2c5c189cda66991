"""Where lessons are found: those that came with attnlab, and a teacher's own folder (ATTNLAB_LESSONS)."""

import os
from collections.abc import Mapping
from pathlib import Path

from attnlab.lessons.lesson import Lesson, Mistake
from attnlab.lessons.opening import open_lesson, same_steps
from attnlab.lessons.read import LARGEST, parse_lesson, read_lesson
from attnlab.words import ASSETS, LANGUAGES, InputError

SHIPPED = ASSETS / "lessons"
FOLDER = "ATTNLAB_LESSONS"  # the environment names a folder of the teacher's own


def shelf() -> dict[str, dict[str, Path]]:
    """Every lesson by name, and its files by language, in the order in which they are taught. A teacher's own come first."""
    own = os.environ.get(FOLDER)
    return ({} if not own else files_in(Path(own).expanduser())) | files_in(SHIPPED)


def files_in(folder: Path) -> dict[str, dict[str, Path]]:
    """The lessons of a folder: <name>/<language>.md, or <name>.md that stands alone."""
    found: dict[str, dict[str, Path]] = {}
    for file in sorted(folder.glob("*/*.md")):
        if file.stem in LANGUAGES:
            found.setdefault(file.parent.name, {})[file.stem] = file
    for file in sorted(folder.glob("*.md")):
        found.setdefault(file.stem, {})["en"] = file
    return found


def find_lesson(name: str, language: str = "en") -> Lesson:
    """A lesson by its name or by the path of its file. Raises InputError for one that is not there or has a mistake."""
    return read_lesson(read_bytes(find_file(name, language)), name=name_of(find_file(name, language)), language=language)


def find_file(name: str, language: str = "en") -> Path:
    """The file of a lesson by name, folder or path. Raises InputError that lists what is there."""
    path = Path(name).expanduser()
    if path.is_file():
        return path
    files = shelf().get(name) or ({file.stem: file for file in path.glob("*.md") if file.stem in LANGUAGES} if path.is_dir() else {})
    if not files:
        raise InputError("lesson.unknown", given=name, known=", ".join(shelf()) or "–")
    return files.get(language) or next(iter(files.values()))


def name_of(file: Path) -> str:
    return file.parent.name if file.stem in LANGUAGES else file.stem


def read_bytes(file: Path) -> bytes:
    """A file, or as much of it as shows that it is too large. Raises InputError when it cannot be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(LARGEST + 1)
    except OSError as error:
        raise InputError("error.unreadable", path=file, why=error.strerror or "?") from None


def check_file(file: Path, models: bool = True) -> list[Mistake]:
    """Every mistake of a file: what cannot be read, and what the models do not bear out."""
    parsed = parse_lesson(read_bytes(file), name=name_of(file), language=file.stem if file.stem in LANGUAGES else "en")
    if parsed.lesson is None or not models:
        return list(parsed.mistakes)
    return sorted([*parsed.mistakes, *open_lesson(parsed.lesson).mistakes], key=lambda mistake: mistake.line)


def check_languages(files: Mapping[str, Path]) -> dict[Path, list[Mistake]]:
    """Where the languages of one lesson do not have the same steps, by the file to change; a missing language is one too."""
    read = {code: parse_lesson(read_bytes(file), name=name_of(file), language=code).lesson for code, file in files.items()}
    first = next(iter(files.values()))
    found: dict[Path, list[Mistake]] = {}
    missing = [code for code in LANGUAGES if code not in files]
    if missing and first.stem in LANGUAGES:
        found[first] = [Mistake(1, "lesson.language_missing", {"languages": ", ".join(missing)})]
    lessons = [(code, lesson) for code, lesson in read.items() if lesson is not None]
    for code, lesson in lessons[1:]:
        if differ := same_steps(lessons[0][1], lesson):
            found[files[code]] = differ
    return found
