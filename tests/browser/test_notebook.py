"""Real JupyterLab and real marimo in Chromium: a widget is painted, read and pinned, and Python knows the pin.

One JupyterLab, opened once, and one kernel that has loaded a model serve all tests; each shows notebooks of its own in it.
"""

import os
import re
import sys
from textwrap import indent

import pytest

from tests.browser.conftest import PATIENCE, ROOT, free_port
from tests.jupyter import answering, book_of, jupyterlab, surroundings

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("jupyterlab")
expect = pytest.importorskip("playwright.sync_api").expect
NotebookNotary = pytest.importorskip("nbformat.sign").NotebookNotary
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
SIXTEEN = (
    "from IPython.display import display\nw = widgets.heatmap(trace.attentions[0])\ndisplay(w, w)\n"
    "for head in range(14): display(widgets.heatmap(trace.attentions[0], head=head % 8))"
)

ODD = (
    "from IPython.display import display\n"
    "display(widgets.heatmap([[0.5, 0.7], [np.nan, 1.0]]), widgets.overview(np.where(np.eye(100), 1.0, np.nan)))"
)
OPEN = """async (path) => {
  await jupyterapp.restored;
  const panel = await jupyterapp.commands.execute('docmanager:open', { path });
  await panel.revealed;
  await panel.sessionContext.ready;
}"""
WRONG = "widgets.heatmap([[0.5, 0.5]], queries=['a'], keys=['b', 'c', 'd'])"


@pytest.fixture(scope="module")
def lab(chromium, tmp_path_factory):
    """JupyterLab in a window: the page, and the folder of its notebooks."""
    root = tmp_path_factory.mktemp("lab")
    home = root / "home"
    home.mkdir()
    with jupyterlab(home, surroundings(root)) as address:
        page = chromium.new_page(viewport={"width": 1366, "height": 900})
        page.set_default_timeout(2 * PATIENCE)
        page.goto(f"{address}?reset")
        page.wait_for_function("window.jupyterapp?.shell")
        yield page, home
        page.close()


def opened(page, name):
    """A notebook of the folder in front, as a double click opens it: the panel that it stands in."""
    page.evaluate(OPEN, name)
    return page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")


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


@pytest.fixture(scope="module")
def book(lab):
    """A notebook of all widgets whose first cell has run: its page, and run(i), which runs a cell and is where its output stands."""
    page, home = lab
    nbformat.write(book_of([*LINES, SIXTEEN, "w.cell = (1, 2)", ODD, WRONG]), home / "book.ipynb")
    panel = opened(page, "book.ipynb")
    cells = panel.locator(".jp-Cell")
    panel.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()

    def run(i):
        cells.nth(i).locator(".cm-content").click()
        page.evaluate("() => { jupyterapp.commands.execute('notebook:run-cell'); }")
        return cells.nth(i)

    run(0).locator(".attnlab canvas.map").wait_for()
    return page, run


def test_every_widget_is_painted_read_clicked_and_known_to_python_in_jupyterlab(book):
    page, run = book
    drive(page, run)
    run(6).get_by_text(READ).wait_for()
    run(7).locator("canvas.map").first.wait_for()


def test_sixteen_widgets_two_views_of_one_and_a_dark_theme(book):
    page, run = book
    theme = "async theme => { await jupyterapp.commands.execute('apputils:change-theme', { theme }); }"
    page.evaluate(theme, "JupyterLab Light")
    both = run(8)
    both.locator(".attnlab").nth(15).locator("canvas.map").wait_for()
    run(9)
    for view in (0, 1):
        both.locator(".attnlab").nth(view).locator("output").filter(has_text="b → c").wait_for()
    first = both.locator(".attnlab").first
    expect(first).to_have_css("--paper", re.compile("^(white|#fff|#ffffff)$"))
    page.evaluate(theme, "JupyterLab Dark")
    expect(first).to_have_css("--paper", re.compile("^#1{3}(1{3})?$"))


def test_what_is_no_weight_is_shown_as_it_is_and_said_and_what_is_no_map_refused(book):
    _, run = book
    odd = run(10)
    odd.locator(".attnlab").nth(1).locator("canvas.map").nth(1).wait_for()
    expect(odd.get_by_text("do not sum to 1")).to_have_count(2)
    expect(run(11)).to_contain_text("weights are 1 x 2 but labels are 1 x 3")


def test_every_widget_is_painted_read_clicked_and_known_to_python_in_marimo(chromium, tmp_path):
    pytest.importorskip("marimo")
    port = free_port()
    wrapped = [re.sub(r" = (widgets\..*)", r" = mo.ui.anywidget(\1)", line) for line in LINES[:6]]  # what makes others follow it
    cells = [("", f"import marimo as mo\n{wrapped[0]}", "np, attnlab, figures, widgets, trace, heat, mo")]
    cells += [("trace, widgets, np, attnlab, mo", line, line.split(" = ")[0]) for line in wrapped[1:]]
    cells += [("heat, lines, mosaic, lens, steps, decoder, figures", LINES[6], "every, saved"), ("trace", "trace", "")]
    body = "".join(f"\n@app.cell\ndef _({given}):\n{indent(line, '    ')}\n    return {made}\n" for given, line, made in cells)
    (tmp_path / "book.py").write_text(f"import marimo\napp = marimo.App()\n{body}")
    options = ["--headless", "--no-token", "--host", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-m", "marimo", "run", str(tmp_path / "book.py"), *options]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    ours = (f"http://127.0.0.1:{port}/", f"ws://127.0.0.1:{port}/", "data:", "blob:")
    with answering(command, port, env, tmp_path / "log"), chromium.new_page(viewport={"width": 1366, "height": 900}) as page:
        page.set_default_timeout(2 * PATIENCE)
        outside = []
        page.on("request", lambda request: None if request.url.startswith(ours) else outside.append(request.url))
        page.goto(f"http://127.0.0.1:{port}/")
        page.locator(".attnlab").nth(6).locator("canvas.map").first.wait_for()
        drive(page, page.locator(".attnlab").nth)
        page.get_by_text(READ).wait_for()
    assert outside == []


def test_a_saved_notebook_shows_its_pictures_untrusted_and_without_a_kernel(lab):
    page, home = lab
    kept = nbformat.read(ROOT / "assets" / "notebooks" / "01-first-look.ipynb", 4)
    nbformat.write(kept, home / "strange.ipynb")
    strange = opened(page, "strange.ipynb")
    strange.locator(".jp-OutputArea-output img").first.wait_for()
    expect(strange.locator(".attnlab")).to_have_count(0)  # nothing of a stranger's notebook runs

    kept.cells[0].source += " Trusted."
    NotebookNotary(data_dir=str(home.parent / "JUPYTER_DATA_DIR")).sign(kept)
    nbformat.write(kept, home / "kept.ipynb")
    own = opened(page, "kept.ipynb")
    picture = own.locator(".attnlab canvas.map").first
    picture.wait_for()
    own.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_text("Shut Down Kernel", exact=True).click()
    own.locator(".jp-KernelName").filter(has_text="No Kernel").wait_for()
    picture.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    own.locator(".attnlab .silence").first.filter(has_text="Nobody answers").wait_for()
    expect(picture).to_be_visible()
