"""Train and evaluate from the command line: a progress bar, checkpoints, and scores with their signatures."""

import math
from collections import deque
from pathlib import Path
from typing import Annotated, Any

import typer

from attnlab.models.load import load
from attnlab.models.spec import BEAM, PENALTY
from attnlab.training.data import collate, read_labelled, read_rows
from attnlab.training.lengths import TRAINED, accuracy_by_length
from attnlab.training.scores import accuracy, class_scores, grouped, perplexity, translation_scores
from attnlab.words import InputError

app = typer.Typer()

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
)
Data = Annotated[
    Path | None, typer.Option("--data", help="A TSV file: source TAB target, or label TAB sentence; plain lines for generate.")
]


def chosen(given: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The options that were given at all."""
    return {name: given[name] for name in names if given.get(name) is not None}


@app.command()
def train(
    task: Annotated[str, typer.Argument(help="copy, reverse, sort, translate, classify or generate.")],
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
    seed: int | None = None,
    init: Annotated[str | None, typer.Option(help="bert: begin a classifier with the first layers of the shipped BERT.")] = None,
    probe: Annotated[
        list[str] | None,
        typer.Option(help="A sentence whose attention is kept along the way (source TAB target to translate); may be repeated."),
    ] = None,
    source: Annotated[str, typer.Option(help="Where the data is from, kept with the model.")] = "",
    licence: Annotated[str, typer.Option(help="The licence of the data, kept with the model.")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in the folder.")] = False,
) -> None:
    """Train a Transformer of your own. Ctrl-C saves; --resume goes on."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from attnlab.training.material import prepare
    from attnlab.training.plan import layers_of, plan
    from attnlab.training.run import run

    given = locals()
    shape = chosen(given, SHAPE)
    if layers is not None:
        shape |= layers_of(task, layers)  # type: ignore[arg-type]
    recipe = chosen(given, RECIPE)
    rest = {"shape": shape, "data": data, "valid": valid, "vocab": vocab, "probes": tuple(probe or ()), "init": init}
    rest |= {"source": source, "licence": licence}
    wanted = plan(task, recipe=recipe, **rest)  # type: ignore[arg-type]
    material = prepare(wanted)
    for line, why in material.refused[:5]:
        typer.echo(f"{data}:{line}: left out: {why}", err=True)
    if material.refused:
        typer.echo(f"{len(material.refused)} rows left out, {material.examples} kept.", err=True)
    numbers = "loss {task.fields[loss]:.3f}  {task.fields[speed]:,.0f} tokens/s  {task.fields[scores]}"
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"), TextColumn(numbers))
    recent: deque[float] = deque(maxlen=100)
    training = run(wanted, output, resume=resume, material=material)
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
    except KeyboardInterrupt:
        training.close()
        raise InputError("error.interrupted", folder=str(output)) from None
    typer.echo(f"The model is in {output}. Try: python -m attnlab evaluate --model {output}")


def span(lengths: str) -> range:
    """ "4-32" -> 4 to 32, both included."""
    first, dash, last = lengths.partition("-")
    if not (first.isdigit() and (last.isdigit() or not dash)):
        raise InputError("error.span", given=lengths)
    return range(int(first), int(last or first) + 1)


@app.command()
def evaluate(
    model: Annotated[str, typer.Option("--model", help="A known model or a folder.")],
    data: Data = None,
    tokenize: Annotated[str, typer.Option(help="sacrebleu's tokenizer for BLEU: 13a, zh, char, ...")] = "13a",
    beam: Annotated[int, typer.Option(help="Beam width; 1 is greedy.")] = BEAM,
    length_penalty: Annotated[float, typer.Option(help="The larger, the longer the translations.")] = PENALTY,
    lengths: Annotated[str, typer.Option(help="For models of a generated task: the lengths to try.")] = f"{TRAINED[0]}-{TRAINED[1]}",
    sequences: Annotated[int, typer.Option(help="Fresh sequences per length.")] = 64,
    task: Annotated[str, typer.Option(help="The generated task: copy, reverse or sort.")] = "reverse",
    seed: int = 0,
) -> None:
    """BLEU, chrF and perplexity of a translator; accuracy and figures per class of a classifier; accuracy by length of a reverser."""
    loaded: Any = load(model)
    kind = loaded.spec.task
    if kind == "tag":
        by_length(loaded, span(lengths), sequences, seed, task)
        return
    if loaded.spec.family != "attnlab":
        raise InputError("error.not_ours", model=model)
    if data is None:
        raise InputError("error.needs_data", task=kind)
    if kind != "translate":
        {"classify": by_class, "generate": by_line}[kind](loaded, data)
        return
    rows = read_rows(data, 2)
    references = grouped(rows.good)
    said = loaded.translate(list(references), beam=beam, length_penalty=length_penalty)
    for score in translation_scores(said, list(references.values()), tokenize=tokenize):
        typer.echo(f"{score.name} {score.value:.2f}   {score.signature}")
    say_perplexity([loaded.score(source, target) for source, target in rows.good])
    typer.echo(f"{len(references)} sources, {len(rows.good)} references, {len(rows.bad)} bad rows, beam {beam}")


def say_perplexity(scored: list[Any]) -> None:
    losses = [loss for one in scored for loss in one.losses]
    typer.echo(f"perplexity {perplexity(sum(losses) / len(losses)):.3f} per token over {len(losses)} tokens of {len(scored)} lines")


def by_length(model: Any, lengths: range, sequences: int, seed: int, task: str) -> None:
    """One line per length, then the whole."""
    letters = right = 0
    typer.echo("length\taccuracy\texact")
    for score in accuracy_by_length(model, lengths, n=sequences, seed=seed, task=task):  # type: ignore[arg-type]
        typer.echo(f"{score.length}\t{score.accuracy:.4f}\t{score.exact:.4f}")
        letters, right = letters + score.letters, right + score.right
    typer.echo(f"all\t{right / letters:.4f}\t({sequences} sequences per length, seed {seed})")


def by_line(model: Any, data: Path) -> None:
    """Perplexity of a decoder on plain lines."""
    from attnlab.training.material import encode
    from attnlab.training.run import validate

    rows = read_rows(data, 1)
    scored = validate(model.module, [collate([example]) for example in encode(model.tokenizer, rows.good, "generate", ())])
    typer.echo(f"perplexity {perplexity(scored['loss']):.3f} per token of {len(rows.good)} lines")


def by_class(model: Any, data: Path) -> None:
    rows = read_labelled(data)
    right = [label for label, _ in rows.good]
    said = [label for label, _ in model.classify([text for _, text in rows.good])]
    typer.echo(f"accuracy {accuracy(said, right):.4f} over {len(right)} sentences, {len(rows.bad)} bad rows")
    for label, score in class_scores(said, right).items():
        typer.echo(f"{label}: precision {score.precision:.4f}  recall {score.recall:.4f}  F1 {score.f1:.4f}  ({score.count})")
