"""Any picture of the app as a file: attnlab figure 'heads?layer=3' -o cat.pdf; several links are panels of one figure."""

import json
import os
import sys
from pathlib import Path
from subprocess import run
from typing import Annotated, Any

import typer

from attnlab.commands import check_output
from attnlab.commands.app import check_streamlit
from attnlab.commands.look import Force, Out
from attnlab.words import PACKAGE

app = typer.Typer()

Views = Annotated[
    list[str],
    typer.Argument(help="Links of the app, as its address bar shows them; after a # which picture of the page.", show_default=False),
]


@app.command()
def figure(
    views: Views,
    output: Out,
    preset: Annotated[
        str | None, typer.Option(help="acl, neurips, ieee, lncs, nature (-wide: both columns) or slide.", show_default=False)
    ] = None,
    width: Annotated[float | None, typer.Option(help="Width in millimetres.", show_default=False)] = None,
    font: Annotated[float | None, typer.Option(help="Size of the labels in points.", show_default=False)] = None,
    family: Annotated[str | None, typer.Option(help="sans, serif, or a TrueType file.", show_default=False)] = None,
    as_text: Annotated[bool | None, typer.Option("--text", help="Letters in an SVG stay letters.", show_default=False)] = None,
    colours: Annotated[str | None, typer.Option(help="YlGnBu, viridis, cividis, ...: maps for all eyes.", show_default=False)] = None,
    dpi: Annotated[int | None, typer.Option(help="Dots per inch of a PNG.", show_default=False)] = None,
    force: Force = False,
) -> None:
    """Draw a view of the app as .png, .svg, .pdf, .html, or write its numbers as .csv or .npz; several as (a), (b), (c) on one scale."""
    from attnlab import figures

    check_streamlit()
    check_output(output, tuple(f".{ending}" for ending in figures.FORMATS), force=force)
    given: dict[str, Any] = {"width": width, "font": font, "family": family, "text": as_text, "colours": colours, "dpi": dpi}
    look = figures.Look.preset(preset, **given)
    chosen = {"unit": width} | given  # a width is in millimetres, whatever the link measures in
    options = {name: getattr(look, name) for name, value in chosen.items() if preset or value is not None}
    options |= {"family": str(Path(family).resolve())} if family and family.endswith(".ttf") else {}
    asked = {"views": views, "options": options, "output": str(output.resolve()), "force": force}
    path = os.pathsep.join(filter(None, (str(PACKAGE.parent), os.environ.get("PYTHONPATH"))))
    around = os.environ | {"PYTHONPATH": path, "STREAMLIT_LOGGER_LEVEL": "error"}
    done = run([sys.executable, "-m", "attnlab.ui.figure_files"], input=json.dumps(asked), text=True, env=around, check=False)
    raise typer.Exit(done.returncode)
