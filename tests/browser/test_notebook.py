"""Real JupyterLab in Chromium: a widget is painted, read and pinned, and Python knows the pin."""

import os
import socket
import subprocess
import sys
import time

import pytest

from tests.browser.conftest import PATIENCE, ROOT, free_port

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("jupyterlab")
LINES = [
    "import attnlab\nfrom attnlab import widgets\ntrace = attnlab.load('reverse-sinusoidal').trace('a b c d')\n"
    "w = widgets.heatmap(trace.attentions[0], head=2)\nw",
    "trace",
    "print('cell', w.cell)",
]


@pytest.fixture
def lab(tmp_path):
    """JupyterLab over an empty folder with one notebook, all its files inside that folder."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(line) for line in LINES])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    home = tmp_path / "home"
    home.mkdir()
    nbformat.write(book, home / "book.ipynb")
    port = free_port()
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "JUPYTERLAB_SETTINGS_DIR")
    env = {**os.environ, "PYTHONPATH": str(ROOT), **{name: str(tmp_path / name) for name in (*names, "JUPYTERLAB_WORKSPACES_DIR")}}
    options = [f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", f"--ServerApp.root_dir={home}"]
    more = ["--no-browser", "--allow-root", "--LabApp.extension_manager=readonly", "--LabApp.news_url=None"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options, *more], env=env, stdout=log, stderr=log)
        try:
            for _ in range(240):
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    assert process.poll() is None, (tmp_path / "log").read_text()
                    time.sleep(0.5)
            yield f"http://127.0.0.1:{port}/lab/tree/book.ipynb?reset"
        finally:
            process.terminate()
            process.wait(timeout=60)


def test_a_widget_lives_in_jupyterlab(chromium, lab):
    page = chromium.new_page(viewport={"width": 1366, "height": 900})
    page.set_default_timeout(2 * PATIENCE)
    try:
        page.goto(lab)
        page.get_by_text("| Idle").wait_for()
        cells = page.locator(".jp-Notebook .jp-Cell")
        cells.nth(0).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        canvas = page.locator(".attnlab canvas.map").first
        canvas.wait_for()
        canvas.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        said = page.locator(".attnlab output").first
        said.filter(has_text="a → b: 0.").wait_for()
        page.keyboard.press("Enter")
        said.filter(has_text="pinned").wait_for()
        cells.nth(1).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        cells.nth(1).locator("canvas.map").first.wait_for()
        cells.nth(2).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        cells.nth(2).get_by_text("cell (0, 1)").wait_for()
    finally:
        page.close()
