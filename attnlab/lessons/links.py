"""Our own links as a lesson holds them: what the address bar said, with or without the server in front."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from attnlab.lessons.lesson import View
from attnlab.words import InputError

# Every page that a lesson may open. Those of LOOK let a link say which head is shown; the picture of a step is that head's map.
PAGES = (
    *("heads", "layers", "compare", "atlas", "steps", "positions", "variants", "change", "ledger"),
    *("translate", "sentiment", "write", "fill", "train"),
)
LONGEST = 4000  # characters


def read_link(written: str, line: int = 0) -> View:
    """A view out of an address. Raises InputError for what is no address of a page of ours."""
    if len(written) > LONGEST:
        raise InputError("lesson.long_link", limit=LONGEST)
    try:
        parts = urlsplit(written.strip())
    except ValueError:
        raise InputError("lesson.no_link", given=written[:80]) from None
    page = parts.path.rstrip("/").rsplit("/", 1)[-1] or ("heads" if parts.query else "")
    if parts.scheme not in ("", "http", "https") or page not in PAGES:
        raise InputError("lesson.no_page", given=page or written[:80], known=", ".join(PAGES))
    query = {name: value for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in ("lang", "live")}
    return View(page, query, written.strip(), line)


def write_link(page: str, query: Mapping[str, str]) -> str:
    """The address of a view, from the root of the app."""
    return f"{page}?{urlencode(query)}" if query else page


def with_changes(view: View, changes: str) -> View:
    """The same view with some parameters changed: "layer=1&head=2"."""
    query = dict(view.query) | dict(parse_qsl(changes, keep_blank_values=True))
    return View(view.page, query, write_link(view.page, query), view.line)
