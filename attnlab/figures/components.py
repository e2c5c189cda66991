"""The components that draw in a browser, as text: JavaScript modules put one behind the other, and styles. There is nothing to build.

What a component is stands at the head of assets/components/shared.js.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Literal

from attnlab.words import ASSETS

ROOM = ASSETS / "components"
Host = Literal["streamlit", "notebook", "page"]
IMPORT = re.compile(r"^import \{[^}]*\} from '(\.[^']+)';\n", re.MULTILINE)
COMMENT = re.compile(r"^ *//.*\n", re.MULTILINE)
MARGIN = re.compile(r"^ +", re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class) )", re.MULTILINE)


@cache
def script(host: Host, *names: str, css: tuple[str, ...] = ()) -> str:
    """A module that shows components in a host: assets/components/NAME.js, everything it imports, and the host's own file.

    Its default export is what the host's `mount` makes of the functions called as the files. A notebook's is given several, and the
    styles `css` with them, and goes without comments and wide margins: every widget that is saved holds it. Raises FileNotFoundError for
    another name.
    """
    text = _join([ROOM / "hosts" / f"{host}.js", *(ROOM / f"{name}.js" for name in names)])
    functions = ", ".join(name.rpartition("/")[2] for name in names)
    given = f"[{functions}], {json.dumps(styles(host, *css))}" if host == "notebook" else functions
    whole = f"{text}export default mount({given});\n"
    return MARGIN.sub(" ", COMMENT.sub("", whole)) if host == "notebook" else whole


@cache
def styles(host: Host, *names: str) -> str:
    """The host's colours, what all components share, and these components' own styles."""
    return "".join((ROOM / f"{name}.css").read_text("utf-8") for name in (f"hosts/{host}", "shared", *names))


def _join(files: list[Path]) -> str:
    """The text of these modules, each after those it imports, without the lines that import and the words that export."""
    texts: dict[Path, str] = {}

    def take(file: Path) -> None:
        if file in texts:
            return
        text = file.read_text("utf-8")
        for there in IMPORT.findall(text):
            take((file.parent / there).resolve())
        texts[file] = EXPORT.sub("", IMPORT.sub("", text))

    for file in files:
        take(file.resolve())
    return "".join(texts.values())
