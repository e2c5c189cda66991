"""Two servers behind nginx with assets/deploy's own configuration, and Redis, for real over loopback: python -m tests.benchmarks.replicas

Checked: a browser always meets the same server, a body of more than 21 MB is refused, a class goes on across both servers. Then views
per second of one server, and of both through the proxy. Needs nginx and redis-server; only addresses of the configuration are changed.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from secrets import token_hex
from statistics import median

from tests.benchmarks.classroom import Follower, ask, until
from tests.benchmarks.visitors import visit, wait
from tests.browser.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["heads", "layers", "compare", "steps", "variants", "positions", "translate"]


def configuration(proxy: int, servers: list[int], folder: Path) -> str:
    """The shipped nginx.conf at other ports, with its files in a folder of ours and a log that says who met which server."""
    text = (ROOT / "assets" / "deploy" / "nginx.conf").read_text("utf-8")
    changes = {f"127.0.0.1:{old}": f"127.0.0.1:{new}" for old, new in zip((8501, 8502), servers, strict=True)}
    changes["listen 8080"] = f"listen 127.0.0.1:{proxy}"
    for old, new in changes.items():
        assert text.count(f"{old};") == 1, old
        text = text.replace(f"{old};", f"{new};")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    log = f"    log_format met '$cookie_attnlab_visitor $upstream_addr';\n    access_log {folder}/met met;\n"
    return f"pid {folder}/pid;\nerror_log {folder}/errors;\n" + text.replace("http {\n", f"http {{\n{places}{log}", 1)


def start(stack: ExitStack, folder: Path) -> tuple[int, list[int]]:
    """Redis, two servers, and the proxy; where the proxy and the servers listen."""
    redis, proxy, *servers = free_port(), free_port(), free_port(), free_port()
    run = [["redis-server", "--port", str(redis), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]]
    how = ["--server.headless=true", "--server.address=127.0.0.1"]
    run += [[sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", *how] for port in servers]
    (folder / "nginx.conf").write_text(configuration(proxy, servers, folder), "utf-8")
    env = os.environ | {
        "ATTNLAB_REDIS": f"redis://127.0.0.1:{redis}/0",
        "HF_HUB_OFFLINE": "1",
        "ATTNLAB_SHARED": "1",
        "OMP_NUM_THREADS": "1",
    }
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    for command in [*run, [nginx, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-g", "daemon off;"]]:
        process = stack.enter_context(subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        stack.callback(process.terminate)
    for port in (*servers, proxy):
        wait(f"http://127.0.0.1:{port}")
    return proxy, servers


async def check_affinity(proxy: int, folder: Path, visitors: int = 20) -> str:
    """Every browser's requests meet one server, and both servers have some."""
    names = [token_hex(16) for _ in range(visitors)]
    for _ in range(3):
        await asyncio.gather(*(ask(proxy, "GET", "/_stcore/health", headers=f"Cookie: attnlab_visitor={name}\r\n") for name in names))
    met = [line.split() for line in (folder / "met").read_text().splitlines()]
    of = {name: {where for who, where in met if who == name} for name in names}
    assert all(len(where) == 1 for where in of.values()), of
    shares = sorted(sum(where == {server} for where in of.values()) for server in set.union(*of.values()))
    assert len(shares) == 2, shares
    return f"{visitors} browsers, three requests each: every one met one server; shares {shares}"


async def check_upload(proxy: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy)
    writer.write(b"PUT /_stcore/upload_file/a/b HTTP/1.1\r\nHost: x\r\nContent-Length: 23000000\r\n\r\n")
    status = int((await reader.readline()).split()[1])
    writer.close()
    assert status == 413, status
    return "a body of 23 MB: 413"


async def check_class(servers: list[int], pupils: int = 20) -> str:
    """A room begun at one server, led there, followed at both, voted in at the other."""
    status, body, _ = await ask(servers[0], "POST", "/live", {"lesson": "1-what-a-head-looks-at"})
    assert status == 201, body
    room = json.loads(body)
    code, owner = room["code"], f"Authorization: Bearer {room['secret']}\r\n"
    followers = [Follower(servers[i % 2], code) for i in range(pupils)]
    tasks = [asyncio.create_task(each.follow()) for each in followers]
    await until(lambda: all(each.seen for each in followers))
    began = time.perf_counter()
    _, body, _ = await ask(servers[1], "POST", f"/live/{code}/control", {"do": "go", "value": 1}, owner)
    version = json.loads(body)["version"]
    await until(lambda: all(version in each.seen for each in followers))
    late = max(each.seen[version] for each in followers) - began
    for each in followers:
        status, body, _ = await ask(
            servers[1], "POST", f"/live/{code}/answers", {"vote": "1.0.1", "answer": 4}, f"Cookie: {each.cookie}\r\n"
        )
        assert status == 200, body
    _, body, _ = await ask(servers[0], "GET", f"/live/{code}/export", headers=owner)
    counted = json.loads(body)["questions"][0]["tallies"][0]["n"]
    assert counted == pupils, counted
    for task in tasks:
        task.cancel()
    return f"a class of {pupils} across both: a step reached all in {late:.3f} s, {counted} answers counted"


async def load(port: int, visitors: int, seconds: float, think: float) -> list[float]:
    """Seconds of every view that visitors of seven pages got."""
    until, address = time.monotonic() + seconds, f"http://127.0.0.1:{port}"
    visits = (visit(address, PAGES, until, random.Random(i), False, think=think, name=token_hex(16)) for i in range(visitors))
    return [took for found in await asyncio.gather(*visits) for took, _ in found]


def said(name: str, found: list[float], seconds: float) -> str:
    times = sorted(found)
    most = times[int(0.95 * (len(times) - 1))]
    return f"{name}: {len(times) / seconds:.1f} views/s, median {median(times):.3f} s, 95 % {most:.3f} s, longest {times[-1]:.3f} s"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--think", type=float, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        proxy, servers = start(stack, folder)
        print(await check_affinity(proxy, folder), await check_upload(proxy), await check_class(servers), sep="\n", flush=True)
        for port in servers:  # warm
            await load(port, 8, 6, 0.2)
        one = await load(servers[0], options.visitors, options.seconds, options.think)
        print(said("one server", one, options.seconds), flush=True)
        both = await load(proxy, options.visitors, options.seconds, options.think)
        print(said("two behind nginx", both, options.seconds), f"{len(both) / len(one):.2f} × the views of one", sep="\n")


if __name__ == "__main__":
    asyncio.run(main())
