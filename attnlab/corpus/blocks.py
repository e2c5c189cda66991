"""A corpus in numbered blocks, each with a file of its own that is written whole or not at all: what is done stays done.

Merging is adding exact sums, so any number of workers, any order and any kill give the same bits. A block whose file is there is not
measured again, if its lines are still the same.
"""

import json
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from functools import reduce
from itertools import islice
from multiprocessing import get_context
from operator import add
from pathlib import Path
from typing import Any

from attnlab import files
from attnlab.corpus.measuring import Block, TooLong, digest, from_bytes, work
from attnlab.corpus.reading import SIZE, Choice, Line, lines_of
from attnlab.version import VERSION
from attnlab.words import InputError

PLAN = "plan.json"


@dataclass(frozen=True)
class Plan:
    """What is measured; two plans that differ do not share a folder."""

    model: str
    revision: str
    source: str
    choice: Choice
    too_long: TooLong = "stop"
    size: int = SIZE  # lines of a block: how sentences stand together can move a last bit
    version: str = VERSION
    dtype: str = "float32"  # of the model


@dataclass(frozen=True)
class Progress:
    """After each block: how many lines are done, of which how many were there before."""

    lines: int
    found: int


Answer = bytes | tuple[str, dict[str, Any]]
Submit = Callable[[str, Sequence[Line], TooLong], "Future[Answer]"]


def cut(lines: Iterator[Line], size: int = SIZE) -> Iterator[list[Line]]:
    """Block after block."""
    while block := list(islice(lines, size)):
        yield block


def file_of(folder: Path, number: int) -> Path:
    return folder / f"{number:08d}.npz"


def begin(folder: Path, plan: Plan) -> None:
    """A new folder for a plan, or the one that the same plan has begun. Raises InputError for one of another plan."""
    files.make_folder(folder)
    wanted = json.dumps(asdict(plan), indent=1)
    place = folder / PLAN
    if place.exists():
        if place.read_text("utf-8") != wanted:
            raise InputError("error.measure_other", folder=folder)
    elif any(folder.iterdir()):
        raise InputError("error.measure_other", folder=folder)
    else:
        files.write(place, wanted.encode())


def run(plan: Plan, folder: Path, pool: AbstractContextManager[Submit], *, waiting: int = 4) -> Iterator[Progress]:
    """Measure what is not measured yet, at most `waiting` blocks at a time beyond those written. Yields after each block.

    Raises InputError for a line that cannot be read, and for a corpus that is not the one begun with.
    """
    begin(folder, plan)
    lines = found = 0
    under_way: deque[tuple[int, int, Future[Answer]]] = deque()
    with pool as submit:
        for number, block in enumerate(cut(lines_of(Path(plan.source), plan.choice), plan.size)):
            file = file_of(folder, number)
            if file.exists():
                check(file, block)
                lines, found = lines + len(block), found + len(block)
                yield Progress(lines, found)
                continue
            under_way.append((number, len(block), submit(plan.model, block, plan.too_long)))
            if len(under_way) >= waiting:
                lines += put(folder, *under_way.popleft())
                yield Progress(lines, found)
        while under_way:
            lines += put(folder, *under_way.popleft())
            yield Progress(lines, found)


def check(file: Path, block: Sequence[Line]) -> None:
    """Raises InputError when the lines of a block that is done have changed since."""
    if read(file).digest != digest(block):
        raise InputError("error.corpus_changed", first=block[0].number, last=block[-1].number, folder=file.parent)


def put(folder: Path, number: int, lines: int, answer: "Future[Answer]") -> int:
    """Write a block that is done. Returns how many lines it has."""
    found = answer.result()
    if isinstance(found, tuple):
        raise InputError(found[0], **found[1])
    files.write(file_of(folder, number), found, force=True)
    return lines


def read(file: Path) -> Block:
    """A block's file. Raises InputError for one that is damaged."""
    try:
        return from_bytes(file.read_bytes())
    except (ValueError, KeyError, OSError, EOFError) as error:
        raise InputError("error.measure_damaged", path=file) from error


def merged(folder: Path) -> Block:
    """All blocks of a folder as one. Raises InputError when there is none."""
    found = sorted(folder.glob("*.npz"))
    if not found:
        raise InputError("error.measure_empty", file=json.loads((folder / PLAN).read_text("utf-8"))["source"])
    return reduce(join, map(read, found))


def join(a: Block, b: Block) -> Block:
    return Block("", add(a.totals, b.totals), add(a.top, b.top), a.cut + b.cut, a.skipped + b.skipped)


def clear(folder: Path) -> None:
    """A folder in which no block was done is no beginning."""
    if not any(folder.glob("*.npz")):
        end(folder)


def end(folder: Path) -> None:
    """The blocks are not needed any more."""
    shutil.rmtree(folder, ignore_errors=True)


# Who measures


@contextmanager
def here() -> Iterator[Submit]:
    """This process, one block after the other."""

    def submit(name: str, lines: Sequence[Line], too_long: TooLong) -> "Future[Answer]":
        done: Future[Answer] = Future()
        done.set_result(work(name, lines, too_long))
        return done

    yield submit


@contextmanager
def processes(workers: int) -> Iterator[Submit]:
    """Processes of this machine. One that dies takes its blocks with it; the same command goes on."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            yield lambda name, lines, too_long: pool.submit(work, name, lines, too_long)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
