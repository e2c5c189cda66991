"""Files that are written whole or not at all, and names that a file may have."""

import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attnlab.words import InputError

# what the system says when the name or the folder is wrong, and not the disk
PLACE = ("ENOENT", "ENOTDIR", "EISDIR", "EACCES", "EPERM", "EROFS", "ENAMETOOLONG", "EINVAL", "ELOOP")


def write(path: str | Path, data: bytes, *, force: bool = False) -> Path:
    """Put a file on disk, whole or not at all. Raises InputError if it exists (unless forced) or cannot be written."""
    with draft(path, force=force) as beside:
        beside.write_bytes(data)
    return Path(path)


@contextmanager
def draft(path: str | Path, *, force: bool = False) -> Iterator[Path]:
    """An empty file beside `path` that takes its place when all is written, and is gone if anything goes wrong before.

    It is flushed to the disk first, so that neither a kill nor a power cut leaves half a file.
    Raises InputError when `path` exists (unless forced), when nothing can be written there, and when the disk is full.
    """
    path = Path(path)
    beside = path.parent / f".{secrets.token_hex(6)}.part"
    with explained(path):
        begin(beside, path, force=force)
    try:
        with explained(path):
            yield beside
            flush(beside)
            move(beside, path, force=force)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns the system's refusals into a sentence about this file."""
    try:
        yield
    except FileExistsError:
        raise InputError("error.exists", file=path) from None
    except OSError as error:
        if errno.errorcode.get(error.errno or 0) in PLACE:
            raise InputError("error.unwritable", file=path) from None
        raise InputError("error.not_written", path=path, why=error.strerror or error) from None


def begin(beside: Path, path: Path, *, force: bool) -> None:
    """The empty file that will become `path`, if it may. Raises FileExistsError and OSError where it may not."""
    if path.is_file() and not force:
        raise FileExistsError(path)
    if not possible(path) or (os.path.lexists(path) and not path.is_file()):  # a folder, a device, a link to nowhere
        raise InputError("error.unwritable", file=path)
    beside.touch(exist_ok=False)


def possible(path: Path) -> bool:
    """Whether the system can have a file of this name: no zero byte, no half of a character."""
    try:
        return b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        return False


def make_folder(folder: Path) -> None:
    """The folder and those above it, where they are missing. Raises InputError where there can be none."""
    with explained(folder):
        if not possible(folder) or (folder.exists() and not folder.is_dir()):
            raise InputError("error.unwritable", file=folder)
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold a folder while one process writes into it; let go when the process ends, however it does.

    Raises InputError when another holds it. Where the system has no such locks (Windows), nobody is refused.
    """
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            flock(handle, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise InputError("error.folder_busy", folder=folder) from None
        yield
    finally:
        os.close(handle)


def flush(file: Path) -> None:
    """Everything of a file from the system's memory to the disk. Raises OSError when there is no room."""
    handle = os.open(file, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def move(beside: Path, path: Path, *, force: bool) -> None:
    """Into place. Raises FileExistsError, unless forced, for a file that is there."""
    if not force:
        try:
            return os.link(beside, path)
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if os.path.lexists(path):
                raise FileExistsError(path) from None
    return os.replace(beside, path)


def safe_name(name: str, *, otherwise: str) -> str:
    """A name for a file or a model that stays in its folder: letters, digits, "_", "-" and ".", at most 40; `otherwise` if none is left."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:40] or otherwise
