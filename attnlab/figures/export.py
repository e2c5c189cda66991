"""Any picture as a file: PNG, SVG, PDF, HTML, CSV, NPZ. The same picture gives the same bytes."""

import csv
import io
import math
import os
import re
import secrets
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attnlab.figures import provenance
from attnlab.figures.style import drawing
from attnlab.version import VERSION
from attnlab.words import InputError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as Chart

    from attnlab.figures.picture import Numbers, Panel, Picture

FORMATS = ("png", "svg", "pdf", "html", "csv", "npz")
PIXELS = 64_000_000  # of a PNG at most: four bytes each while it is drawn
MIME = {
    "png": "image/png",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
    "html": "text/html",
    "csv": "text/csv",
    "npz": "application/zip",
    "zip": "application/zip",
}


def save(figure: "Picture | Chart", format: str, *, record: Mapping[str, Any] | None = None, dpi: int | None = None) -> bytes:
    """The bytes of a file. A plotly figure from `curves` is drawn as its static twin.

    record: what provenance.record made; every format but CSV carries it. dpi: of PNG, otherwise what the look says.
    Raises InputError for a format that does not exist.
    """
    picture = _still(figure)
    facts = provenance.dump({"figure": picture.numbers.kind} | dict(record or {}))
    if format in ("png", "svg", "pdf"):
        return _drawn(picture, format, facts, dpi)
    if format == "html":
        from attnlab.figures.html import page

        return page(picture, facts)
    if format == "csv":
        return table(picture.numbers)
    if format == "npz":
        return arrays(picture.numbers, facts)
    raise InputError("error.figure_format", given=format, known=", ".join(FORMATS))


def _still(figure: "Picture | Chart") -> "Picture":
    if hasattr(figure, "numbers"):
        return figure
    from attnlab.figures.curves import static

    return static(figure)


def _drawn(picture: "Picture", format: str, facts: str, dpi: int | None) -> bytes:
    title, maker, out = picture.numbers.title, f"attnlab {VERSION}", io.BytesIO()
    every: dict[str, dict[str, Any]] = {
        "png": {"Software": maker, "attnlab": facts},
        "svg": {"Creator": maker, "Date": None, "Description": facts},
        "pdf": {"Creator": maker, "CreationDate": None, "Title": _ascii(title), "Keywords": facts},
    }
    metadata = every[format]
    fine = dpi or (picture.look.dpi if format == "png" else 300)
    with drawing():
        picture.savefig(out, format=format, dpi=min(fine, _finest(picture)), metadata=metadata, facecolor="white")
    return _named(out.getvalue(), picture) if format == "svg" else out.getvalue()


def _finest(picture: "Picture") -> float:
    """The most pixels an inch that stay within PIXELS in all."""
    width, height = picture.get_size_inches()
    return min(math.sqrt(PIXELS / (width * height)), 65_000 / max(width, height))


def _ascii(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _named(svg: bytes, picture: "Picture") -> bytes:
    """An SVG that tells a screen reader what it is."""
    from attnlab.figures.labels import clean

    name = escape(clean(picture.numbers.title) or picture.numbers.kind)
    about = escape(clean(picture.numbers.caption))
    head = f"<title>{name}</title>\n <desc>{about}</desc>\n <metadata".encode()
    return svg.replace(b"<metadata", head, 1).replace(b"<svg ", b'<svg role="img" ', 1)


def table(numbers: "Numbers") -> bytes:
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


def _matrix(rows: Any, panel: "Panel") -> None:
    rows.writerow(["", *map(_cell, panel.keys)])
    rows.writerows([_cell(query), *map(_number, values)] for query, values in zip(panel.queries, panel.values, strict=True))


def _tidy(rows: Any, panel: "Panel") -> None:
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


def arrays(numbers: "Numbers", facts: str) -> bytes:
    """NPZ: for one matrix `weights` [q k], `queries`, `keys`; for several the same names after "<panel>."; for curves x, y, low, high.

    Beside the arrays lies record.json.
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
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in held.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(values), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getvalue(), zipfile.ZIP_DEFLATED)
        archive.writestr(zipfile.ZipInfo("record.json"), facts, zipfile.ZIP_DEFLATED)
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


def format_of(path: str | Path) -> str:
    """The format that a file name asks for. Raises InputError that lists what is possible."""
    ending = Path(path).suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise InputError("error.extension", file=str(path), kinds=", ".join(FORMATS))
    return ending


def write(path: str | Path, data: bytes, *, force: bool = False) -> Path:
    """Put a file on disk, whole or not at all. Raises InputError if it exists (unless forced) or cannot be written."""
    path = Path(path)
    beside = path.with_name(f".{secrets.token_hex(6)}.part") if path.name else path
    try:
        if path.exists() and not (force and path.is_file()):
            raise InputError("error.unwritable" if path.is_dir() else "error.exists", file=str(path))
        beside.write_bytes(data)
        _move(beside, path, force)
    except FileExistsError:
        raise InputError("error.exists", file=str(path)) from None
    except (OSError, ValueError) as error:
        raise error if isinstance(error, InputError) else InputError("error.unwritable", file=str(path)) from None
    finally:
        if path.name:
            _remove(beside)
    return path


def _move(beside: Path, path: Path, force: bool) -> None:
    """Into place; without force a file that appeared in the meantime stays."""
    if not force:
        try:
            return os.link(beside, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if path.exists():
                raise FileExistsError(path) from None
    return os.replace(beside, path)


def _remove(path: Path) -> None:
    with suppress(OSError, ValueError):
        path.unlink(missing_ok=True)
