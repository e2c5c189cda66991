"""Any picture as a file: PNG, SVG, PDF, HTML, CSV, NPZ. The same picture gives the same bytes."""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attnlab.figures import provenance
from attnlab.words import InputError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as Chart

    from attnlab.figures.picture import Picture

FORMATS = ("png", "svg", "pdf", "html", "csv", "npz")
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
    from attnlab.figures import tables
    from attnlab.figures.html import page

    picture = still(figure)
    facts = provenance.dump({"figure": picture.numbers.kind} | dict(record or {}))
    if format in ("png", "svg", "pdf"):
        return picture.render(format, facts, dpi)
    if format == "html":
        return page(picture, facts)
    if format == "csv":
        return tables.table(picture.numbers)
    if format == "npz":
        return tables.arrays(picture.numbers, facts)
    raise InputError("error.figure_format", given=format, known=", ".join(FORMATS))


def still(figure: "Picture | Chart") -> "Picture":
    """The picture itself, or the static twin of a chart."""
    if hasattr(figure, "numbers"):
        return figure
    from attnlab.figures.curves import static

    return static(figure)


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
