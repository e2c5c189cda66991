"""The numbers of a picture as a table, as arrays or as sentences: CSV, NPZ, and HTML that a screen reader can walk."""

import csv
import io
import re
import zipfile
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from attnlab.figures.labels import clean
from attnlab.figures.picture import Numbers, Panel, Series

MOST = 64  # rows and columns of a table on a page
PANELS = 12  # matrices of a picture that a page has tables of
STYLE = "overflow:auto;max-height:30rem;font-variant-numeric:tabular-nums"


def table(numbers: Numbers) -> bytes:
    """CSV, UTF-8 with a mark that spreadsheets know. One matrix: keys across, queries down. Several, or curves: one value a line.

    Numbers are the shortest that read back as the same float32. A label that a spreadsheet would run as a formula gets an apostrophe.
    """
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    if numbers.series:
        rows.writerow([numbers.words.series, *map(_cell, numbers.axes), "low", "high", "name"])
        for series in numbers.series:
            for i, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
                ends = [_number(end[i]) if end is not None else "" for end in (series.low, series.high)]
                rows.writerow([_cell(series.name), _number(x), _number(y), *ends, _cell(series.texts[i]) if series.texts else ""])
    elif len(numbers.panels) == 1:
        _matrix(rows, numbers.panels[0])
    else:
        rows.writerow(["panel", "query_index", "query", "key_index", "key", "value"])
        for panel in numbers.panels:
            _tidy(rows, panel)
    return out.getvalue().encode("utf-8-sig", "backslashreplace")


def _matrix(rows: Any, panel: Panel) -> None:
    rows.writerow(["", *map(_cell, panel.keys)])
    rows.writerows([_cell(query), *map(_number, values)] for query, values in zip(panel.queries, panel.values, strict=True))


def _tidy(rows: Any, panel: Panel) -> None:
    name, keys = _cell(panel.name), [_cell(key) for key in panel.keys]
    for q, query in enumerate(panel.queries):
        said = _cell(query)
        rows.writerows([name, q, said, k, key, _number(value)] for k, (key, value) in enumerate(zip(keys, panel.values[q], strict=True)))


def _number(value: Any) -> str:
    """The shortest digits that read back as the same number; nothing where there is none."""
    return "" if np.isnan(value) else str(value)


def _cell(text: str) -> str:
    formula = len(text) > 1 and text[0] in "=+-@\t\r" and not re.fullmatch(r"[+-]?[\d.]+", text)
    return "'" + text if formula else text


def arrays(numbers: Numbers, facts: str) -> bytes:
    """NPZ: for one matrix `weights` [q k], `queries`, `keys`; for several the same names after "<panel>."; for curves x, y, low, high.

    Beside the arrays lies `record`: where they came from, as JSON in one string.
    """
    held: dict[str, Any] = {}
    names = _distinct([panel.name for panel in numbers.panels])
    for name, panel in zip(names, numbers.panels, strict=True):
        before = "" if len(names) == 1 else f"{name}."
        held |= {f"{before}weights": panel.values, f"{before}queries": _texts(panel.queries), f"{before}keys": _texts(panel.keys)}
    for name, series in zip(_distinct([s.name for s in numbers.series]), numbers.series, strict=True):
        parts = {"x": series.x, "y": series.y, "low": series.low, "high": series.high}
        held |= {f"{name}.{part}": values for part, values in parts.items() if values is not None}
        held |= {f"{name}.names": _texts(series.texts)} if series.texts else {}
    held["record"] = np.array(facts)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in held.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(values), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _texts(texts: tuple[str, ...]) -> Any:
    """An array of labels. What numpy cannot hold at the end of a string, or no file can hold, is written as its escape."""
    return np.array([t.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode() for t in texts], dtype=np.str_)


def _distinct(names: list[str]) -> list[str]:
    """The names as parts of a file name, none empty and no two the same."""
    made: list[str] = []
    for number, name in enumerate(names):
        plain = re.sub(r"[^\w-]+", "_", name, flags=re.ASCII).strip("_")[:40] or str(number)
        made.append(plain if plain not in made else f"{plain}-{number}")
    return made


def digits(value: float) -> str:
    """A number as a person reads it: four decimals or three digits of a tiny one, a true minus, no negative zero; a dash for none."""
    if not np.isfinite(value):
        return "–"
    tiny = 0 < abs(value) < 0.00005
    return (f"{value:.1e}" if tiny else f"{value + 0.0:.0f}" if value == round(value) else f"{value:.4f}").replace("-", "−")


def cut(numbers: Numbers) -> bool:
    """Whether the tables on a page leave something out."""
    sizes = [size for panel in numbers.panels for size in panel.values.shape] + [len(series.x) for series in numbers.series]
    return max(sizes, default=0) > MOST or len(numbers.panels) > PANELS


def html_tables(numbers: Numbers) -> str:
    """Every matrix or curve as an HTML table whose cells know their row and column. Text is escaped; at most MOST rows and columns."""
    made = [_panel_table(panel, numbers) for panel in numbers.panels[:PANELS]] + _series_tables(numbers)
    return f'<div style="{STYLE}" tabindex="0">{"".join(made)}</div>'


def _panel_table(panel: Panel, numbers: Numbers) -> str:
    words, keys = numbers.words, panel.keys[:MOST]
    head = f"<th>{escape(words.query)} ↓ {escape(words.key)} →</th>" + "".join(map(_column, keys))
    rows = "".join(
        f'<tr><th scope="row">{escape(clean(query))}</th>' + "".join(f"<td>{digits(float(v))}</td>" for v in row[:MOST]) + "</tr>"
        for query, row in zip(panel.queries[:MOST], panel.values, strict=False)
    )
    return f"<table><caption>{escape(clean(panel.name or numbers.title))}</caption><tr>{head}</tr>{rows}</table>"


def _series_tables(numbers: Numbers) -> list[str]:
    """Curves over the same places share a table, a column each; a band has two columns more."""
    shared = len({(series.x.tobytes(), series.texts) for series in numbers.series}) == 1
    groups = [numbers.series] if shared else [(series,) for series in numbers.series]
    return [_series_table(group, numbers) for group in groups]


def _series_table(group: Sequence[Series], numbers: Numbers) -> str:
    names, parts = [], []
    for series in group:
        ends = [end for end in (series.low, series.high) if end is not None]
        names += [series.name, *([numbers.words.lowest, numbers.words.highest] if len(ends) == 2 else [])]
        parts += [series.y, *ends]
    rows = "".join(
        f'<tr><th scope="row">{escape(clean(_place(group[0], i)))}</th>'
        + "".join(f"<td>{digits(float(y[i]))}</td>" for y in parts)
        + "</tr>"
        for i in range(min(len(group[0].x), MOST))
    )
    head = "".join(map(_column, [numbers.axes[0], *names]))
    return f"<table><caption>{escape(clean(numbers.axes[1]))}</caption><tr>{head}</tr>{rows}</table>"


def _column(name: str) -> str:
    return f'<th scope="col">{escape(clean(name))}</th>'


def _place(series: Series, i: int) -> str:
    """What a point of a curve is called: its own name, else its x."""
    return series.texts[i] if series.texts else digits(float(series.x[i]))


def summaries(numbers: Numbers) -> list[str]:
    """A sentence for each curve: where it begins and ends, and its lowest and highest point."""
    return [_summary(series, numbers.words.summary) for series in numbers.series if np.isfinite(series.y).any()]


def _summary(series: Series, sentence: str) -> str:
    known = np.flatnonzero(np.isfinite(series.y))
    low, high = known[np.argmin(series.y[known])], known[np.argmax(series.y[known])]
    first, last = known[0], known[-1]
    values = {name: digits(float(series.y[i])) for name, i in (("first", first), ("last", last), ("low", low), ("high", high))}
    places = {name: _place(series, int(i)) for name, i in (("start", first), ("end", last), ("at_low", low), ("at_high", high))}
    return sentence.format(name=clean(series.name), **values, **places)
