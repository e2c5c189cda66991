"""Look at a model from the command line: models, heatmap, trace, figure-info."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from numpy.typing import NDArray

from attnlab.commands import check_output
from attnlab.core.trace import STACKS, Stack, Tokens, Trace
from attnlab.files import draft
from attnlab.models.hub import downloaded
from attnlab.models.hub import remove as remove_download
from attnlab.models.load import known, load
from attnlab.models.spec import Spec
from attnlab.words import InputError, say

app = typer.Typer()

Text = Annotated[str, typer.Argument(help="The text to read.", show_default=False)]
Name = Annotated[str, typer.Option("--model", help="A known model, a folder, or a name on the Hugging Face hub.")]
Pair = Annotated[str | None, typer.Option(help="A second text, read together with the first.", show_default=False)]
Target = Annotated[
    str | None, typer.Option(help="What an encoder-decoder is made to write; its own words if not given.", show_default=False)
]
Out = Annotated[Path, typer.Option("-o", "--output", help="The file to write.", show_default=False)]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")]


@app.command()
def models(
    remove: Annotated[str | None, typer.Option("--remove", help="Remove a model that was downloaded.", show_default=False)] = None,
) -> None:
    """What is here, how big it is, and where it is from."""
    if remove is not None:
        print(say("server.removed", name=remove, size=in_units(remove_download(remove))))
        return
    head = ("name", "task", "layers x heads", "d_model", "parameters", "tokens", "positions", "revision", "from")
    rows = [head, *map(row_of, known())]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

    for name, size in downloaded().items():
        print(say("server.downloaded", name=name, size=in_units(size)))


def in_units(size: int) -> str:
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def row_of(spec: Spec) -> tuple[str, ...]:
    stacks = ", ".join(f"{stack} {shape.layers} x {shape.heads}" for stack, shape in spec.stacks.items())
    longest = "any" if spec.max_tokens is None else str(spec.max_tokens)
    facts = (spec.name, spec.task, stacks, str(spec.d_model), f"{spec.parameters:,}", longest, spec.positions, spec.revision)
    return *facts, f"{spec.source} ({spec.licence})" if spec.licence else spec.source


@app.command()
def heatmap(
    text: Text,
    output: Out,
    layer: Annotated[int, typer.Option(help="Counted from 0.", show_default=False)],
    head: Annotated[int, typer.Option(help="Counted from 0.", show_default=False)],
    model: Name = "bert",
    stack: Annotated[
        str | None, typer.Option(help="encoder, decoder or cross; the model's first if not given.", show_default=False)
    ] = None,
    pair: Pair = None,
    target: Target = None,
    preset: Annotated[
        str | None, typer.Option(help="acl, neurips, ieee, lncs, nature (-wide: both columns) or slide.", show_default=False)
    ] = None,
    width: Annotated[float | None, typer.Option(help="Width in millimetres; what suits the text if not given.", show_default=False)] = None,
    font: Annotated[float | None, typer.Option(help="Size of the labels in points; 9 if not given.", show_default=False)] = None,
    family: Annotated[str | None, typer.Option(help="sans, serif, or a TrueType file; sans if not given.", show_default=False)] = None,
    as_text: Annotated[bool, typer.Option("--text", help="Letters in an SVG stay letters; else they become outlines.")] = False,
    colours: Annotated[str | None, typer.Option(help="YlGnBu, viridis, cividis, ...: maps for all eyes.", show_default=False)] = None,
    scale: Annotated[Literal["fixed", "auto"], typer.Option(help="fixed: colours from 0 to 1; auto: to the largest weight.")] = "fixed",
    dpi: Annotated[int, typer.Option(help="Dots per inch of a PNG.")] = 300,
    title: Annotated[bool, typer.Option(help="Write what is shown above the picture.")] = True,
    numbers: Annotated[
        bool | None, typer.Option(help="Write the weights into the cells; where they fit if not given.", show_default=False)
    ] = None,
    force: Force = False,
) -> None:
    """Draw one head as .png, .svg, .pdf, .html, or write its numbers as .csv or .npz."""
    from attnlab import figures

    check_output(output, tuple(f".{ending}" for ending in figures.FORMATS), force=force)
    look = figures.Look.preset(
        preset, width=width, font=font, family=family, text=as_text, colours=colours, scale=scale, dpi=dpi, title=title, numbers=numbers
    )
    seen = load(model)
    place = check_place(seen.spec, stack, layer, head)
    trace = seen.trace(text, pair, target=target)
    attention = trace.at(place, layer)
    name = figures.captions.head_title(trace, place, layer, head, figures.Words())
    caption = figures.captions.trace_caption(trace)
    sides = attention.queries.pieces, attention.keys.pieces
    picture = figures.heatmap(attention.weights(head), *sides, title=name, caption=caption, look=look)
    facts = {"model": trace.model, "revision": trace.revision, "text": text, "pair": pair, "target": trace.target_text}
    record = figures.record(**facts, stack=place, layer=layer, head=head, options=look.changed())
    figures.write(output, figures.save(picture, figures.format_of(output), record=record), force=force)


@app.command(name="figure-info")
def figure_info(file: Annotated[Path, typer.Argument(help="A figure made by attnlab.", show_default=False)]) -> None:
    """Print the record inside a figure as JSON: version, model, revision, text, stack, layer, head, options."""
    from attnlab.figures import read_record

    print(json.dumps(read_record(file), indent=2, ensure_ascii=False))


@app.command()
def trace(text: Text, output: Out, model: Name = "bert", pair: Pair = None, target: Target = None, force: Force = False) -> None:
    """Write q, k, v and the weights of every head of one forward pass as an .npz file."""
    check_output(output, (".npz",), force=force)
    seen = load(model).trace(text, pair, target=target)
    with draft(output, force=force) as beside, zipfile.ZipFile(beside, "w") as archive:
        for name, array in arrays_of(seen):  # one at a time: the weights of a long text do not fit in memory together
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def arrays_of(seen: Trace) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Every array of a trace with its name in the file: "<stack>.<layer>.<q|k|v|weights>", then the tokens."""
    for attention in seen.attentions:
        name = f"{attention.stack}.{attention.layer}"
        if attention.recorded:
            yield f"{name}.q", attention.need("q")
            yield f"{name}.k", attention.need("k")
            yield f"{name}.v", attention.need("v")
        yield f"{name}.weights", attention.all_weights()
    yield from tokens_of("source", seen.source)
    if seen.target is not None:
        yield from tokens_of("target", seen.target)


def tokens_of(side: str, tokens: Tokens) -> Iterator[tuple[str, NDArray[np.generic]]]:
    yield side, np.array(tokens.pieces)
    yield f"{side}_ids", np.array(tokens.ids, dtype=np.int64)


def check_place(spec: Spec, stack: str | None, layer: int, head: int) -> Stack:
    """The stack meant. Raises InputError that lists the stacks, layers or heads there are."""
    place = next(iter(spec.stacks)) if stack is None else stack
    if place not in STACKS or place not in spec.stacks:
        raise InputError("error.stack", model=spec.name, given=place, known=", ".join(spec.stacks))
    shape = spec.stacks[place]
    if not 0 <= layer < shape.layers:
        raise InputError("error.layer", model=spec.name, stack=place, given=layer, last=shape.layers - 1)
    if not 0 <= head < shape.heads:
        raise InputError("error.head", model=spec.name, stack=place, given=head, last=shape.heads - 1)
    return place
