"""Any picture as one page that opens anywhere, with no network: the exact numbers, read with the mouse or the arrow keys."""

import base64
import json
from html import escape
from typing import Any

import numpy as np

from attnlab.figures import canvases
from attnlab.figures.components import script, styles
from attnlab.figures.labels import clean
from attnlab.figures.picture import Numbers, Panel, Picture, Series
from attnlab.figures.style import Words, lut
from attnlab.words import say

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
SEVERAL = 3  # more maps than these are drawn small
SMALL, LARGE = 170, 640  # pixels that a map is high at most


def page(picture: Picture, facts: str) -> bytes:
    """The page's bytes. facts: the record as JSON, read back by provenance.read_record."""
    numbers = picture.numbers
    words = numbers.words
    title = escape(clean(numbers.title) or numbers.kind)
    drawn = not numbers.panels or numbers.kind == "lines"  # what the page itself does not draw
    still = "" if not drawn else f'<img alt="{title}" src="data:image/svg+xml;base64,{_base64(picture.render("svg", facts))}">'
    data = _data(numbers)
    figures = '<figure><div class="frame"></div></figure>' * len(data["pictures"])
    size = "small" if len(numbers.panels) > SEVERAL else "large"
    body = (
        f'<!doctype html>\n<html lang="{words.language}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{styles("page")}{STYLE}</style></head>\n'
        f"<body><main><h1>{title}</h1><p>{escape(clean(numbers.caption))}</p><p>{escape(words.hint)}</p>"
        f'{still}<div id="main" class="{size}">{figures}</div></main>\n'
        f'<script type="application/json" id="attnlab-record">{_safe(facts)}</script>\n'
        f'<script type="application/json" id="data">{_safe(json.dumps(data, sort_keys=True))}</script>\n'
        f'<script type="module">{script("page", "matrix", "series")}</script></body></html>\n'
    )
    return body.encode("utf-8", "backslashreplace")


def _safe(text: str) -> str:
    """JSON that cannot end the element it stands in."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _data(numbers: Numbers) -> dict[str, Any]:
    """What hosts/page.js reads: each picture, and what is the same in all of them once."""
    maps = [_map(panel, numbers.words, SMALL if len(numbers.panels) > SEVERAL else LARGE) for panel in numbers.panels]
    common = maps[0]["meta"] if maps else {}
    shared = {name: value for name, value in common.items() if all(each["meta"][name] == value for each in maps)}
    for each in maps:
        each["meta"] = {name: value for name, value in each["meta"].items() if name not in shared}
    return {"common": shared, "pictures": [*maps, *(_series(series, numbers.axes) for series in numbers.series)]}


def _map(panel: Panel, words: Words, height: int) -> dict[str, Any]:
    """One heat map in the picture's own colours, with every digit."""
    said = {name: say(f"ui.{name}", words.language) for name in canvases.WORDS} | {"query": words.query, "key": words.key, "nothing": ""}
    sides = [clean(query) for query in panel.queries], [clean(key) for key in panel.keys]
    data = canvases.matrix(
        panel.values, *sides, words=said, low=panel.low, high=panel.high, title=clean(panel.name), name=panel.legend or None,
        height=height, exact=True,
    )  # fmt: skip
    own = lut(panel.colours).hex()
    values = np.ascontiguousarray(panel.values, "<f4")
    return {
        "component": "matrix",
        "values": {"kind": "float32", "base64": _base64(values.tobytes())},
        "meta": data["meta"] | {"light": own, "dark": own},
    }


def _series(series: Series, axes: tuple[str, str]) -> dict[str, Any]:
    """Every number as its shortest digits; nothing where there is none."""
    parts = (series.x, series.y, series.low, series.high)
    columns = [[""] * len(series.x) if part is None else [str(v) if np.isfinite(v) else "" for v in part] for part in parts]
    texts = [""] * len(series.x) if series.texts is None else [clean(text) for text in series.texts]
    rows = [list(row) for row in zip(*columns, texts, strict=True)]
    return {"component": "series", "meta": {"name": clean(series.name), "headings": [*map(clean, axes), "low", "high", ""], "rows": rows}}


STYLE = """
body{font:14px system-ui,sans-serif;margin:16px;background:Canvas;color:CanvasText}
h1{font-size:18px}#main{display:flex;flex-wrap:wrap;gap:20px}figure{margin:8px 0}
.large figure{width:min(100%,720px)}.small figure{width:230px}
.small .legend{display:none}img{max-width:100%;background:#fff}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:2px 8px;text-align:right}tr:focus,tr:hover{background:#8884}
"""
