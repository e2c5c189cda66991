"""The command line: attnlab ..., or python -m attnlab ..."""

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from io import UnsupportedOperation
from pathlib import Path
from typing import Annotated

import typer

from attnlab.commands import app as start
from attnlab.commands import apply, change, classroom, evaluate, figure, lesson, look, measure, train
from attnlab.version import VERSION
from attnlab.words import InputError, say

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for part in (start, look, figure, apply, train, evaluate, measure, change, lesson, classroom):
    app.add_typer(part.app)


def say_version(wanted: bool) -> None:
    if wanted:
        print(f"attnlab {VERSION}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", is_eager=True, callback=say_version, help="Say the version.")]


ON = "Where models of transformers compute: auto, cpu, cuda or mps. In-house models stay on the processor."
EXACT = "How exactly they do: float32 or bfloat16."
On = Annotated[str | None, typer.Option("--device", help=ON, envvar="ATTNLAB_DEVICE", show_default=False)]
Exact = Annotated[str | None, typer.Option("--dtype", help=EXACT, envvar="ATTNLAB_DTYPE", show_default=False)]


@app.callback()
def attnlab(version: Version = False, device: On = None, dtype: Exact = None) -> None:
    """Attention Lab: see, with a model's own numbers, how attention works."""
    given = {"ATTNLAB_DEVICE": device, "ATTNLAB_DTYPE": dtype}
    os.environ.update({name: value for name, value in given.items() if value is not None})  # its workers' and its server's too


def name() -> str:
    """What was typed to come here."""
    return "attnlab" if Path(sys.argv[0]).stem == "attnlab" else "python -m attnlab"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. 0 on success; a user's mistake, or a refusal of the system, is one line on stderr and 2; Ctrl-C is 130."""
    if arguments is None:
        settle()
    try:
        done = app(args=None if arguments is None else list(arguments), prog_name=name(), standalone_mode=False)
        sys.stdout.flush()
        return done if isinstance(done, int) else 0
    except InputError as error:
        return refused(str(error))
    except typer.TyperException as error:
        said = error.format_message() if hasattr(error, "format_message") else str(error)
        return refused(f"{said} Help: {name()} --help" if len(said.splitlines()) == 1 else said)
    except KeyboardInterrupt:
        return 130
    except SystemExit as error:
        closed = isinstance(error.__context__, BrokenPipeError)  # typer's answer to it is 1
        return silenced(PIPE) if closed else error.code if isinstance(error.code, int) else 1
    except BrokenPipeError:  # `... | head`
        return silenced(PIPE)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        why = "a stream is closed" if isinstance(error, UnsupportedOperation) else error.strerror or error
        return silenced(refused(say("error.system", why=f"{where}{why}")))


PIPE = 128 + 13  # how a shell tells that a command ended because nobody reads what it writes any more


def settle() -> None:
    """The process as the commands expect it: streams that are there, if only to refuse, and an end by a signal that cleans up."""
    sys.stdin = sys.stdin or open(os.devnull, "w")  # noqa: SIM115 -- a closed stream refuses, and its number goes to no other file
    sys.stdout = sys.stdout or open(os.devnull)  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def silenced(status: int) -> int:
    """What was not written any more will not be tried again at the end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def refused(message: str) -> int:
    with suppress(OSError):
        print(message, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
