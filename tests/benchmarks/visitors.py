"""How long visitors wait, beside a bare Streamlit page under the same client in the same minute. Run by hand:

python -m tests.benchmarks.visitors together heads seven training many rounds

Each visitor is a websocket session that asks for another view every 2 to 6 s. together: 60 open Heads at once and click no more; heads:
50 on Heads; seven: 50 on seven pages; training: 20 on Heads while one trains; many: 200 on seven pages; rounds: 50 three times over.
"""

import argparse
import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from tests.benchmarks.classroom import rss
from tests.benchmarks.window import PATIENCE, opened
from tests.browser.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
BARE = "import streamlit as st\nst.write(st.query_params.get('layer'))\n"
SEVEN = ("heads", "layers", "compare", "steps", "variants", "positions", "translate")


@dataclass(frozen=True)
class Row:
    visitors: int
    pages: tuple[str, ...] = ("heads",)
    together: bool = False


ROWS = {
    "together": Row(60, together=True),
    "heads": Row(50),
    "seven": Row(50, SEVEN),
    "training": Row(20),
    "many": Row(200, SEVEN),
    "rounds": Row(50, SEVEN),
}


async def ask(window: ClientConnection, page: str, query: str) -> tuple[float, bool]:
    """Seconds until a view stands, and whether nothing went wrong in it."""
    wanted = BackMsg()
    wanted.rerun_script.page_name, wanted.rerun_script.query_string, wanted.rerun_script.is_history_navigation = page, query, True
    began, good, running = time.monotonic(), True, False
    await window.send(wanted.SerializeToString())
    while True:
        told = ForwardMsg.FromString(await asyncio.wait_for(window.recv(), PATIENCE))
        kind = told.WhichOneof("type")
        running |= kind == "new_session"
        if kind == "delta" and told.delta.new_element.WhichOneof("type") == "exception":
            good = False
        if kind == "script_finished" and running and told.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
            return time.monotonic() - began, good


async def visit(
    address: str, pages: list[str], until: float, rng: random.Random, together: bool, *, think: float = 4, name: str = ""
) -> list[tuple[float, bool]]:
    """One visitor's views. think: seconds between two on average. name: the browser's own, as its cookie says it."""
    socket = address.replace("http", "ws", 1).rstrip("/") + "/_stcore/stream"
    found, cookie = [], {"Cookie": f"attnlab_visitor={name}"} if name else None
    how = {"subprotocols": ["streamlit"], "origin": address, "max_size": None, "open_timeout": PATIENCE, "ping_interval": None}
    async with connect(socket, additional_headers=cookie, **how) as window:
        while not found or time.monotonic() < until:
            if not together:
                await asyncio.sleep(think * rng.uniform(0.5, 1.5))
            query = f"layer={rng.randrange(6)}&head={rng.randrange(12)}"
            found.append(await ask(window, rng.choice(pages), query))
            if together:
                break
    return found


async def load(address: str, pages: list[str], options: argparse.Namespace) -> list[tuple[float, bool]]:
    until = time.monotonic() + options.seconds
    visits = (visit(address, pages, until, random.Random(i), options.together) for i in range(options.visitors))
    return [one for found in await asyncio.gather(*visits) for one in found]


def said(name: str, found: list[tuple[float, bool]], seconds: float) -> str:
    times = sorted(each for each, _ in found)
    wrong, most = sum(not good for _, good in found), times[int(0.95 * (len(times) - 1))]
    told = f"median {median(times):.3f} s, 95 % {most:.3f} s, longest {times[-1]:.3f} s"
    return f"{name}: {len(times)} views ({len(times) / seconds:.1f}/s), {told}, {wrong} with an exception"


def serve(stack: ExitStack, script: Path, port: int) -> int:
    """A server of our own until the stack is left; its process."""
    how = [f"--server.port={port}", "--server.headless=true", "--server.fileWatcherType=none", "--server.address=127.0.0.1"]
    env, quiet = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}, subprocess.DEVNULL
    command = [sys.executable, "-m", "streamlit", "run", str(script), *how]
    process = subprocess.Popen(command, cwd=script.parent, env=env, stdout=quiet, stderr=quiet)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    wait(f"http://127.0.0.1:{port}")
    return process.pid


def warm(address: str, pages: Sequence[str]) -> None:
    """Every page has been seen once, twice at a time, and what loads in the background is there."""
    for page in pages:
        asyncio.run(visit(address, [page], 0, random.Random(0), True))
    time.sleep(5)


def train(address: str) -> None:
    """Begin a long training. It goes on for a minute after its visitor has left."""

    async def begin() -> None:
        window = await opened(address)
        await window.ask("train", "task=reverse&reverse_steps=20000")
        await window.ask("train", "task=reverse&reverse_steps=20000", press="Train")
        await window.socket.close()

    asyncio.run(begin())
    time.sleep(8)  # it has been begun


def rounds(address: str, pid: int, options: argparse.Namespace) -> None:
    """The same visitors three times over, and what the server holds after each."""
    for number in range(1, 4):
        found = asyncio.run(load(address, list(SEVEN), options))
        time.sleep(5)
        print(f"{said(f'round {number}', found, options.seconds)}; the server holds {rss(pid) / 1024:.0f} MiB", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("row", nargs="*", choices=ROWS)
    parser.add_argument("--address", help="of a server that runs; else one is started")
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "bare.py").write_text(BARE)
        shutil.copytree(ROOT / ".streamlit", folder / ".streamlit")  # the same settings
        bare, port = free_port(), free_port()
        serve(stack, folder / "bare.py", bare)
        pid = 0 if options.address else serve(stack, ROOT / "app.py", port)
        address = (options.address or f"http://127.0.0.1:{port}").rstrip("/")
        warm(f"http://127.0.0.1:{bare}", ["", ""])
        warm(address, [*SEVEN, "", "heads"])
        for name in options.row:
            row = ROWS[name]
            options.visitors, options.together = row.visitors, row.together
            if name == "training":
                train(address)
            if name == "rounds":
                rounds(address, pid, options)
                continue
            plain = asyncio.run(load(f"http://127.0.0.1:{bare}", [""], options))
            ours = asyncio.run(load(address, list(row.pages), options))
            print(said(f"{name}, bare page", plain, options.seconds), said(f"{name}, attnlab", ours, options.seconds), sep="\n", flush=True)


def wait(address: str) -> None:
    for _ in range(240):
        try:
            urlopen(f"{address}/_stcore/health", timeout=2).close()
            return
        except OSError:
            time.sleep(0.5)


if __name__ == "__main__":
    main()
