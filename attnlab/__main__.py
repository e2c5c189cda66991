"""The command line: attnlab ..., or python -m attnlab ..."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from attnlab.commands import app as start
from attnlab.commands import apply, change, classroom, evaluate, lesson, look, measure, train
from attnlab.version import VERSION
from attnlab.words import InputError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for part in (start, look, apply, train, evaluate, measure, change, lesson, classroom):
    app.add_typer(part.app)


def say_version(wanted: bool) -> None:
    if wanted:
        print(f"attnlab {VERSION}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", is_eager=True, callback=say_version, help="Say the version.")]


@app.callback()
def attnlab(version: Version = False) -> None:
    """Attention Lab: see, with a model's own numbers, how attention works."""


def name() -> str:
    """What was typed to come here."""
    return "attnlab" if Path(sys.argv[0]).stem == "attnlab" else "python -m attnlab"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. 0 on success; a user's mistake is one line on stderr and 2."""
    try:
        done = app(args=None if arguments is None else list(arguments), prog_name=name(), standalone_mode=False)
        return done if isinstance(done, int) else 0
    except InputError as error:
        return refused(str(error))
    except typer.TyperException as error:
        said = error.format_message() if hasattr(error, "format_message") else str(error)
        return refused(f"{said} Help: {name()} --help" if len(said.splitlines()) == 1 else said)
    except BrokenPipeError:  # `... | head`
        sys.stderr.close()
        return 0


def refused(message: str) -> int:
    print(message, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
