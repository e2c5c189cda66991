"""Let a trained model work from the command line: translate, classify. One line in, one line out, in the same place."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from attnlab.models.load import load
from attnlab.models.spec import BEAM, PENALTY
from attnlab.words import InputError

if TYPE_CHECKING:  # torch is imported when a model is loaded, not to print the help
    from attnlab.models.inhouse.model import InHouse

app = typer.Typer()

STDIN = Path("-")
CHUNK = 1 << 16  # bytes read at once: enough lines for full batches, and no waiting for more when a pipe is slow

Lines = Annotated[Path, typer.Argument(help="A file with one sentence a line; - for standard input.")]
Beam = Annotated[int, typer.Option(help="Hypotheses side by side; 1 is greedy.")]
Penalty = Annotated[float, typer.Option(help="0 lets short translations win; larger lets longer ones win.")]


@app.command()
def translate(
    file: Lines = STDIN,
    model: Annotated[str, typer.Option(help="A translation model or the folder of one.")] = "translate-fr",
    beam: Beam = BEAM,
    length_penalty: Penalty = PENALTY,
) -> None:
    """One translation a line; an empty line for an empty line, and for one that cannot be read (then the exit status is 2)."""
    from attnlab.models.inhouse.decoding import check_range

    check_range("--beam", beam, 1, 64)
    check_range("--length-penalty", length_penalty, 0, 5)
    chosen = trained(model, "translate")
    each_line(file, chosen, lambda lines: chosen.translate(lines, beam=beam, length_penalty=length_penalty))


@app.command()
def classify(file: Lines = STDIN, model: Annotated[str, typer.Option(help="A classifier or the folder of one.")] = "sentiment") -> None:
    """The label and its probability, tab between, a line; an empty line for an empty one, and for one that cannot be read."""
    chosen = trained(model, "classify")
    each_line(file, chosen, lambda lines: [f"{label}\t{probability:.4f}" for label, probability in chosen.classify(lines)])


def trained(name: str, task: str) -> "InHouse":
    """An in-house model for this task. Raises InputError for any other."""
    model = load(name)
    from attnlab.models.inhouse.model import InHouse

    if not isinstance(model, InHouse) or model.spec.task != task:
        raise InputError("error.not_task", model=name, wanted=task, task=model.spec.task)
    return model


def each_line(file: Path, model: "InHouse", answer: Callable[[list[str]], Sequence[str]]) -> None:
    """Write an answer for every line. A line that cannot be read is named on stderr, leaves an empty line, and makes the exit status 2."""
    failed, number = False, 0
    with opened(file) as stream, progress(file) as advance:
        for chunk in lines_of(stream):
            done = [""] * len(chunk)
            good: dict[int, str] = {}
            for i, raw in enumerate(chunk):
                number += 1
                try:
                    line = raw.removeprefix(b"\xef\xbb\xbf" if number == 1 else b"").decode().strip()
                    if line:
                        model.read(line)
                        good[i] = line
                except (InputError, UnicodeDecodeError) as error:
                    why = error if isinstance(error, InputError) else InputError("error.line_not_utf8", place=error.start + 1)
                    print(f"{'stdin' if file == STDIN else file}:{number}: {why}", file=sys.stderr)
                    failed = True
            for i, said in zip(good, answer(list(good.values())), strict=True):
                done[i] = said
            sys.stdout.write("".join(f"{line}\n" for line in done))
            sys.stdout.flush()
            advance(sum(map(len, chunk)) + len(chunk))
    if failed:
        raise typer.Exit(2)


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """The file's bytes, or standard input's. Raises InputError for a file that cannot be read."""
    if file == STDIN:
        yield sys.stdin.buffer
        return
    try:
        stream = file.open("rb")
    except OSError:
        raise InputError("error.file_unreadable", path=file) from None
    with stream:
        yield stream


def lines_of(stream: BinaryIO) -> Iterator[list[bytes]]:
    """Lines without their ends, as many at a time as are there already."""
    begun: list[bytes] = []  # the pieces of a line whose end has not come yet
    while data := stream.read1(CHUNK):  # type: ignore[attr-defined]
        first, *rest = data.split(b"\n")
        begun.append(first)
        if rest:
            yield [b"".join(begun), *rest[:-1]]
            begun = [rest[-1]]
    if any(begun):
        yield [b"".join(begun)]


@contextmanager
def progress(file: Path) -> Iterator[Callable[[int], None]]:
    """A bar on stderr, when somebody looks at it and the answers go elsewhere. What it yields is told how many bytes are done."""
    if file == STDIN or not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(file.name, total=file.stat().st_size)
        yield lambda n: bar.advance(task, n)
