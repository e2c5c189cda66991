"""A follower's phone: python -m tests.benchmarks.phones [SECONDS ASLEEP]. What its page weighs, how soon there is a picture on a slow
phone (4 x CPU slowdown, fast 3G), and how soon it is right again after the server was killed and after it slept. Nothing here is a test.

Rooms are in Redis (redis-server on a free port). A phone that sleeps has a stream that looks open and carries nothing any more.
"""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from playwright.sync_api import Page, expect, sync_playwright

from tests.benchmarks.serving import await_health, chromium, post, start
from tests.browser.conftest import free_port

PHONE: Any = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 3, "has_touch": True, "is_mobile": True}
FAST_3G = {"offline": False, "latency": 562.5, "downloadThroughput": 1.44e6 / 8, "uploadThroughput": 0.675e6 / 8}  # as DevTools has it
ROUNDS = 5
LESSON = "1-what-a-head-looks-at"
SEEN = """
new MutationObserver((_, watch) => {
  if (!document.querySelector('main canvas')) return;
  watch.disconnect();
  requestAnimationFrame(() => setTimeout(() => { window.pictureAt = performance.now(); }));
}).observe(document, { childList: true, subtree: true });
"""


@contextmanager
def redis() -> Iterator[str]:
    port = free_port()
    command = [shutil.which("redis-server") or "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with tempfile.TemporaryDirectory() as folder, subprocess.Popen([*command, "--dir", folder], stdout=subprocess.DEVNULL) as process:
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()


class Line:
    """A port that leads to another one, and can forget the connections it has: they stay open and carry nothing."""

    def __init__(self, port: int) -> None:
        self.to, self.age, self.listening = port, 0, socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listening.getsockname()[1])
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            here, _ = self.listening.accept()
            there = socket.create_connection(("127.0.0.1", self.to))
            for ends in ((here, there), (there, here)):
                threading.Thread(target=self.carry, args=(*ends, self.age), daemon=True).start()

    def carry(self, source: socket.socket, sink: socket.socket, age: int) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if age == self.age:
                    sink.sendall(data)
            if age == self.age:
                sink.shutdown(socket.SHUT_WR)


def asleep(browser: Any, port: int, room: Any, seconds: float) -> None:
    """A phone sleeps while the class goes on, and wakes."""
    line = Line(port)
    page = browser.new_context(**PHONE).new_page()
    page.goto(f"http://127.0.0.1:{line.port}/live/{room['code']}")
    expect(page.locator("h1")).to_have_text("Another head, another habit", timeout=60_000)
    line.age += 1
    page.context.set_offline(True)
    for _ in range(2):
        time.sleep(seconds / 2)
        post(f"http://127.0.0.1:{port}/live/{room['code']}/control", {"do": "next"}, room["secret"])
    expect(page.locator("h1")).to_have_text("Another head, another habit")
    page.context.set_offline(False)
    took = shown(page, "Who is 'it'?", time.perf_counter())
    print(f"asleep for {seconds:.0f} s, its stream dead: right step {took:.2f} s after it wakes", flush=True)


def weight(address: str, coding: str) -> int:
    """Bytes of a page on the wire. Everything else that it shows is in it, or comes by the room's stream."""
    with urllib.request.urlopen(urllib.request.Request(address, headers={"Accept-Encoding": coding}), timeout=60) as answer:
        return len(answer.read())


def slow_phone(browser: Any, address: str) -> float:
    """Seconds until the first picture stands on a phone that was never here."""
    context = browser.new_context(**PHONE)
    page = context.new_page()
    page.add_init_script(SEEN)
    wire = context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.send("Network.emulateNetworkConditions", FAST_3G)
    wire.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.goto(address)
    page.locator("main canvas").first.wait_for(timeout=60_000)
    page.wait_for_timeout(500)  # the time was taken by the page itself
    took = float(page.evaluate("window.pictureAt")) / 1000
    context.close()
    return took


def shown(page: Page, title: str, since: float) -> float:
    """Seconds since then until a page shows this step."""
    expect(page.locator("h1")).to_have_text(title, timeout=60_000)
    return time.perf_counter() - since


def measure(browser: Any, store: str, seconds: float) -> None:
    port = free_port()
    address, more = f"http://127.0.0.1:{port}", {"ATTNLAB_REDIS": store}
    server = start(port, more)
    try:
        await_health(address)
        room = post(f"{address}/live", {"lesson": LESSON})
        base = f"{address}/live/{room['code']}"

        def do(action: str) -> None:
            post(f"{base}/control", {"do": action}, room["secret"])

        page = browser.new_context(**PHONE).new_page()
        page.goto(base)
        do("next")
        expect(page.locator("h1")).to_have_text("Predict a row", timeout=60_000)
        time.sleep(8)  # the server has loaded its libraries
        found = [slow_phone(browser, base) for _ in range(ROUNDS)]
        times = ", ".join(f"{seconds:.2f}" for seconds in sorted(found))
        print(f"the page with its first state: {weight(base, 'identity')} bytes, {weight(base, 'gzip')} compressed", flush=True)
        print(f"slow phone: seconds to the picture {times}", flush=True)
        page.locator(".options label").nth(4).click()
        page.locator("#send").click()
        page.locator(".done").wait_for()
        server.kill()
        server.wait()
        server = start(port, more)
        await_health(address)
        begun = time.perf_counter()
        do("next")
        took = shown(page, "Another head, another habit", begun)
        print(f"server killed and started again: right step {took:.2f} s after it answers", flush=True)
        asleep(browser, port, room, seconds)
        do("back")
        do("back")
        do("back")
        expect(page.locator(".done")).to_contain_text("fox", timeout=60_000)
        do("open")
        expect(page.locator(".key.class")).to_contain_text("1", timeout=60_000)
        told = json.dumps(page.locator(".keys").all_inner_texts())
        print(f"the vote sent before the server was killed: {told}", flush=True)
    finally:
        server.terminate()
        server.wait(timeout=60)


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 300.0
    with redis() as store, sync_playwright() as playwright, chromium(playwright) as browser:
        measure(browser, store, seconds)


if __name__ == "__main__":
    main()
