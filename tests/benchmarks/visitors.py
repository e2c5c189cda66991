"""How long visitors of a running server wait, beside a bare Streamlit page in the same minute. Run by hand:

python -m tests.benchmarks.visitors http://127.0.0.1:8501 [--visitors 50] [--seconds 30] [--pages heads,layers] [--together]

Each visitor is a websocket session that asks for another view every 2 to 6 s. --together: all open the page at once and click no more.
"""

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

BARE = "import streamlit as st\nst.write(st.query_params.get('layer'))\n"
BARE_PORT = 8599
PATIENCE = 120.0  # seconds for one answer


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


def said(name: str, found: list[tuple[float, bool]]) -> str:
    seconds = sorted(each for each, _ in found)
    wrong, most = sum(not good for _, good in found), seconds[int(0.95 * (len(seconds) - 1))]
    times = f"median {median(seconds):.3f} s, 95 % {most:.3f} s, longest {seconds[-1]:.3f} s"
    return f"{name}: {len(seconds)} views, {times}, {wrong} with an exception"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--pages", default="heads")
    parser.add_argument("--together", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "bare.py"
        script.write_text(BARE)
        how = [f"--server.port={BARE_PORT}", "--server.headless=true", "--server.fileWatcherType=none", "--server.address=127.0.0.1"]
        bare = subprocess.Popen([sys.executable, "-m", "streamlit", "run", str(script), *how], cwd=folder, stdout=subprocess.DEVNULL)
        try:
            wait(f"http://127.0.0.1:{BARE_PORT}")
            for warm, page in (
                (f"http://127.0.0.1:{BARE_PORT}", ""),
                *((options.address.rstrip("/"), page) for page in options.pages.split(",")),
            ):
                asyncio.run(visit(warm, [page], 0, random.Random(0), True))
            print(said("bare page", asyncio.run(load(f"http://127.0.0.1:{BARE_PORT}", [""], options))))
            print(said(options.pages, asyncio.run(load(options.address.rstrip("/"), options.pages.split(","), options))))
        finally:
            bare.terminate()
            bare.wait()


def wait(address: str) -> None:
    for _ in range(240):
        try:
            urlopen(f"{address}/_stcore/health", timeout=2).close()
            return
        except OSError:
            time.sleep(0.5)


if __name__ == "__main__":
    main()
