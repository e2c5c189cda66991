"""Measure every head of a model over a corpus: python -m attnlab measure FILE --model M -o heads.csv"""

import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from attnlab import files
from attnlab.commands import check_output
from attnlab.corpus.reading import COLUMN, SIZE, Choice, lines_of
from attnlab.models.load import load
from attnlab.words import InputError, say

if TYPE_CHECKING:  # torch is imported when a corpus is measured, not to print the help
    from attnlab.corpus.blocks import Plan
    from attnlab.corpus.measuring import Block, TooLong

app = typer.Typer()

KINDS = (".csv", ".parquet")
COUNTED = 1 << 30  # bytes: the lines of a larger file are not counted before they are read


READ = "One sentence a line (.txt, .gz), .parquet, .jsonl, or a folder; - reads standard input."
LONG = "What to do with a line that is too long for the model: cut, skip or stop."
IMPORTANCE = "Knock out every head over this many of the sentences, for the index."
INDEX = "A .parquet file to write: the strongest sentences of every head."


@app.command()
def measure(
    file: Annotated[Path, typer.Argument(help=READ, show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .csv or .parquet file to write, one row a head.", show_default=False)],
    model: Annotated[str, typer.Option("--model", help="A known model, a folder, or a name on the Hugging Face hub.")] = "bert",
    column: Annotated[str, typer.Option("--column", help="Of Parquet and JSON Lines.")] = COLUMN,
    every: Annotated[int, typer.Option("--every", help="Take every K-th line.")] = 1,
    sample: Annotated[int | None, typer.Option("--sample", help="Take this many lines, drawn with --seed.", show_default=False)] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of --sample.")] = 0,
    too_long: Annotated[str, typer.Option("--too-long", help=LONG)] = "stop",
    workers: Annotated[int, typer.Option("--workers", help="Processes. The result is the same to the bit for any number.")] = 1,
    block: Annotated[int, typer.Option("--block", help="Lines of a block; progress is kept block by block.", min=1)] = SIZE,
    index: Annotated[Path | None, typer.Option("--index", help=INDEX, show_default=False)] = None,
    importance: Annotated[int, typer.Option("--importance", help=IMPORTANCE, min=0)] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Measure every head over a corpus: means with intervals, a label where one fits, and why. Memory does not grow with it.

    Blocks that are done are kept beside the output until all is: after Ctrl-C or a kill the same command goes on.
    """
    check_output(output, KINDS, force=force)
    if index is not None:
        check_output(index, (".parquet",), force=force)
    if too_long not in ("cut", "skip", "stop"):
        raise InputError("error.choice", name="--too-long", given=too_long, known="cut, skip, stop")
    if workers < 1:
        raise InputError("error.at_least", name="--workers", given=workers, least=1)
    from attnlab.corpus import blocks
    from attnlab.corpus.table import table

    loaded = load(model)
    kind: TooLong = too_long  # type: ignore[assignment]
    plan = blocks.Plan(model, loaded.spec.revision, str(file), Choice(every, sample, seed, column), kind, block, dtype=loaded.spec.dtype)
    folder = output.parent / f"{output.name}.blocks"
    try:
        measured(plan, folder, workers)
        found = blocks.merged(folder)
    finally:
        blocks.clear(folder)
    files.write(output, table(found.totals, output.suffix), force=force)
    if index is not None:
        from attnlab.corpus.index import importance_of, index_of

        known = importance_of(loaded, plan, importance) if importance else ()
        files.write(index, index_of(plan, found, loaded, known), force=force)
    blocks.end(folder)
    report(found)


@app.command()
def differences(
    first: Annotated[Path, typer.Argument(help="An index that measure --index wrote.", show_default=False)],
    second: Annotated[Path, typer.Argument(help="Another: of a model of the same shape, or of another corpus.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The .csv file to write, a row a head and measure.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Compare every head of two indexes: the difference with its 95 % interval, and p after Holm's correction for all of them."""
    import numpy as np

    from attnlab.corpus.comparison import compare
    from attnlab.corpus.comparison import table as differences_table
    from attnlab.corpus.index import read_index

    check_output(output, (".csv",), force=force)
    found = compare(read_index(first).totals, read_index(second).totals)
    files.write(output, differences_table(found), force=force)
    print(say("error.measure_differ", n=int(found.sure.sum()), all=int(np.isfinite(found.p).sum())), file=sys.stderr)


def measured(plan: "Plan", folder: Path, workers: int) -> None:
    """Run all blocks with a bar on the terminal."""
    from attnlab.corpus import blocks

    pool: AbstractContextManager[blocks.Submit] = blocks.here() if workers == 1 else blocks.processes(workers)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("lines", total=count(plan), rate="")
        for progress in blocks.run(plan, folder, pool, waiting=2 * workers):
            speed = bar.tasks[task].speed
            bar.update(task, completed=progress.lines, rate="" if speed is None else f"{speed:,.0f} lines/s")


def count(plan: "Plan") -> int | None:
    """How many lines there are, None where finding out would take too long."""
    file = Path(plan.source)
    if plan.source == "-" or not sys.stderr.isatty() or (file.is_file() and file.stat().st_size > COUNTED):
        return None
    return sum(1 for _ in lines_of(file, plan.choice))


def report(found: "Block") -> None:
    """What was left out is said."""
    if found.cut or found.skipped:
        print(say("error.measure_long", cut=found.cut, skipped=found.skipped), file=sys.stderr)
