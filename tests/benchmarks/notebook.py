"""python -m tests.benchmarks.notebook: a cell of JupyterLab run → its picture painted, and the bytes of the notebook that is saved then.

Ours is the mosaic of all heads, theirs BertViz's `model_view`, of the same text and the same weights, in turn, in one JupyterLab and one
Chromium. The clock starts in the page at the press of Ctrl+Enter and stops two frames after the picture is whole: our canvas drawn, all
their lines in the page. The model was loaded and a short text shown before. Saved is what Ctrl+S writes, the state of our widgets in it.
Change of head: a click on the mosaic → the head below it painted.

BertViz cannot be installed beside this project's libraries: give it an environment of its own with a kernel (`python -m ipykernel install
--user --name bertviz`) and say its name (`--kernel`). Its page asks a public address for three scripts: where there is no network, name
a folder that holds require.min.js, d3.min.js and jquery.min.js (`--scripts`).
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from playwright.sync_api import Browser, Error, Page, Route, sync_playwright

from tests.benchmarks.__main__ import row
from tests.benchmarks.serving import chromium
from tests.benchmarks.sides import SHORT, text_of
from tests.jupyter import book_of, jupyterlab, surroundings

REACH = {128: (10, 50), 512: (30, 500)}  # tokens: times faster, times smaller
ROUNDS = 3
CHANGES = 20
LIMIT = 300  # seconds that a picture may take
TIMED = 2  # the cell that counts; before it the model is loaded, and a short text shown

OURS = ("import attnlab\nmodel = attnlab.load('bert')", "attnlab.widgets.mosaic(model.trace({text!r}))")
THEIRS = (
    "import torch, transformers\nfrom bertviz import model_view\nfrom attnlab.models.load import bert_folder\n"
    "model = transformers.AutoModel.from_pretrained(bert_folder(), attn_implementation='eager').eval()\n"
    "tokenizer = transformers.AutoTokenizer.from_pretrained(bert_folder())\n"
    "tokenizer.backend_tokenizer.no_truncation()\ntokenizer.backend_tokenizer.no_padding()",
    "given = tokenizer({text!r}, return_tensors='pt')\n"
    "with torch.inference_mode():\n    weights = model(**given, output_attentions=True).attentions\n"
    "model_view(weights, tokenizer.convert_ids_to_tokens(given['input_ids'][0]))",
)
WATCH = """() => {
  document.addEventListener('keydown', (event) => { if (event.key === 'Enter') window.began = performance.now(); }, true);
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  CanvasRenderingContext2D.prototype.drawImage = function (...args) {
    if (this.canvas.classList.contains('map')) window.drawn = this.canvas.drawn = performance.now();
    return draw.apply(this, args);
  };
}"""
# Looked at in every frame; two frames after the picture is whole it has been painted.
PAINTED = """([cell, lines]) => {
  window.painted = 0;
  const output = document.querySelectorAll('.jp-Notebook .jp-Cell')[cell].querySelector('.jp-Cell-outputWrapper');
  const drawn = () => output.querySelector('.attnlab')?.shadowRoot.querySelector('canvas.map')?.drawn > window.began;
  const whole = () => (lines ? output.getElementsByTagName('line').length === lines : drawn());
  const done = () => { window.painted = performance.now() - window.began; };
  const look = () => (whole() ? requestAnimationFrame(() => requestAnimationFrame(done)) : requestAnimationFrame(look));
  window.began = Infinity;
  look();
}"""
# Where a head stands on the mosaic is asked of its own readout, as a pointer would.
CHANGE = """([cell, name]) => new Promise((done) => {
  const { shadowRoot } = document.querySelectorAll('.jp-Notebook .jp-Cell')[cell].querySelector('.attnlab');
  const every = shadowRoot.querySelector('canvas.map');
  const box = every.getBoundingClientRect();
  const find = () => {
    for (let y = box.top; y < box.bottom; y += 9) {
      for (let x = box.left; x < box.right; x += 9) {
        every.dispatchEvent(new PointerEvent('pointermove', { clientX: x, clientY: y }));
        if (shadowRoot.querySelector('output').textContent.startsWith(`${name}:`)) return { clientX: x, clientY: y };
      }
    }
  };
  const place = find();
  const start = performance.now();
  every.dispatchEvent(new MouseEvent('click', place));
  const opened = () => shadowRoot.querySelectorAll('.title')[1].textContent.endsWith(name) && window.drawn > start;
  const end = () => done(performance.now() - start);
  const look = () => (opened() ? requestAnimationFrame(() => requestAnimationFrame(end)) : requestAnimationFrame(look));
  look();
})"""


@dataclass(frozen=True)
class Side:
    """Who draws: the cells, in which kernel, and how many lines of SVG make its picture whole (0: a canvas)."""

    name: str
    kernel: str
    cells: tuple[str, str]
    lines: int = 0

    def book(self, text: str) -> Any:
        return book_of([self.cells[0], *(self.cells[1].format(text=each) for each in (SHORT, text))], self.kernel)


@dataclass
class Lab:
    """A running JupyterLab, the folder of its notebooks, and the browser in front of it."""

    address: str
    home: Path
    environment: dict[str, str]
    browser: Browser
    scripts: Path | None
    limit: float

    @contextmanager
    def opened(self, side: Side, text: str) -> Iterator[tuple[Page, Path]]:
        """A notebook in a window of its own, everything before the cell that counts done."""
        book = self.home / f"{side.name}-{time.monotonic_ns()}.ipynb"
        nbformat.write(side.book(text), book)
        page = self.browser.new_page(viewport={"width": 1366, "height": 900})
        page.set_default_timeout(self.limit * 1000)
        page.route("https://cdnjs.cloudflare.com/**", self.answer)
        try:
            page.goto(f"{self.address}/tree/{book.name}?reset")
            page.get_by_text("| Idle").wait_for()
            page.evaluate(WATCH)
            run(page, 0)
            page.locator(".jp-Notebook .jp-Cell").nth(0).get_by_text("[1]:").wait_for()
            self.warm(page, side)
            yield page, book
        finally:
            page.close()

    def answer(self, route: Route) -> None:
        """A script that BertViz's page asks for, from the folder of them."""
        name = route.request.url.rpartition("/")[2]
        if self.scripts is None:
            route.continue_()
        else:
            route.fulfill(path=self.scripts / name, headers={"access-control-allow-origin": "*"}, content_type="text/javascript")

    def warm(self, page: Page, side: Side) -> None:
        """A short text. BertViz's page may ask for its scripts too late to draw with them; the next time they are there."""
        for left in (2, 1, 0):
            try:
                painted(page, 1, side.lines and 72 * 9 * 9, 20 if left else self.limit)
                return
            except Error:
                if not left:
                    raise


def run(page: Page, cell: int) -> None:
    page.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".cm-content").click()
    page.keyboard.press("Control+Enter")


def painted(page: Page, cell: int, lines: int, limit: float) -> float:
    """Seconds from the key to the picture. Raises playwright's Error when there is none within the limit."""
    page.locator(".jp-Notebook .jp-Cell").nth(cell).locator(".cm-content").click()
    page.evaluate(PAINTED, [cell, lines])
    page.keyboard.press("Control+Enter")
    page.wait_for_function("window.painted", timeout=limit * 1000, polling=500)
    return float(page.evaluate("window.painted")) / 1000


def saved(page: Page, book: Path, limit: float) -> int:
    """Bytes of the notebook, once it is written with all outputs."""
    page.keyboard.press("Control+s")
    end = time.monotonic() + limit
    while time.monotonic() < end:
        time.sleep(1)
        with suppress(ValueError):  # in the middle of being written
            if json.loads(book.read_bytes())["cells"][TIMED]["outputs"]:
                return book.stat().st_size
    raise TimeoutError(f"{book.name} was not saved")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", default="bertviz", help="the kernel in which BertViz is installed")
    parser.add_argument("--scripts", type=Path, help="a folder with the three scripts that BertViz's page asks for")
    parser.add_argument("--tokens", type=int, nargs="*", default=[*REACH])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds that a picture may take")
    given = parser.parse_args()
    with laboratory(given.kernel, given.scripts, given.limit) as lab:
        print("| what | attnlab | against | ratio | reach |\n|---|---|---|---|---|", flush=True)
        times = changes(lab)
        spread = f"from {min(times):.0f} to {max(times):.0f}"
        row("change of head in the notebook, 128 tokens", f"median {statistics.median(times):.0f} ms ({spread})", "–", "–", "≤ 150 ms")
        for n in given.tokens:  # last: BertViz may take the browser with it
            compare(lab, n, given.kernel, given.rounds)


@contextmanager
def laboratory(kernel: str, scripts: Path | None, limit: float) -> Iterator[Lab]:
    """JupyterLab with the other kernel, saving the state of widgets, and Chromium."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, chromium(playwright) as browser:
        home, environment = furnished(Path(folder), kernel)
        with jupyterlab(home, environment) as address:
            yield Lab(address, home, environment, browser, scripts, limit)


def furnished(folder: Path, kernel: str) -> tuple[Path, dict[str, str]]:
    """A folder for notebooks, and what JupyterLab has in its environment to find the kernel."""
    home, settings = folder / "home", folder / "JUPYTERLAB_SETTINGS_DIR" / "@jupyter-widgets" / "jupyterlab-manager"
    home.mkdir()
    settings.mkdir(parents=True)
    (settings / "plugin.jupyterlab-settings").write_text(json.dumps({"saveState": True}))
    try:
        where = Path(KernelSpecManager().get_kernel_spec(kernel).resource_dir).parents[1]
    except NoSuchKernel:
        raise SystemExit(f"there is no kernel {kernel!r}:\n{__doc__}") from None
    path = os.pathsep.join(filter(None, (str(where), os.environ.get("JUPYTER_PATH"))))
    return home, surroundings(folder, JUPYTER_PATH=path, HF_HUB_OFFLINE="1")


def compare(lab: Lab, n: int, kernel: str, rounds: int) -> None:
    """Both sides in turn, and what they are of each other. A side that was not painted is not asked again."""
    sides = Side("attnlab", "python3", OURS), Side("bertviz", kernel, THEIRS, 72 * n * n)
    seconds: tuple[list[float], list[float]] = ([], [])
    size, trouble, began = [0, 0], "", 0.0
    for _ in range(rounds):
        for i, side in enumerate(sides):
            if i and trouble:
                continue
            try:
                with lab.opened(side, text_of(n)) as (page, book):
                    began = time.monotonic()
                    seconds[i].append(painted(page, TIMED, side.lines, lab.limit))
                    size[i] = saved(page, book, lab.limit)
            except (Error, TimeoutError) as error:
                if not i:
                    raise
                trouble = str(error).splitlines()[0]
                seconds[i].append(time.monotonic() - began)
    ours, theirs = map(statistics.median, seconds)
    faster, smaller = REACH[n]
    what = f"cell run → all heads painted in JupyterLab, `bert`, {n} tokens"
    against = f"not painted after {theirs:.1f} s: {trouble}" if trouble else f"{theirs:.1f} s"
    more = "> " if trouble else ""
    row(f"{what}: time", f"{ours:.2f} s", f"BertViz {against}", f"{more}{theirs / ours:.0f} ×", f"≥ {faster} × faster")
    size[1] = size[1] or without_browser(lab, sides[1], text_of(n))
    bytes_of = (f"{size[0] / 1e6:.2f} MB", f"BertViz {size[1] / 1e6:.2f} MB")
    row("the same: bytes of the saved notebook", *bytes_of, f"1/{size[1] / size[0]:,.0f}", f"≤ 1/{smaller}")


def without_browser(lab: Lab, side: Side, text: str) -> int:
    """Bytes of the notebook when no browser has to show it."""
    book = lab.home / "alone.ipynb"
    nbformat.write(side.book(text), book)
    how = ("--to", "notebook", "--execute", "--inplace", f"--ExecutePreprocessor.timeout={LIMIT}")
    subprocess.run([sys.executable, "-m", "nbconvert", *how, str(book)], env=lab.environment, check=True, capture_output=True)
    return book.stat().st_size


def changes(lab: Lab) -> list[float]:
    """Milliseconds from a click on the mosaic to the head below it, each time another one."""
    with lab.opened(Side("change", "python3", OURS), text_of(128)) as (page, _):
        painted(page, TIMED, 0, lab.limit)
        return [page.evaluate(CHANGE, [TIMED, f"L{i % 6}H{(5 * i + 1) % 12}"]) for i in range(CHANGES + 1)][1:]


if __name__ == "__main__":
    main()
