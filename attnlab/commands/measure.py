"""Measure every head of a model over a file of sentences: python -m attnlab measure FILE --model M -o heads.csv"""

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, TextIO

import typer

from attnlab.commands import check_output
from attnlab.core.guide import Sums, write_table
from attnlab.files import draft
from attnlab.models.load import load
from attnlab.models.spec import Model
from attnlab.words import InputError

app = typer.Typer()

BATCH = 64  # sentences in memory at a time


@app.command()
def measure(
    file: Annotated[Path, typer.Argument(help="One sentence a line; - reads standard input.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .csv file to write, one row a head.", show_default=False)],
    model: Annotated[str, typer.Option("--model", help="A known model, a folder, or a name on the Hugging Face hub.")] = "bert",
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Measure every head over many sentences: means, a label where one fits, and why. Memory does not grow with the file."""
    check_output(output, (".csv",), force=force)
    sums = Sums()
    with opened(file) as lines:
        loaded = load(model)
        for count in measured_lines(loaded, lines, sums):
            if sys.stderr.isatty():
                print(f"\r{count} sentences", end="", file=sys.stderr)
    if sys.stderr.isatty() and sums.sentences:
        print(file=sys.stderr)
    if not sums.sentences:
        raise InputError("error.measure_empty", file=file)
    with draft(output, force=force) as beside, beside.open("w", encoding="utf-8", newline="") as target:
        write_table(target, sums.heads(), sentences=sums.sentences)


def opened(file: Path) -> TextIO:
    """The lines of a file, or of standard input. Raises InputError for one that cannot be read."""
    if str(file) == "-":
        return sys.stdin
    try:
        return file.open(encoding="utf-8-sig")
    except OSError:
        raise InputError("error.file_unreadable", path=file) from None


def measured_lines(model: Model, lines: Iterable[str], sums: Sums) -> Iterator[int]:
    """Add every line that holds text, a batch at a time. Yields how many are done. Raises InputError naming a bad line."""
    numbered = ((number, line.strip()) for number, line in enumerate(lines, 1) if line.strip())
    while batch := list(islice(numbered, BATCH)):
        try:
            traces = model.traces([text for _, text in batch])
        except InputError:
            for number, text in batch:  # which one was it?
                try:
                    model.tokenize(text)
                    model.traces([text])
                except InputError as mistake:
                    raise InputError("error.line", number=number, why=mistake.say("en")) from None
            raise
        for trace in traces:
            sums.add(trace)
        yield sums.sentences
