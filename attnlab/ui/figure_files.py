"""Pictures of the pages without a browser: a page runs as its link opens it and says what it draws. What `attnlab figure` is made of."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from streamlit.testing.v1 import AppTest

from attnlab.figures import format_of, panels, save
from attnlab.figures.export import still
from attnlab.figures.provenance import record
from attnlab.figures.style import Look, words_in
from attnlab.files import write
from attnlab.lessons.links import read_link
from attnlab.ui.save import HEAR, Drawn
from attnlab.words import PACKAGE, InputError

PAGES = PACKAGE / "app" / "pages" if (PACKAGE / "app").is_dir() else PACKAGE.parent / "pages"  # installed, or in the source tree
SECONDS = 600  # that a page may take


def pictures(view: str) -> dict[str, Drawn]:
    """What a page draws when this link opens it, by the key of each picture. Raises InputError for no page, and for what it refuses."""
    page = read_link(view).page
    app = AppTest.from_file(str(PAGES / "frame.py"), default_timeout=SECONDS)
    for name, value in parse_qsl(urlsplit(view).query, keep_blank_values=True):
        app.query_params[name] = value
    heard: dict[str, Drawn] = {}
    app.session_state[HEAR] = lambda drawn: heard.setdefault(drawn.key, drawn)
    app.switch_page(next(PAGES.glob(f"*/{page}.py")).relative_to(PAGES).as_posix()).run()
    if app.exception or app.error:
        raise InputError("error.page_refuses", link=view, why=(app.exception or app.error)[0].value.replace("\\", ""))
    return heard


def picture(view: str) -> Drawn:
    """The one that the link names after a #, else the first. Raises InputError that lists what there is."""
    wanted, found = urlsplit(view).fragment, pictures(view)
    if not found:
        raise InputError("error.no_pictures", link=view)
    if wanted and wanted not in found:
        raise InputError("error.no_picture", link=view, given=wanted, known=", ".join(found))
    return found[wanted] if wanted else next(iter(found.values()))


def draw(views: Sequence[str], options: Mapping[str, Any], format: str) -> bytes:
    """One picture, or several as panels of one figure. options: of the look, where they are not what the first link says."""
    drawn = [picture(view) for view in views]
    words = words_in(dict(parse_qsl(urlsplit(views[0]).query)).get("lang", "en"))
    look = replace(drawn[0].look, **options)
    every = [still(one.draw(look if len(drawn) == 1 else Look(), words)) for one in drawn]
    if len(drawn) == 1:
        facts = drawn[0].facts
        told = dict(facts.get("options") or {}) | look.changed()
        return save(every[0], format, record=record(**{**facts, "options": told or None}))
    about = record(options=look.changed() or None, panels=[record(**one.facts) for one in drawn])
    return save(panels.figure([panels.view_of(one) for one in every], look=look, words=words), format, record=about)


def main() -> int:
    """What the command hands over as JSON: views, options, output, force. 2 and a line on stderr for a mistake."""
    asked = json.load(sys.stdin)
    try:
        path = Path(asked["output"])
        write(path, draw(asked["views"], asked["options"], format_of(path)), force=asked["force"])
    except InputError as mistake:
        sys.stderr.write(f"{mistake}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
