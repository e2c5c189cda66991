"""A lesson in miniature, already opened, and a store of each kind: Redis is a real server on a free port, or skipped with a reason."""

import shutil
import socket
import subprocess
import time

import pytest

from attnlab.live.store import Memory

LABELS = ["the", "cat", "sat"]
MAP = [[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.05, 0.9, 0.05]]


def question(kind="word", **more):
    asked = {"kind": kind, "question": "Where?", "queries": LABELS, "labels": LABELS, "row": 2} | more.pop("asked", {})
    picture = {"queries": LABELS, "keys": LABELS, "values": MAP, "title": "m", "text": "the cat sat"}
    return {"asked": asked, "answer": {"best": 1, "row": MAP[2]} | more, "pictures": [picture], "link": "heads?text=the+cat+sat"}


def step(*questions, title="S"):
    made = {"title": title, "html": "<p>prose</p>", "explain": "<p>because</p>", "notes": "<p>hush</p>", "link": None, "pictures": []}
    return made | {"questions": list(questions)}


SCRIPT = {
    "name": "mini",
    "language": "en",
    "title": "Mini",
    "palette": {},
    "steps": [step(question(), question(), title="A"), step(title="B"), step(question("row"), title="C")],
}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="session")
def redis_address(tmp_path_factory):
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path_factory.mktemp("redis"))]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    for _ in range(600):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.wait(timeout=30)


@pytest.fixture(params=["memory", "redis"])
def store(request):
    if request.param == "memory":
        yield Memory()
        return
    from attnlab.live.redis_store import Redis

    kept = Redis(request.getfixturevalue("redis_address"))
    yield kept
    kept.close()


@pytest.fixture
def room():
    return {"script": SCRIPT, "salt": "s", "owner": "o"}
