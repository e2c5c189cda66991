"""The app as a host runs it, for benchmarks that need a whole server, and Chromium beside it."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.browser.conftest import ARGS, NAMES, free_port

ROOT = Path(__file__).resolve().parents[2]


def start(port: int, more: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """`streamlit run app.py` on a port of the loopback. more: of the environment."""
    options = [f"--server.port={port}", "--server.headless=true", "--server.address=127.0.0.1"]
    env = {**os.environ, "HF_HUB_OFFLINE": "1", **(more or {})}
    quiet = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-m", "streamlit", "run", "app.py", *options], cwd=ROOT, env=env, stdout=quiet, stderr=quiet)


def await_health(address: str) -> None:
    """Until the server answers. Raises TimeoutError after two minutes."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
            return
        except OSError:
            time.sleep(0.02)
    raise TimeoutError(address)


@contextmanager
def serving(more: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of a running app."""
    port = free_port()
    with start(port, more) as server:
        try:
            await_health(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(timeout=60)


@contextmanager
def chromium(playwright: Any) -> Iterator[Any]:
    found = next(path for name in NAMES if (path := shutil.which(name)))
    browser = playwright.chromium.launch(executable_path=found, args=ARGS.split())
    try:
        yield browser
    finally:
        browser.close()


def post(address: str, data: Mapping[str, Any], secret: str | None = None) -> Any:
    """What a server says to JSON that is sent to it."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {secret}"} if secret else {})
    request = urllib.request.Request(address, json.dumps(data).encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.loads(answer.read())
