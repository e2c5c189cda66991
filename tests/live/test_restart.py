"""A server that is killed in the middle of a class: rooms are in Redis, the next server goes on, no vote is lost or counted twice."""

import os
import signal
import subprocess
import sys
import time

import pytest

from attnlab.live.redis_store import Redis
from attnlab.live.rooms import hashed
from tests.live.conftest import SCRIPT, free_port
from tests.live.test_routes import CODE, SECRET, Phone, Teacher, state_with

SERVER = """
import sys, uvicorn
from starlette.applications import Starlette
from attnlab.live.routes import routes
uvicorn.run(Starlette(routes=routes()), port=int(sys.argv[1]), log_level="error", ws="none")
"""


@pytest.fixture
def servers(redis_address):
    """Start a server on a port; whatever still runs is ended."""
    running = []

    def start(port):
        process = subprocess.Popen([sys.executable, "-c", SERVER, str(port)], env={**os.environ, "ATTNLAB_REDIS": redis_address})
        running.append(process)
        for _ in range(600):
            try:
                if Phone(port).ask("GET", "/live")[0] == 200:
                    return process
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
        raise TimeoutError(port)

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_a_server_killed_in_the_middle_loses_no_vote_and_counts_none_twice(servers, redis_address):
    store, port = Redis(redis_address), free_port()
    assert store.begin(CODE, {"script": SCRIPT, "salt": "s", "owner": hashed(SECRET)})
    first = servers(port)
    teacher, phones = Teacher(port), [Phone(port) for _ in range(4)]
    followed = phones[0].events()
    vote = state_with(followed, step=0)["vote"]
    for phone in phones[:3]:
        assert phone.post("answers", {"vote": vote, "answer": 1}) == (200, {"counted": True, "again": False, "answer": 1})
    first.send_signal(signal.SIGKILL)
    first.wait()
    with pytest.raises(OSError, match="refused"):
        phones[3].post("answers", {"vote": vote, "answer": 0})
    servers(port)
    back = phones[0].events()
    assert next(back) == ("you", {"seat": 0, "answers": {vote: 1}})
    assert state_with(back, step=0, open=False)["vote"] == vote
    told = [phone.post("answers", {"vote": vote, "answer": 1})[1]["again"] for phone in phones]  # all of them send again
    assert told == [True, True, True, False]
    assert teacher.do("open")[0] == 200
    assert state_with(back, open=True)["tallies"][0] == {"n": 4, "counts": [0, 4, 0]}
    back.close()
    store.end(CODE)
    store.close()
