"""What the page tests share: opening a page as a link does, and all the words that stand on it."""

from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

FRAME = Path(__file__).resolve().parents[2] / "pages" / "frame.py"
HOME = "start/home.py"


def opened(page: str, /, **query: str) -> AppTest:
    """A page inside its frame, as a link opens it."""
    app = AppTest.from_file(str(FRAME), default_timeout=600)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    app = app if page == HOME else app.switch_page(page).run()
    assert not app.exception, [each.message for each in app.exception]
    return app


def words(app: AppTest) -> str:
    """Everything that is said on the page, a line each."""
    kinds: list[Any] = [app.title, app.header, app.markdown, app.caption, app.info, app.success, app.warning, app.error]
    return "\n".join(str(element.value) for kind in kinds for element in kind)
