"""Change a run and see what it does, and whose doing an output was: edit, importance, patch, ledger."""

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from attnlab.commands import check_output
from attnlab.commands.look import Force, Name, Pair, Target, Text
from attnlab.core.trace import Array, Stack
from attnlab.files import write
from attnlab.models.load import load
from attnlab.models.spec import Model
from attnlab.words import InputError, say

app = typer.Typer()

Maybe = Annotated[Path | None, typer.Option("-o", "--output", help="The file to write; printed if not given.", show_default=False)]
StackName = Annotated[str | None, typer.Option("--stack", help="The model's first stack if not given.", show_default=False)]
TABLES = (".csv", ".json")
PICTURES = (".png", ".svg", ".pdf")
Row = Mapping[str, Any]


@app.command()
def edit(
    text: Text,
    edits: Annotated[Path, typer.Option("--edits", help="A JSON file with a list of edits.", show_default=False)],
    model: Name = "bert",
    pair: Pair = None,
    target: Target = None,
    output: Maybe = None,
    force: Force = False,
) -> None:
    """Run a text with numbers of the model changed on the way, and show what it says before and after."""
    from attnlab.core.edits import read_edits
    from attnlab.models.answers import answers

    check(output, TABLES, force)
    wanted = read_edits(text_of(edits))
    seen = load(model)
    clean = seen.trace(text, pair, target=target)
    changed = seen.trace(text, pair, target=target, edits=wanted)
    before, after = answers(seen, clean, clean), answers(seen, changed, clean)
    rows = [{"when": when, "output": one.says, "value": one.value} for when, some in (("before", before), ("after", after)) for one in some]
    give(rows, output, force)


@app.command()
def importance(
    file: Annotated[Path, typer.Argument(help="One sentence a line; - reads standard input.", show_default=False)],
    by: Annotated[Literal["zero", "mean", "resample"], typer.Option(help="A head's z becomes 0, a mean, or another sentence's.")] = "zero",
    model: Name = "bert",
    stack: StackName = None,
    output: Maybe = None,
    force: Force = False,
) -> None:
    """Knock out every head over many sentences: how much the output changes, with 95 % intervals. CSV, JSON or a picture."""
    from attnlab.models.interventions import importance as measured

    check(output, TABLES + PICTURES, force)
    texts = [line.strip() for line in text_of(file).splitlines() if line.strip()]
    if not texts:
        raise InputError("error.measure_empty", file=file)
    seen = load(model)
    found = measured(seen, texts, stack_of(seen, stack), by=by)
    if output is not None and output.suffix in PICTURES:
        names = [f"H{head}" for head in range(found.mean.shape[1])]
        draw(found.mean, names, output, force, title=f"{model}: {by}", record={"model": model, "stack": found.stack})
        return
    rows = [
        {"stack": found.stack, "layer": i, "head": j, "change": found.mean[i, j], "low": found.low[i, j], "high": found.high[i, j]}
        for i in range(found.mean.shape[0])
        for j in range(found.mean.shape[1])
    ]
    give([row | {"sentences": found.sentences} for row in rows], output, force)


@app.command()
def prune(
    model: Name = "sentiment",
    data: Annotated[
        Path | None, typer.Option(help="Held-out rows like those the model was trained on; not for reversing.", show_default=False)
    ] = None,
    by: Annotated[Literal["zero", "mean", "resample"], typer.Option(help="How importance is measured.")] = "zero",
    rows: Annotated[int, typer.Option(help="How many rows are scored.", min=1)] = 200,
    judged: Annotated[int, typer.Option(help="How many of them importance is measured on.", min=1)] = 20,
    orders: Annotated[int, typer.Option(help="Random orders to compare with.", min=0)] = 3,
    points: Annotated[int, typer.Option(help="Scores of one order.", min=2)] = 9,
    seed: int = 0,
    output: Maybe = None,
    force: Force = False,
) -> None:
    """The score of a task as heads are removed, the least important first, against random order. CSV, JSON or a picture."""
    from attnlab.training.pruning import curve, held_out, least_important_first
    from attnlab.training.pruning import prune as pruned

    check(output, TABLES + PICTURES, force)
    seen = load(model)
    task = held_out(seen, data, rows=rows, seed=seed)
    order = least_important_first(seen, task.texts[:judged], by=by)
    found = []
    for point in pruned(task, order, orders=orders, points=points, seed=seed):
        found.append(point)
        print(f"\r{len(found)} / {points * (orders + 1)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    made = curve(task.kind, found)
    if output is not None and output.suffix in PICTURES:
        from attnlab import figures
        from attnlab.figures.pruning import pruning_chart

        chart = pruning_chart(made.removed, made.by_importance, made.at_random, measure=made.kind, title=f"{model}: {made.kind}")
        figures.write(output, figures.save(chart, figures.format_of(output), record=figures.record(model=model)), force=force)
        return
    names = ["importance", *(f"random {i + 1}" for i in range(len(made.at_random)))]
    scores = [made.by_importance, *made.at_random]
    table = [
        {"order": name, "removed": n, "heads": len(order), made.kind: y}
        for name, line in zip(names, scores, strict=True)
        for n, y in zip(made.removed, line, strict=True)
    ]
    give(table, output, force)


@app.command()
def patch(
    clean: Annotated[str, typer.Argument(help="The text whose output is to come back.", show_default=False)],
    corrupt: Annotated[str, typer.Argument(help="The same text with a word changed, of the same number of tokens.", show_default=False)],
    model: Name = "bert",
    place: Annotated[
        Literal["stream", "z", "q", "k", "v", "weights"], typer.Option(help="stream: layer by token; all else: layer by head.")
    ] = "stream",
    stack: StackName = None,
    noise: Annotated[bool, typer.Option("--noise", help="Put the corrupt run's numbers into the clean one.")] = False,
    align: Annotated[bool, typer.Option("--align", help="Of texts of different lengths move only tokens that correspond.")] = False,
    output: Maybe = None,
    force: Force = False,
) -> None:
    """Put one run's numbers into another, place by place: how much of the clean output comes back. CSV, JSON or a picture."""
    from attnlab.models.patching import patch_map

    check(output, TABLES + PICTURES, force)
    seen = load(model)
    good = seen.trace(clean)
    bad = seen.trace(corrupt, target=good.target_text)
    found = patch_map(seen, good, bad, place=place, stack=stack_of(seen, stack), noise=noise, align=align)
    if output is not None and output.suffix in PICTURES:
        title, record = f"{model}: {found.says}", {"model": model, "text": clean, "pair": None}
        draw(found.shares, found.places, output, force, title=title, record=record, limit=(-1.0, 1.0))
        return
    rows = [
        {"layer": i, "place": name, "index": j, "share": found.shares[i, j], "guess": found.guess[i, j]}
        for i in range(len(found.shares))
        for j, name in enumerate(found.places)
    ]
    give(rows, output, force)
    print(say("error.patch_agreement", agreement=f"{found.agreement:.2f}"), file=sys.stderr)


@app.command(name="ledger")
def show_ledger(
    text: Text,
    model: Name = "bert",
    token: Annotated[int | None, typer.Option(help="Where it is read, counted from 0; the last if not given.", show_default=False)] = None,
    word: Annotated[str | None, typer.Option(help="Whose logit; the likeliest if not given.", show_default=False)] = None,
    against: Annotated[str | None, typer.Option(help="The word or label whose logit is taken away.", show_default=False)] = None,
    label: Annotated[str | None, typer.Option(help="Of a model that classifies.", show_default=False)] = None,
    similar_to: Annotated[str | None, typer.Option(help="A second text: the cosine of the two.", show_default=False)] = None,
    target: Target = None,
    most: Annotated[int, typer.Option(help="Bars of a picture; the others are one bar.", min=1)] = 30,
    output: Maybe = None,
    force: Force = False,
) -> None:
    """An output as a sum that balances: which head by way of which word, which feed-forward net. CSV, JSON or a picture."""
    from attnlab.models.ledgers import ledger

    check(output, TABLES + PICTURES, force)
    seen = load(model)
    trace = seen.trace(text, target=target)
    other = None if similar_to is None else seen.trace(similar_to)
    book = ledger(trace, token=token, word=word, against=against, label=label, similar_to=other, model=seen)
    if output is not None and output.suffix in PICTURES:
        from attnlab import figures

        picture = figures.waterfall(book, most=most, title=f"{model}: {book.says}", caption=figures.captions.trace_caption(trace))
        record = figures.record(model=trace.model, revision=trace.revision, text=text, target=trace.target_text)
        figures.write(output, figures.save(picture, figures.format_of(output), record=record), force=force)
        return
    rows: list[Row] = [
        {"kind": p.kind, "stack": p.stack, "layer": p.layer, "head": p.head, "source": p.source, "value": p.value} for p in book.parts
    ]
    nowhere = {"stack": None, "layer": None, "head": None, "source": None}
    ends: list[Row] = [{"kind": kind, **nowhere, "value": value} for kind, value in (("total", book.total), ("output", book.output))]
    give([*rows, *ends], output, force)


def text_of(file: Path) -> str:
    """A text file, or standard input for "-". Raises InputError for one that cannot be read."""
    if str(file) == "-":
        return sys.stdin.read()
    try:
        return file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise InputError("error.file_unreadable", path=file) from None


def check(output: Path | None, kinds: Sequence[str], force: bool) -> None:
    if output is not None:
        check_output(output, kinds, force=force)


def stack_of(model: Model, stack: str | None) -> Stack:
    """The stack of this name, the model's first where none is named. Raises InputError for one that it has not."""
    stacks = list(model.spec.stacks)
    if stack is not None and stack not in stacks:
        raise InputError("error.edit_stack", model=model.spec.name, given=stack, known=", ".join(stacks))
    return next(one for one in stacks if stack is None or one == stack)


def give(rows: Iterable[Row], output: Path | None, force: bool) -> None:
    """Rows as CSV or, where the file says so, as JSON; printed where there is no file."""
    every = [
        {key: float(f"{v:.8g}") if hasattr(v, "__float__") and not isinstance(v, int) else v for key, v in row.items()} for row in rows
    ]
    if output is not None and output.suffix == ".json":
        write(output, json.dumps(every, ensure_ascii=False, indent=1).encode(), force=force)
        return
    text = StringIO()
    table = csv.DictWriter(text, list(every[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(every)
    if output is None:
        print(text.getvalue(), end="")
    else:
        write(output, text.getvalue().encode(), force=force)


def short(value: Any) -> Any:
    """A number with the eight digits that float32 has at most."""
    return float(f"{value:.8g}") if hasattr(value, "__float__") and not isinstance(value, int) else value


def draw(
    values: Array,
    names: Sequence[str],
    output: Path,
    force: bool,
    *,
    title: str,
    record: Mapping[str, Any],
    limit: tuple[float, float] | None = None,
) -> None:
    """A map of layers by heads or tokens, signed, as a picture."""
    from attnlab import figures

    rows = [f"L{layer}" for layer in range(len(values))]
    picture = figures.heatmap(values, rows, list(names), title=title, signed=True, limit=limit)
    figures.write(output, figures.save(picture, figures.format_of(output), record=figures.record(**record)), force=force)
