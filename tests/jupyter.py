"""A JupyterLab of one's own, for tests and benchmarks: nothing outside its folder is read or written."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.browser.conftest import ROOT, free_port

OWN = (
    *("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"),
    *("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"),
)
OPTIONS = (
    *("--no-browser", "--allow-root", "--IdentityProvider.token=", "--LabApp.extension_manager=readonly", "--LabApp.news_url=None"),
    "--LabApp.expose_app_in_browser=True",  # its commands can be called
)


def surroundings(root: Path, **more: str) -> dict[str, str]:
    """What a JupyterLab over this folder, and all it starts, has in its environment."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **{name: str(root / name) for name in OWN}, **more}


@contextmanager
def jupyterlab(home: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """JupyterLab over the notebooks in a folder: the address of its page."""
    port = free_port()
    options = [f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={home}", *OPTIONS]
    with answering([sys.executable, "-m", "jupyterlab", *options], port, environment, home.with_suffix(".log")):
        yield f"http://127.0.0.1:{port}/lab"


@contextmanager
def answering(command: Sequence[str], port: int, environment: Mapping[str, str], log: Path) -> Iterator[None]:
    """A server that answers at this port of this machine."""
    with log.open("w") as said:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        try:
            wait_for_port(port, process, log)
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)


def wait_for_port(port: int, process: subprocess.Popen[Any], log: Path) -> None:
    for _ in range(1200):
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
    raise AssertionError("nobody answers")


def book_of(cells: Sequence[str], kernel: str = "python3") -> Any:
    """A notebook of these cells that nobody has run."""
    import nbformat

    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
    return book
