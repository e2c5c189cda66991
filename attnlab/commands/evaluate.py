"""How good a model is at what it was trained for: a few lines to read, or one JSON object."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from attnlab.models.load import load
from attnlab.models.spec import BEAM, PENALTY
from attnlab.words import InputError

app = typer.Typer()

Figures = dict[str, float | int]


@app.command()
def evaluate(
    model: Annotated[str, typer.Option("--model", help="A known model or a folder.")],
    data: Annotated[Path | None, typer.Option(help="Rows or a text as the model was trained on (see train), not the same ones.")] = None,
    tokenize: Annotated[str, typer.Option(help="sacrebleu's tokenizer for BLEU: 13a, zh, char, ...")] = "13a",
    beam: Annotated[int, typer.Option(help="Beam width; 1 is greedy.")] = BEAM,
    length_penalty: Annotated[float, typer.Option(help="The larger, the longer the translations.")] = PENALTY,
    lengths: Annotated[str, typer.Option(help="For models of a generated task: the lengths to try.")] = "4-16",
    sequences: Annotated[int, typer.Option(help="Fresh sequences per length.")] = 64,
    task: Annotated[str, typer.Option(help="The generated task: copy, reverse or sort.")] = "reverse",
    seed: Annotated[int, typer.Option(help="Of the holes, and of fresh sequences.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines to read.")] = False,
) -> None:
    """BLEU, chrF, perplexity; bits per character; holes filled right; accuracy: whatever suits the model's task."""
    loaded: Any = load(model)
    kind = loaded.spec.task
    if kind != "tag" and loaded.spec.family != "attnlab":
        raise InputError("error.not_ours", model=model)
    if kind == "tag":
        said = by_length(loaded, span(lengths), sequences, seed, task)
    elif data is None:
        raise InputError("error.needs_data", task=kind)
    elif kind == "translate":
        said = by_translation(loaded, data, tokenize, beam, length_penalty)
    elif kind == "fill":
        said = by_hole(loaded, data, seed)
    else:
        said = {"classify": by_class, "generate": by_text}[kind](loaded, data)
    figures: Figures = {}
    for line, found in said:
        figures |= found
        if line and not as_json:
            typer.echo(line)
    if as_json:
        typer.echo(json.dumps(figures | {"seed": seed}))


def span(lengths: str) -> range:
    """ "4-32" -> 4 to 32, both included."""
    first, dash, last = lengths.partition("-")
    if not (first.isdigit() and (last.isdigit() or not dash)):
        raise InputError("error.span", given=lengths)
    return range(int(first), int(last or first) + 1)


def by_translation(model: Any, data: Path, tokenize: str, beam: int, length_penalty: float) -> Iterator[tuple[str, Figures]]:
    """Every source once against all its references; perplexity of every reference."""
    from attnlab.training.data import read_rows
    from attnlab.training.scores import grouped, perplexity, translation_scores

    rows = read_rows(data, 2)
    references = grouped(rows.good)
    said = model.translate(list(references), beam=beam, length_penalty=length_penalty)
    for score in translation_scores(said, list(references.values()), tokenize=tokenize):
        yield f"{score.name} {score.value:.2f}   {score.signature}", {"bleu" if score.name == "BLEU" else "chrf": score.value}
    losses = [loss for source, target in rows.good for loss in model.score(source, target).losses]
    surprise = perplexity(float(sum(losses)) / len(losses))
    yield f"perplexity {surprise:.3f} per token over {len(losses)} tokens of {len(rows.good)} lines", {"perplexity": surprise}
    counted = f"{len(references)} sources, {len(rows.good)} references, {len(rows.bad)} bad rows, beam {beam}"
    yield counted, {"n": len(references)}


def by_length(model: Any, lengths: range, sequences: int, seed: int, task: str) -> Iterator[tuple[str, Figures]]:
    """One line per length, then the whole."""
    from attnlab.training.lengths import accuracy_by_length

    letters = right = 0
    yield "length\taccuracy\texact", {}
    for score in accuracy_by_length(model, lengths, n=sequences, seed=seed, task=task):  # type: ignore[arg-type]
        yield f"{score.length}\t{score.accuracy:.4f}\t{score.exact:.4f}", {}
        letters, right = letters + score.letters, right + score.right
    figures: Figures = {"accuracy": right / letters, "n": letters}
    yield f"all\t{right / letters:.4f}\t({sequences} sequences per length, seed {seed})", figures


def by_text(model: Any, data: Path) -> Iterator[tuple[str, Figures]]:
    """Bits per character and perplexity of a decoder on a text."""
    from attnlab.training.measure import write_score
    from attnlab.training.text import read_text

    score = write_score(model, read_text(data))
    figures: Figures = {"bits_per_character": score.bits_per_character, "perplexity": score.perplexity, "n": score.tokens}
    yield f"{score.bits_per_character:.4f} bits per character over {score.characters} characters", {}
    yield f"perplexity {score.perplexity:.3f} per token over {score.tokens} tokens ({score.unknown} unknown)", figures


def by_hole(model: Any, data: Path, seed: int) -> Iterator[tuple[str, Figures]]:
    """How often the hidden piece is the likeliest, and among the five likeliest."""
    from attnlab.training.masking import SHARE
    from attnlab.training.measure import fill_score
    from attnlab.training.scores import perplexity
    from attnlab.training.text import read_text

    score = fill_score(model, read_text(data).lines, seed=seed, path=data)
    surprise = perplexity(score.loss)
    figures: Figures = {"top1": score.top1, "top5": score.top5, "perplexity": surprise, "n": score.n}
    yield f"top-1 {score.top1:.4f}   top-5 {score.top5:.4f}   perplexity {surprise:.3f} over {score.n} hidden pieces", figures
    yield f"{score.lines} lines, {score.left_out} too long, {SHARE:.0%} of the pieces of each hidden, seed {seed}", {}


def by_class(model: Any, data: Path) -> Iterator[tuple[str, Figures]]:
    """Accuracy, and every class against the rest."""
    from attnlab.training.data import read_labelled
    from attnlab.training.scores import accuracy, class_scores

    rows = read_labelled(data)
    right = [label for label, _ in rows.good]
    said = [label for label, _ in model.classify([text for _, text in rows.good])]
    share = accuracy(said, right)
    yield f"accuracy {share:.4f} over {len(right)} sentences, {len(rows.bad)} bad rows", {"accuracy": share, "n": len(right)}
    for label, score in class_scores(said, right).items():
        yield f"{label}: precision {score.precision:.4f}  recall {score.recall:.4f}  F1 {score.f1:.4f}  ({score.count})", {}
