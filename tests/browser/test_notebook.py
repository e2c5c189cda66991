"""Real JupyterLab in Chromium: a widget is painted, read and pinned, and Python knows the pin."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from textwrap import indent

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE, ROOT, free_port

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("jupyterlab")
TRUST = "from nbformat.sign import TrustNotebookApp; TrustNotebookApp.launch_instance()"
LINES = [
    "import numpy as np\nimport attnlab\nfrom attnlab import figures, widgets\n"
    "trace = attnlab.load('reverse-sinusoidal').trace('a b c d')\nheat = widgets.heatmap(trace.attentions[0], head=2)\nheat",
    "lines = widgets.lines(trace.attentions[0], heads=[0, 2])\nlines",
    "mosaic = widgets.mosaic(trace)\nmosaic",
    "lens = widgets.overview(np.random.default_rng(0).dirichlet(np.ones(200), 200))\nlens",
    "steps = widgets.steps(trace, head=1)\nsteps",
    "decoder = widgets.decoder(attnlab.load('translate-fr').trace('The cat sleeps.'))\ndecoder",
    "every = heat, lines, mosaic, lens, steps, decoder\n"
    "saved = [figures.save(each.figure(), 'pdf')[:5] == b'%PDF-' for each in every].count(True)\n"
    "f'read {heat.cell} {lines.heads} {mosaic.layer} {mosaic.head} {lens.at} {steps.stage} {decoder.step}, saved {saved}'",
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


def drive(page, widget):
    """Read, click and step in every widget, as a person would. widget(i): where the i-th of them stands, painted."""
    heat = widget(0)
    heat.locator("canvas.map").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    heat.locator("output").filter(has_text="a → b: 0.").wait_for()
    page.keyboard.press("Enter")
    heat.locator("output").filter(has_text="pinned").wait_for()

    lines = widget(1)
    lines.get_by_role("button", name="H5").click()
    lines.locator("button[aria-pressed=true]").filter(has_text="H5").wait_for()

    mosaic = widget(2)
    mosaic.locator("canvas.map").first.focus()
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    mosaic.get_by_text("encoder L1H").wait_for()

    lens = widget(3)
    lens.locator("canvas.map").first.click(position={"x": 300, "y": 300})
    lens.get_by_text("rows from 1").wait_for()

    walk = widget(4)
    walk.get_by_title("softmax").click()
    walk.locator("[aria-current=step]").filter(has_text="softmax").wait_for()
    walk.get_by_text("Taken apart").wait_for()

    decoder = widget(5)
    decoder.locator(".list button").first.wait_for()  # its numbers have come
    decoder.locator("button.next").click()
    decoder.locator("output.said").filter(has_text=re.compile(r"\b2\b.{0,6}\b6\b")).first.wait_for()
    page.evaluate("new Promise((done) => setTimeout(done, 400))")  # a step is told when one has stood there for 300 ms, by the same clock


READ = re.compile(r"read \(0, 1\) \[0, 2, 5\] 1 \d \(1\d\d, 1\d\d\) 9 1, saved 6")


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

    drive(page, run)
    run(6).get_by_text(READ).wait_for()
    run(7).locator("canvas.map").first.wait_for()


def test_sixteen_widgets_two_views_of_one_and_a_dark_theme(lab, page):
    address, home, _ = lab
    show = "from IPython.display import display\nw = widgets.heatmap(trace.attentions[0])\ndisplay(w, w)\n"
    many = "for head in range(14): display(widgets.heatmap(trace.attentions[0], head=head % 8))"
    nbformat.write(book_of([LINES[0], show + many, "w.cell = (1, 2)"]), home / "many.ipynb")
    page.goto(f"{address}/many.ipynb?reset")
    page.get_by_text("| Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    both = page.locator(".jp-Notebook .jp-Cell").nth(1)
    both.locator(".attnlab").nth(15).locator("canvas.map").wait_for()
    for view in (0, 1):
        both.locator(".attnlab").nth(view).locator("output").filter(has_text="b → c").wait_for()
    paper = "e => e.style.getPropertyValue('--paper')"
    light = both.locator(".attnlab").first.evaluate(paper)
    page.evaluate(
        "document.body.dataset.jpThemeLight = 'false'; document.documentElement.style.setProperty('--jp-layout-color0', '#111111')"
    )
    page.wait_for_function("document.querySelector('.attnlab').style.getPropertyValue('--paper') === '#111111'")
    assert light != "#111111"


def test_every_widget_is_painted_read_clicked_and_known_to_python_in_marimo(chromium, page, tmp_path):
    pytest.importorskip("marimo")
    port = free_port()
    wrapped = [re.sub(r" = (widgets\..*)", r" = mo.ui.anywidget(\1)", line) for line in LINES[:6]]  # what makes others follow it
    cells = [("", f"import marimo as mo\n{wrapped[0]}", "np, attnlab, figures, widgets, trace, heat, mo")]
    cells += [("trace, widgets, np, attnlab, mo", line, line.split(" = ")[0]) for line in wrapped[1:]]
    cells += [("heat, lines, mosaic, lens, steps, decoder, figures", LINES[6], "every, saved"), ("trace", "trace", "")]
    body = "".join(f"\n@app.cell\ndef _({given}):\n{indent(line, '    ')}\n    return {made}\n" for given, line, made in cells)
    (tmp_path / "book.py").write_text(f"import marimo\napp = marimo.App()\n{body}")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    options = ["--headless", "--no-token", "--host", "127.0.0.1", "--port", str(port)]
    outside = []
    page.on(
        "request",
        lambda request: None if "127.0.0.1" in request.url or request.url[:5] in ("data:", "blob:") else outside.append(request.url),
    )
    with (tmp_path / "log").open("w") as log:
        command = [sys.executable, "-m", "marimo", "run", str(tmp_path / "book.py"), *options]
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        try:
            wait_for_port(port, process, tmp_path / "log")
            page.goto(f"http://127.0.0.1:{port}/")
            page.locator(".attnlab").nth(6).locator("canvas.map").first.wait_for()
            drive(page, page.locator(".attnlab").nth)
            page.get_by_text(READ).wait_for()
        finally:
            process.terminate()
            process.wait(timeout=60)
    assert outside == []


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
    expect(picture).to_be_visible()
