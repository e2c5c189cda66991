"""Train from the command line: a progress bar, checkpoints, and going on from them."""

import math
import os
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attnlab.words import InputError

if TYPE_CHECKING:
    from attnlab.training.plan import Plan

app = typer.Typer()

BYTES = 20  # for one number of a model in training: itself twice, its slope and Adam's two averages, four bytes each

SHAPE = ("d_model", "d_ff", "n_heads", "positions", "norm", "activation", "dropout", "max_tokens")
RECIPE = (
    "steps",
    "rate",
    "warmup",
    "schedule",
    "batch",
    "accumulate",
    "smoothing",
    "clip",
    "precision",
    "seed",
    "average",
    "patience",
    "pool_rate",
    "optimizer",
    "matrix_rate",
    "validate_every",
)
TEXT = ("unit", "again", "drawn", "whole_words")
Data = Annotated[
    Path | None, typer.Option("--data", help="A TSV file: source TAB target, or label TAB sentence; for write, fill and generate a text.")
]


def chosen(given: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The options that were given at all."""
    return {name: given[name] for name in names if given.get(name) is not None}


@app.command()
def train(
    task: Annotated[str, typer.Argument(help="copy, reverse, sort, translate, classify, generate, write or fill.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder of the model; made if missing.", show_default=False)],
    data: Data = None,
    valid: Annotated[Path | None, typer.Option(help="Held-out rows; a twentieth of the data if not given.")] = None,
    vocab: Annotated[int, typer.Option(help="Pieces of the tokenizer.")] = 5000,
    layers: Annotated[int | None, typer.Option(help="Layers of each stack.")] = None,
    d_model: int | None = None,
    d_ff: int | None = None,
    n_heads: Annotated[int | None, typer.Option("--heads")] = None,
    positions: Annotated[str | None, typer.Option(help="none, sinusoidal, learned, rotary, alibi or relative.")] = None,
    norm: Annotated[str | None, typer.Option(help="pre or post.")] = None,
    activation: Annotated[str | None, typer.Option(help="relu or gelu.")] = None,
    dropout: float | None = None,
    max_tokens: Annotated[int | None, typer.Option(help="The longest text; longer rows are counted and left out.")] = None,
    steps: int | None = None,
    rate: Annotated[float | None, typer.Option(help="The highest learning rate.")] = None,
    warmup: int | None = None,
    schedule: Annotated[str | None, typer.Option(help="inverse_sqrt, linear or cosine.")] = None,
    batch: Annotated[int | None, typer.Option(help="Padded tokens of one micro-batch.")] = None,
    accumulate: Annotated[int | None, typer.Option(help="Micro-batches a step.")] = None,
    pool_rate: Annotated[float | None, typer.Option(help="How many times faster the query of attention pooling learns (classify).")] = None,
    smoothing: Annotated[float | None, typer.Option(help="Label smoothing.")] = None,
    clip: Annotated[float | None, typer.Option(help="The longest gradient; 0 does not clip.")] = None,
    precision: Annotated[str | None, typer.Option(help="float32 or bfloat16.")] = None,
    average: Annotated[int | None, typer.Option(help="Average the last so many validated states.")] = None,
    patience: Annotated[int | None, typer.Option(help="Stop after so many validations without a better score.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="adam or muon.")] = None,
    matrix_rate: Annotated[float | None, typer.Option(help="Muon's rate for the matrices of the layers.")] = None,
    validate_every: Annotated[int | None, typer.Option(help="Steps between two looks at the held-out part.")] = None,
    unit: Annotated[str | None, typer.Option(help="What a piece is (write, fill): pieces of words, or characters.")] = None,
    again: Annotated[float | None, typer.Option(help="Share of rows in which a segment of the text comes again and again (write).")] = None,
    drawn: Annotated[float | None, typer.Option(help="Share of rows in which random pieces come again and again (write).")] = None,
    mask: Annotated[str | None, typer.Option(help="Least and most of a sentence that is hidden, as 0.15-0.3 (fill).")] = None,
    whole_words: Annotated[bool | None, typer.Option("--whole-words", help="Hide all pieces of a word that is hit (fill).")] = None,
    seed: int | None = None,
    init: Annotated[str | None, typer.Option(help="Begin as bert (classify, fill), fill-en or fill-zh (classify).")] = None,
    teacher: Annotated[str | None, typer.Option(help="Learn what this model says and where its last layer looks (write, fill).")] = None,
    temperature: Annotated[float, typer.Option(help="At which a teacher's outputs are learned.")] = 2.0,
    last: Annotated[int | None, typer.Option(help="So many of the last layers learn, and the output; else all.")] = None,
    probe: Annotated[
        list[str] | None,
        typer.Option(help="A sentence whose attention is kept along the way (source TAB target to translate); may be repeated."),
    ] = None,
    source: Annotated[str, typer.Option(help="Where the data is from, kept with the model.")] = "",
    licence: Annotated[str, typer.Option(help="The licence of the data, kept with the model.")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in the folder.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the state of every validated step, to fork from.")] = False,
    fork: Annotated[Path | None, typer.Option(help="Begin as the training in this folder stood (it ran with --keep).")] = None,
    fork_at: Annotated[int | None, typer.Option(help="At which step of it.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="A head that is knocked out all along, as L0H2; may be repeated.")] = None,
) -> None:
    """Train a Transformer of your own. Ctrl-C saves; --resume goes on."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from attnlab.training.births import read_births, told
    from attnlab.training.checkpoint import NAME
    from attnlab.training.material import prepare
    from attnlab.training.plan import layers_of, plan
    from attnlab.training.run import check_folder, run

    given = locals()
    shape = chosen(given, SHAPE)
    if layers is not None:
        shape |= layers_of(task, layers)  # type: ignore[arg-type]
    recipe = chosen(given, RECIPE)
    rest = {"shape": shape, "data": data, "valid": valid, "vocab": vocab, "probes": tuple(probe or ()), "init": init}
    more: dict[str, Any] = {"without": tuple(without or ()), "last": last, "teacher": teacher, "temperature": temperature}
    rest |= {"source": source, "licence": licence} | chosen(given, TEXT) | ({} if mask is None else {"mask": shares(mask)})
    wanted = plan(task, recipe=recipe, **rest, **more)  # type: ignore[arg-type]
    check_folder(output, resume=resume)
    check_memory(wanted)
    material = prepare(wanted)
    for line, why in material.refused[:5]:
        typer.echo(f"{data}:{line}: left out: {why}", err=True)
    if material.refused:
        typer.echo(f"{len(material.refused)} rows left out, {material.examples} kept.", err=True)
    numbers = "loss {task.fields[loss]:.3f}  {task.fields[speed]:,.0f} tokens/s  {task.fields[scores]}"
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"), TextColumn(numbers))
    recent: deque[float] = deque(maxlen=100)
    if (fork is None) is not (fork_at is None):
        raise InputError("error.fork_half")
    parent = None if fork is None or fork_at is None else (fork, fork_at)
    training = run(wanted, output, resume=resume, material=material, keep=int(keep), fork=parent)
    try:
        with Progress(*columns, TimeRemainingColumn()) as bar:
            shown = bar.add_task(task, total=wanted.recipe.steps, loss=math.nan, speed=0.0, scores="")
            scores = ""
            for event in training:
                recent.append(event.loss)
                scores = "  ".join(f"{name} {value:.4f}" for name, value in event.scores.items()) or scores
                mean = sum(recent) / len(recent)
                bar.update(shown, completed=event.step, loss=mean, speed=event.tokens_per_second, scores=scores)
                if event.scores:
                    bar.console.print(f"step {event.step}: loss {mean:.4f}, held out: {scores}")
                    for birth in told([born for born in read_births(output) if born.step == event.step]):
                        bar.console.print(birth)
    except KeyboardInterrupt:
        training.close()
        saved = (output / NAME).is_file()
        typer.echo(InputError("error.interrupted" if saved else "error.interrupted_early", folder=output), err=True)
        raise typer.Exit(130) from None
    typer.echo(f"The model is in {output}. Try: python -m attnlab evaluate --model {output}")


def check_memory(wanted: "Plan") -> None:
    """Raises InputError for a model that this machine cannot hold, before anything is asked for."""
    from attnlab.training.plan import parameters

    if not hasattr(os, "sysconf"):  # a system that does not say how much memory it has
        return
    needed, there = BYTES * parameters(wanted), os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise InputError("error.memory", n=f"{needed // BYTES:,}", given=f"{needed / 1e9:,.0f}", limit=f"{there / 1e9:,.0f}")


def shares(mask: str) -> tuple[float, float]:
    """ "0.15-0.3" -> 0.15 and 0.3; one number is both."""
    least, _, most = mask.partition("-")
    try:
        return float(least), float(most or least)
    except ValueError:
        raise InputError("error.shares", given=mask) from None
