"""One server and one Chromium for all browser tests. Without a browser they are skipped, unless ATTNLAB_BROWSER=required."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
PATIENCE = 60_000  # milliseconds: a test machine may be busy; nothing here is a measurement


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="session")
def chromium():
    """The browser, or a skip that says why there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        message = f"no browser found; install one of {', '.join(NAMES)}"
        if os.environ.get("ATTNLAB_BROWSER") == "required":
            pytest.fail(message)
        pytest.skip(message)
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        sync_api.expect.set_options(timeout=PATIENCE)
        browser = playwright.chromium.launch(executable_path=found, args=ARGS.split())
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(chromium, tmp_path_factory):
    """The address of a running app, as `streamlit run app.py` starts it."""
    port = free_port()
    log = (tmp_path_factory.mktemp("server") / "log").open("w+")
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", "--server.headless=true"]
    options = ["--server.fileWatcherType=none", "--server.address=127.0.0.1"]
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "default"}
    process = subprocess.Popen([*command, *options], cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
                break
            except OSError:
                assert process.poll() is None, Path(log.name).read_text()
                time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


class Visit:
    """One visitor's browser window, with what went wrong in it and where it called out to."""

    def __init__(self, page, server):
        self.page, self.server = page, server
        self.errors, self.outside = [], []
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.outside.append(request.url) if not self.ours(request.url) else None)
        page.on("dialog", lambda dialog: (self.errors.append(f"dialog {dialog.message}"), dialog.dismiss()))

    def ours(self, url):
        return url.startswith((self.server, self.server.replace("http", "ws"), "data:", "blob:"))

    def open(self, path=""):
        """Go to a page and wait until it stands."""
        self.page.goto(f"{self.server}/{path}")
        return self.wait()

    def wait(self):
        """Until the script has run: after anything that makes it run."""
        self.page.wait_for_timeout(350)
        self.page.wait_for_selector(".st-key-languages button", timeout=PATIENCE)  # before the first run nothing runs either
        for _ in range(2):  # a choice written late may start one more run
            self.page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=PATIENCE)
            self.page.wait_for_timeout(150)
        return self

    def canvas(self, name):
        """A canvas component by the key that the page gave it, drawn."""
        found = self.page.locator(f".st-key-{name} canvas.map")
        found.wait_for(state="visible")
        return found

    def said(self, name):
        """The readout under a canvas."""
        return self.page.locator(f".st-key-{name} output")

    def holds(self, label, value):
        """Wait until a widget holds this value; a pattern is looked for."""
        from playwright.sync_api import expect

        expect(self.page.get_by_label(label, exact=True)).to_have_value(value, timeout=PATIENCE)

    def unfold(self, picture):
        """Open what hangs under a picture: its files and how they are to look."""
        box = self.page.locator(f".st-key-save-{picture}")
        box.locator("summary").first.click()
        box.get_by_role("button", name="SVG", exact=True).wait_for(state="visible")
        self.wait()
        return box

    def saved(self, picture, kind):
        """The bytes of a picture's file, and what the file is called."""
        box = self.page.locator(f".st-key-save-{picture}")
        if not box.get_by_role("button", name=kind, exact=True).is_visible():
            box = self.unfold(picture)
        with self.page.expect_download() as waiting:
            box.get_by_role("button", name=kind, exact=True).click()
        return Path(waiting.value.path()).read_bytes(), waiting.value.suggested_filename

    def drop(self, file):
        """Give a figure to the home page and open the view it came from."""
        self.open()
        self.page.locator("input[type=file]").set_input_files(file)
        self.wait()
        self.page.get_by_role("button", name="Open this view").click()
        self.page.wait_for_url("**/heads?*")
        return self.wait()

    def type(self, label, text):
        box = self.page.get_by_label(label, exact=True).first
        box.fill(text)
        box.press("Enter")
        if text.strip() and len(text) < 1000:
            self.page.wait_for_url(lambda url: "text=" in url)  # the answer has come: the address says so
        return self.wait()


@contextmanager
def visits(chromium, server):
    """What opens windows, each of its own; what goes wrong in one fails the test."""
    windows = []

    def make(*, width=1366, height=768, locale="en-US", dark=False):
        scheme = "dark" if dark else "light"
        context = chromium.new_context(
            viewport={"width": width, "height": height}, locale=locale, color_scheme=scheme, accept_downloads=True
        )
        window = Visit(context.new_page(), server)
        windows.append((context, window))
        return window

    yield make
    for context, window in windows:
        context.close()
        assert not window.errors, window.errors
        assert not window.outside, window.outside


@pytest.fixture
def visit(chromium, server):
    """visit(locale="zh-CN", width=1024, ...) opens a window for one test."""
    with visits(chromium, server) as make:
        yield make


@pytest.fixture(scope="module")
def long_visit(chromium, server):
    """The same for windows that several tests share."""
    with visits(chromium, server) as make:
        yield make


def pytest_collection_modifyitems(items):
    """A busy machine may be slower than any patience: a browser test that failed is tried twice more, and the report says so."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):  # pytest asks about all tests, wherever this stands
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.flaky(reruns=2))
