"""The command line: python -m attnlab ..."""

import sys
from collections.abc import Sequence

import typer

from attnlab.commands import apply, classroom, evaluate, lesson, look, measure, train
from attnlab.words import InputError

app = typer.Typer(
    help="Attention Lab: see, with a model's own numbers, how attention works.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for part in (look, apply, train, evaluate, measure, lesson, classroom):
    app.add_typer(part.app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. 0 on success; a user's mistake is one line on stderr and 2."""
    try:
        done = app(args=None if arguments is None else list(arguments), prog_name="python -m attnlab", standalone_mode=False)
        return done if isinstance(done, int) else 0
    except InputError as error:
        return refused(str(error))
    except typer.TyperException as error:
        said = error.format_message() if hasattr(error, "format_message") else str(error)
        return refused(f"{said} Help: python -m attnlab --help" if len(said.splitlines()) == 1 else said)
    except BrokenPipeError:  # `... | head`
        sys.stderr.close()
        return 0


def refused(message: str) -> int:
    print(message, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
