"""Start the app: attnlab app. Streamlit runs as it would from the repository, with the app's own settings beside it."""

import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from subprocess import call
from typing import Annotated

import typer

from attnlab.lessons.shelf import FOLDER, files_in
from attnlab.words import PACKAGE, InputError

app = typer.Typer()

APP = PACKAGE / "app" / "app.py" if (PACKAGE / "app").is_dir() else PACKAGE.parent / "app.py"  # installed, or in the source tree


@app.command(name="app")
def start(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="8501, or the next that is free, if not given.")] = None,
    host: Annotated[str, typer.Option(help="The address to listen at; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    browser: Annotated[bool, typer.Option(help="Open the app in the browser.")] = True,
    lessons: Annotated[Path | None, typer.Option(help="A folder of lessons of your own, before those that came along.")] = None,
) -> None:
    """Open the app in the browser. Ctrl-C ends it."""
    check_streamlit()
    check_address(host, port)
    if lessons is not None:
        os.environ[FOLDER] = lessons_in(lessons)
    command = [sys.executable, "-m", "streamlit", "run", str(APP), f"--server.address={host}", f"--server.headless={not browser}".lower()]
    command += [] if port is None else [f"--server.port={port}"]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PACKAGE.parent), os.environ.get("PYTHONPATH"))))
    if os.name == "posix":  # this process becomes the server, so that a signal reaches it
        sys.stdout.flush()
        os.execv(sys.executable, command)
    raise typer.Exit(call(command))


def check_streamlit() -> None:
    """Raises InputError where attnlab was installed without the app."""
    if find_spec("streamlit") is None or not Path(APP).is_file():
        raise InputError("error.no_app")


def lessons_in(folder: Path) -> str:
    """The whole path of a teacher's folder. Raises InputError where there is no lesson in it."""
    found = folder.expanduser().resolve()
    if not files_in(found):
        raise InputError("lesson.nothing", folder=folder)
    return str(found)


def check_address(host: str, port: int | None) -> None:
    """Raises InputError for an address that is not this machine's, and for a port that is taken."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, kind, protocol) as place:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            place.bind(address)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError("error.address", given=host if port is None else f"{host}:{port}", why=why) from None
