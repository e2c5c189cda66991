"""The package as a stranger has it: python tests/installed.py ENVIRONMENT, where a wheel was installed. Run it from any folder.

From an empty folder, without the source: the version, what the command can do, every shipped model, a figure of each format, a command
of each kind, a mistake, the notebooks that teach, and the app painted in Chromium. It ends with the first thing that is not as it
should be.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
PATIENCE = 240  # seconds: a test machine may be busy; nothing here is a measurement
LIBRARY = """
import sys
from pathlib import Path

import attnlab

assert "site-packages" in attnlab.__file__, attnlab.__file__
assert not {"torch", "streamlit"} & set(sys.modules), "import attnlab is not light"
from attnlab.models.load import names

texts = {"translate-fr": "The red car is in the garden.", "translate-zh": "The red car is in the garden."}
for name in names():
    trace = attnlab.load(name).trace(texts.get(name, "a b c d"))
    sums = [float(abs(attention.weights(0).sum(-1) - 1).max()) for attention in trace.attentions]
    assert sums and max(sums) < 1e-5, (name, sums)
    print(name, len(trace.attentions), "sublayers", repr(trace.target_text))
assert len(names()) >= 10, names()

seen = attnlab.load("bert").trace("The cat sat on the mat 你好").at("encoder", 0)
picture = attnlab.figures.heatmap(seen.weights(2), seen.queries.pieces, seen.keys.pieces, title="bert L0H2")
for kind in attnlab.figures.FORMATS:
    file = attnlab.figures.write(f"figure.{kind}", attnlab.figures.save(picture, kind, record=attnlab.figures.record(model="bert")))
    print(file, file.stat().st_size, "bytes")
    if kind != "csv":
        assert attnlab.figures.read_record(file)["model"] == "bert"
"""


def main(environment: Path) -> None:
    binaries = environment.absolute() / ("Scripts" if os.name == "nt" else "bin")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        check_command(binaries)
        print(run(binaries / "python", "-c", LIBRARY))
        check_notebooks(binaries)
        check_app(binaries)
        os.chdir("/")


def run(*command: object, status: int = 0, stdin: str = "") -> str:
    """What a command says on both its streams. It must end with this status."""
    names = ("PATH", "HOME", "LANG", "OMP_NUM_THREADS", "SYSTEMROOT")
    surroundings = {name: os.environ[name] for name in names if name in os.environ} | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run([*map(str, command)], input=stdin, capture_output=True, text=True, env=surroundings, timeout=600)
    assert done.returncode == status, (command, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def check_command(binaries: Path) -> None:
    attnlab = binaries / "attnlab"
    assert run(attnlab, "--version").startswith("attnlab "), "no version"
    assert "heatmap" in run(attnlab, status=2), "does not say what it can do"
    assert "translate-fr" in run(binaries / "python", "-m", "attnlab", "models")
    mistake = run(attnlab, "heatmap", "a", "--model", "nope", "--layer", "0", "--head", "0", "-o", "a.png", status=2)
    assert mistake.startswith("There is no model 'nope'") or "'nope'" in mistake, mistake
    assert mistake.count("\n") == 1, mistake
    run(attnlab, "heatmap", "The cat sat on the mat", "--layer", "0", "--head", "2", "-o", "cat.pdf")
    assert '"text": "The cat sat on the mat"' in run(attnlab, "figure-info", "cat.pdf")
    french = run(attnlab, "translate", "--model", "translate-fr", stdin="The red car is in the garden.\n")
    assert "voiture" in french, french
    train = ("train", "reverse", "--steps", "2", "--layers", "1", "--d-model", "16", "--heads", "2", "--batch", "100")
    run(attnlab, *train, "-o", "reverse")
    assert "accuracy" in run(attnlab, "evaluate", "--model", "reverse", "--sequences", "2")
    print("the commands answer")


NOTEBOOKS = """
import nbclient, nbformat
from attnlab.words import ASSETS

for book in sorted((ASSETS / "notebooks").glob("*.ipynb")):
    read = nbformat.read(book, 4)
    nbclient.NotebookClient(read, timeout=600, kernel_name="python3").execute()
    shown = sum(bool(cell.get("outputs")) for cell in read.cells)
    assert shown >= 2, (book.name, shown)
    print(book.name, shown, "outputs")
"""


def check_notebooks(binaries: Path) -> None:
    """The notebooks that teach run from top to bottom."""
    print(run(binaries / "python", "-c", NOTEBOOKS))


def check_app(binaries: Path) -> None:
    """attnlab app, from nothing to a painted heat map."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    with open("log", "w+") as log:
        command = [str(binaries / "attnlab"), "app", "--port", str(port), "--no-browser"]
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=os.environ | {"HF_HUB_OFFLINE": "1"})
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(f"{address}/_stcore/health", server)
            look(f"{address}/heads?layer=3&head=1&cell=8,2")
        except Exception:
            print(Path("log").read_text(), file=sys.stderr)
            raise
        finally:
            server.terminate()
            server.wait(timeout=60)


def wait_for(address: str, server: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            return urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            assert server.poll() is None, "the app has ended"
            time.sleep(0.5)
    raise AssertionError(f"nobody answers at {address}")


def look(address: str) -> None:
    """The heat map is painted in more than one colour, and its cell reads what it should."""
    from playwright.sync_api import expect, sync_playwright

    colours = "c => new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size"
    found = next(path for name in CHROMIUM if (path := shutil.which(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGS.split())
        page = browser.new_page(viewport={"width": 1366, "height": 768}, locale="en-US")
        page.set_default_timeout(1000 * PATIENCE)
        page.goto(address)
        page.locator(".st-key-map canvas.map").wait_for(state="visible")
        expect(page.locator(".st-key-map output")).to_contain_text("it → cat: 0.49", timeout=1000 * PATIENCE)
        painted = page.locator(".st-key-map canvas.map").evaluate(colours)
        assert painted > 20, f"{painted} colours"
        browser.close()
    print("the app paints", painted, "colours")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
