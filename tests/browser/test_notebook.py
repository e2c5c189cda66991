"""Real JupyterLab in Chromium: a widget is painted, read and pinned, and Python knows the pin."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time

import pytest

from tests.browser.conftest import PATIENCE, ROOT, free_port

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("jupyterlab")
TRUST = "from nbformat.sign import TrustNotebookApp; TrustNotebookApp.launch_instance()"
LINES = [
    "import io\nimport numpy as np\nimport attnlab\nfrom attnlab import figures, widgets\n"
    "trace = attnlab.load('reverse-sinusoidal').trace('a b c d')\nheat = widgets.heatmap(trace.attentions[0], head=2)\nheat",
    "lines = widgets.lines(trace.attentions[0], heads=[0, 2])\nlines",
    "mosaic = widgets.mosaic(trace)\nmosaic",
    "lens = widgets.overview(np.random.default_rng(0).dirichlet(np.ones(200), 200))\nlens",
    "steps = widgets.steps(trace, head=1)\nsteps",
    "decoder = widgets.decoder(attnlab.load('translate-fr').trace('The cat sleeps.'))\ndecoder",
    "print('read', heat.cell, lines.heads, mosaic.layer, mosaic.head, lens.at, steps.stage, decoder.step)\n"
    "every = heat, lines, mosaic, lens, steps, decoder\n"
    "print('saved', [figures.save(each.figure(), 'pdf')[:5] == b'%PDF-' for each in every].count(True))",
    "trace",
]


def book_of(lines):
    """A notebook of these cells that nobody has run."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(line) for line in lines])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return book


@pytest.fixture(scope="module")
def lab(chromium, tmp_path_factory):
    """JupyterLab over a folder, all its files inside that folder: its address, the folder, and its surroundings."""
    root = tmp_path_factory.mktemp("lab")
    home = root / "home"
    home.mkdir()
    port = free_port()
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "JUPYTERLAB_SETTINGS_DIR")
    env = {**os.environ, "PYTHONPATH": str(ROOT), **{name: str(root / name) for name in (*names, "JUPYTERLAB_WORKSPACES_DIR")}}
    options = [f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", f"--ServerApp.root_dir={home}"]
    more = ["--no-browser", "--allow-root", "--LabApp.extension_manager=readonly", "--LabApp.news_url=None"]
    with (root / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options, *more], env=env, stdout=log, stderr=log)
        try:
            wait_for_port(port, process, root / "log")
            yield f"http://127.0.0.1:{port}/lab/tree", home, env
        finally:
            process.terminate()
            process.wait(timeout=60)


def wait_for_port(port, process, log):
    for _ in range(240):
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.5)
    raise AssertionError("nobody answers")


@pytest.fixture
def page(chromium):
    page = chromium.new_page(viewport={"width": 1366, "height": 900})
    page.set_default_timeout(2 * PATIENCE)
    yield page
    page.close()


def test_every_widget_is_painted_read_clicked_and_known_to_python_in_jupyterlab(lab, page):
    address, home, _ = lab
    nbformat.write(book_of(LINES), home / "book.ipynb")
    page.goto(f"{address}/book.ipynb?reset")
    page.get_by_text("| Idle").wait_for()
    cells = page.locator(".jp-Notebook .jp-Cell")

    def run(i):
        cells.nth(i).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        return cells.nth(i)

    heat = run(0)
    heat.locator("canvas.map").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    heat.locator("output").filter(has_text="a → b: 0.").wait_for()
    page.keyboard.press("Enter")
    heat.locator("output").filter(has_text="pinned").wait_for()

    lines = run(1)
    lines.get_by_role("button", name="H5").click()
    lines.locator("button[aria-pressed=true]").filter(has_text="H5").wait_for()

    mosaic = run(2)
    mosaic.locator("canvas.map").first.focus()
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    mosaic.get_by_text("encoder L1H").wait_for()

    lens = run(3)
    lens.locator("canvas.map").first.click(position={"x": 300, "y": 300})
    lens.get_by_text("rows from 1").wait_for()

    walk = run(4)
    walk.get_by_title("softmax").click()
    walk.locator("[aria-current=step]").filter(has_text="softmax").wait_for()
    walk.get_by_text("Taken apart").wait_for()

    decoder = run(5)
    decoder.locator("button.next").click()
    decoder.locator("output.said").filter(has_text="2").first.wait_for()

    last = run(6)
    last.get_by_text("saved 6").wait_for()
    last.get_by_text(re.compile(r"read \(0, 1\) \[0, 2, 5\] 1 \d \(1\d\d, 1\d\d\) 9 1")).wait_for()
    run(7).locator("canvas.map").first.wait_for()


def test_a_saved_notebook_shows_its_pictures_untrusted_and_without_a_kernel(lab, page):
    address, home, env = lab
    book = home / "kept.ipynb"
    shutil.copy(ROOT / "assets" / "notebooks" / "01-first-look.ipynb", book)
    page.goto(f"{address}/kept.ipynb?reset")
    page.locator(".jp-OutputArea-output img").first.wait_for()
    assert page.locator(".attnlab").count() == 0  # nothing of a stranger's notebook runs

    subprocess.run([sys.executable, "-c", TRUST, str(book)], env=env, check=True, capture_output=True)
    page.goto(f"{address}/kept.ipynb?reset")
    picture = page.locator(".attnlab canvas.map").first
    picture.wait_for()
    page.get_by_text("| Idle").wait_for()
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_text("Shut Down Kernel", exact=True).click()
    page.get_by_text("| No Kernel").or_(page.get_by_text("| Unknown")).or_(page.get_by_text("No Kernel", exact=True)).first.wait_for()
    picture.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.locator(".attnlab .silence").first.filter(has_text="Nobody answers").wait_for()
    assert picture.is_visible()
