"""Change of layer or head to painted, in Chromium at 64 tokens: `python tests/benchmarks/paint.py`. Prints the median of 20 changes,
idle and while a model is trained on the Train page, and the ratio of the two. `paint.py write`: one token more on the page Write.

The clock starts in the page at the click on + and stops two frames after the heat map's canvas was drawn anew; on Write it starts at the
click on "Write one token" and stops two frames after the line that counts the tokens says one more and the list of what could come next
was drawn anew.
"""

import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
TEXT = " ".join(["The cat sat on the mat because it was tired and the dog slept."] * 5)[:270]
CHANGES = 20
# drawImage is the first thing a redraw of the map does, so the last one before two quiet frames is the picture that stays.
WATCH = """() => {
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  CanvasRenderingContext2D.prototype.drawImage = function (...args) { window.drawn = performance.now(); return draw.apply(this, args); };
}"""
CHANGE = """(index) => new Promise((done) => {
  const start = performance.now();
  window.drawn = 0;
  document.querySelectorAll('[data-testid="stNumberInputStepUp"], [data-testid="stNumberInputStepDown"]')[index].click();
  const look = () => window.drawn
    ? requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)))
    : requestAnimationFrame(look);
  look();
})"""
WRITE = """() => new Promise((done) => {
  const said = () => [...document.querySelectorAll('[data-testid="stCaptionContainer"]')].map((one) => one.textContent)
    .find((text) => text.includes('Tokens written'));
  const before = said(), start = performance.now();
  window.drawn = 0;
  document.querySelector('.st-key-write_one button, .st-key-write-one button').click();
  const look = () => said() !== before && window.drawn
    ? requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)))
    : requestAnimationFrame(look);
  look();
})"""
# The list of what could come next is a canvas too, which is filled and written rather than copied.
WATCH_LIST = """() => {
  const write = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (...args) { window.drawn = performance.now(); return write.apply(this, args); };
}"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def main() -> None:
    browser_path = next((path for name in ("chromium", "google-chrome", "chrome") if (path := shutil.which(name))), None)
    if browser_path is None:
        sys.exit("no Chromium or Chrome found")
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", "--server.headless=true"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "HF_HUB_OFFLINE": "1"}, **quiet)
    try:
        (measure_write if sys.argv[1:] == ["write"] else measure)(browser_path, f"http://127.0.0.1:{port}")
    finally:
        process.terminate()


def until_up(address: str) -> None:
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
            break
        except OSError:
            time.sleep(0.25)
    time.sleep(10)  # the visit that counts comes ten seconds after the start


def measure_write(browser_path: str, address: str) -> None:
    until_up(address)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        page.goto(f"{address}/write?lang=en")
        page.get_by_text("Tokens written: 0,").wait_for(timeout=120_000)
        page.wait_for_timeout(3000)
        page.evaluate(WATCH_LIST)
        times = []
        for _ in range(CHANGES):
            times.append(page.evaluate(WRITE))
            page.wait_for_timeout(500)
        print(f"one token more to painted: median {statistics.median(times):.0f} ms (from {min(times):.0f} to {max(times):.0f})")
        browser.close()


def measure(browser_path: str, address: str) -> None:
    until_up(address)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        start = time.perf_counter()
        page.goto(f"{address}/heads")
        page.wait_for_selector(".st-key-map canvas.map", timeout=120_000)
        print(f"first visit 10 s after start: first heat map after {time.perf_counter() - start:.1f} s")
        page.goto(f"{address}/heads?layer=0&head=0&text={TEXT}")
        page.wait_for_selector(".st-key-map canvas.map", timeout=120_000)
        page.wait_for_timeout(3000)
        page.evaluate(WATCH)
        idle = changes(page, "idle")
        other = browser.new_page()
        other.goto(f"{address}/train?lang=en&reverse_steps=20000")
        other.get_by_role("button", name="Train", exact=True).click()
        other.get_by_text(re.compile(r"step [1-9]\d* of 20000")).wait_for(timeout=120_000)
        busy = changes(page, "while a model is trained")
        print(f"while a model is trained: {busy / idle:.2f} x the idle figure")
        other.get_by_test_id("stMain").get_by_role("button", name="Stop", exact=True).click()
        other.get_by_text("is now in the model menu").wait_for(timeout=120_000)
        browser.close()


def changes(page: Page, when: str) -> float:
    """Changes layers, then heads; returns the median of all, in milliseconds."""
    every = []
    for name, plus, minus in (("layer", 1, 0), ("head", 3, 2)):
        times = []
        for i in range(CHANGES):
            times.append(page.evaluate(CHANGE, plus if i % 10 < 5 else minus))
            page.wait_for_timeout(500)
        print(f"{when}: {name} changed to painted: median {statistics.median(times):.0f} ms (from {min(times):.0f} to {max(times):.0f})")
        every += times
    return statistics.median(every)


if __name__ == "__main__":
    main()
