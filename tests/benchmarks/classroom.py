"""A class of 500 on one server: python -m tests.benchmarks.classroom. Loopback, bounded to about a minute; nothing here is a test.

Followers are raw sockets that read the room's stream; the teacher goes on ten times; then 500 answers within five seconds.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tests.browser.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
FOLLOWERS, STEPS, SECONDS = int(os.environ.get("FOLLOWERS", "500")), 10, 5.0
TEACHER = ("next", "back")
WARM = 10.0  # seconds: the server has loaded its model and its drawing libraries


def rss(pid: int) -> int:
    """Memory of a process in kB."""
    return int(next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")).split()[1])


async def ask(port: int, method: str, path: str, data: object = None, headers: str = "") -> tuple[int, bytes, str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = b"" if data is None else json.dumps(data).encode()
    size = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\n{size}{headers}Connection: close\r\n\r\n"
    writer.write(head.encode() + body)
    answer = await reader.read()
    writer.close()
    top, _, rest = answer.partition(b"\r\n\r\n")
    cookie = next((line[12:].partition(";")[0] for line in top.decode().split("\r\n") if line.lower().startswith("set-cookie: ")), "")
    return int(top.split()[1]), rest, cookie


class Follower:
    def __init__(self, port: int, code: str) -> None:
        self.port, self.code, self.cookie, self.seen = port, code, "", {}

    async def follow(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        writer.write(f"GET /live/{self.code}/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n".encode())
        async for raw in reader:
            line = raw.decode("utf-8", "replace")
            if line.lower().startswith("set-cookie: "):
                self.cookie = line[12:].partition(";")[0]
            if line.startswith('data: {"version":'):
                version = int(line[17:].partition(",")[0])
                self.seen.setdefault(version, time.perf_counter())


async def measure(port: int, pid: int) -> None:
    status, body, _ = await ask(port, "POST", "/live", {"lesson": "1-what-a-head-looks-at"})
    assert status == 201, body
    room = json.loads(body)
    code, owner = room["code"], f"Authorization: Bearer {room['secret']}\r\n"
    await asyncio.sleep(WARM)
    before = rss(pid)
    followers = [Follower(port, code) for _ in range(FOLLOWERS)]
    tasks = [asyncio.create_task(each.follow()) for each in followers]
    await until(lambda: all(each.seen for each in followers))
    memory = (rss(pid) - before) / FOLLOWERS
    late = []
    for i in range(STEPS):
        start = time.perf_counter()
        _, body, _ = await ask(port, "POST", f"/live/{code}/control", {"do": TEACHER[i % 2]}, owner)
        version = json.loads(body)["version"]
        await until(lambda: all(version in each.seen for each in followers))  # noqa: B023
        late += [each.seen[version] - start for each in followers]
        await asyncio.sleep(0.5)
    await ask(port, "POST", f"/live/{code}/control", {"do": "go", "value": 1}, owner)
    took = await asyncio.gather(*(one_vote(port, code, each, SECONDS * i / FOLLOWERS) for i, each in enumerate(followers)))
    _, body, _ = await ask(port, "GET", f"/live/{code}/export", headers=owner)
    counted = json.loads(body)["questions"][0]["tallies"][0]["n"]
    for task in tasks:
        task.cancel()
    print(f"{FOLLOWERS} followers, step to follower: median {1000 * statistics.median(late):.0f} ms, 95 % {1000 * tail(late):.0f} ms")
    print(f"{FOLLOWERS} answers in {SECONDS:g} s: {counted} counted, answered in {1000 * tail(took):.0f} ms at 95 %")
    print(f"memory per follower: {memory:.0f} kB")


async def one_vote(port: int, code: str, follower: Follower, wait: float) -> float:
    await asyncio.sleep(wait)
    start = time.perf_counter()
    status, body, _ = await ask(port, "POST", f"/live/{code}/answers", {"vote": "1.0.1", "answer": 4}, f"Cookie: {follower.cookie}\r\n")
    assert status == 200, body
    return time.perf_counter() - start


def tail(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


async def until(done: object) -> None:
    end = time.perf_counter() + 120
    while not done():  # type: ignore[operator]
        assert time.perf_counter() < end, "a follower was lost"
        await asyncio.sleep(0.005)


async def ready(port: int) -> None:
    for _ in range(240):
        try:
            if (await ask(port, "GET", "/live"))[0] == 200:
                return
        except OSError:
            await asyncio.sleep(0.5)


async def main() -> None:
    port = free_port()
    options = [f"--server.port={port}", "--server.headless=true", "--server.address=127.0.0.1"]
    command, env = [sys.executable, "-m", "streamlit", "run", "app.py", *options], {**os.environ, "HF_HUB_OFFLINE": "1"}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=quiet, stderr=quiet) as server:
        try:
            await ready(port)
            await measure(port, server.pid)
        finally:
            server.terminate()
            server.wait(timeout=60)


if __name__ == "__main__":
    asyncio.run(main())
