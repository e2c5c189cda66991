"""Models of a hub that runs on this machine: judged before the first byte, one at a time, ended when nobody waits, listed and removed."""

import json
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from attnlab.__main__ import main
from attnlab.models import hub
from attnlab.models.load import load
from attnlab.words import InputError

COMMIT = "0" * 40
SLOW = 1000  # pieces of the slow file, of which few are ever sent


class FakeHub(BaseHTTPRequestHandler):
    """What the hub's client asks for of three models: small, slow (its weights never end), and large (says so)."""

    protocol_version = "HTTP/1.1"
    slow = threading.Event()  # a piece of the slow file was sent
    cut = threading.Event()  # the slow file's reader went away

    def do_GET(self):
        self.answer(body=True)

    def do_HEAD(self):
        self.answer(body=False)

    def answer(self, *, body):
        if found := re.match(r"/api/models/org/(\w+)", self.path):
            self.facts(found[1])
        elif found := re.match(rf"/org/(\w+)/resolve/{COMMIT}/(.+)", self.path):
            self.file(found[1], found[2], body=body)
        else:
            self.send_error(404)

    def facts(self, name):
        if name not in ("small", "slow", "large", "broken"):
            self.reply(b"", status=404, **{"X-Error-Code": "RepoNotFound"})
            return
        sizes = {"config.json": 2, "model.safetensors": 10**11 if name == "large" else 7, "a.bin": 9}
        said = {"id": f"org/{name}", "sha": COMMIT, "private": False, "downloads": 0, "likes": 0, "tags": []}
        said["siblings"] = [{"rfilename": file, "size": size} for file, size in sizes.items()]
        tree = [{"type": "file", "path": file, "size": size, "oid": "1" * 40} for file, size in sizes.items()]
        self.reply(json.dumps(tree if "/tree/" in self.path else said).encode(), **{"Content-Type": "application/json"})

    def file(self, name, file, *, body):
        if name == "broken":
            self.reply(b"", status=500)
        elif name == "slow" and file == "model.safetensors":
            self.trickle(body)
        else:
            self.reply(b"{}" if body else b"", length=2, ETag=f'"{name}-{file}"', **{"X-Repo-Commit": COMMIT})

    def trickle(self, body):
        self.send_response(200)
        for key, value in {"ETag": '"slow"', "X-Repo-Commit": COMMIT, "Content-Length": str(SLOW * 2**16)}.items():
            self.send_header(key, value)
        self.end_headers()
        try:
            for _ in range(SLOW if body else 0):
                self.wfile.write(b"0" * 2**16)
                self.slow.set()
                time.sleep(0.05)
        except OSError:
            self.cut.set()

    def reply(self, content, *, status=200, length=None, **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A hub of our own, an empty cache, and no other network."""
    from huggingface_hub import constants

    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeHub)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    FakeHub.slow.clear()
    FakeHub.cut.clear()
    yield tmp_path
    server.shutdown()
    server.server_close()


class Gone(Exception):
    pass


def nobody(share, size):
    pass


def test_a_model_is_fetched_once_listed_and_removed(here, capsys):
    folder = hub.download("org/small", "bert", nobody)
    assert sorted(file.name for file in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert hub.download("org/small", "bert", nobody) == folder
    assert hub.downloaded() == {"org/small": 4}
    assert main(["models"]) == 0
    assert "org/small  0.0 MB, downloaded" in capsys.readouterr().out
    assert main(["models", "--remove", "org/small"]) == 0
    assert "Removed org/small" in capsys.readouterr().out
    assert hub.downloaded() == {}
    assert main(["models", "--remove", "org/small"]) == 2
    assert "was not downloaded" in capsys.readouterr().err


def test_a_model_larger_than_the_limit_or_the_disk_is_not_begun(here):
    with pytest.raises(InputError, match="At most 5 GB"):
        hub.download("org/large", "bert", nobody)
    assert not list(here.glob("models--*"))
    hub.check_room("org/large", 7)


def test_what_is_not_there_and_what_does_not_come_is_a_sentence(here):
    with pytest.raises(InputError) as mistake:
        hub.download("org/other", "bert", nobody)
    assert mistake.value.key == "error.unknown_model"
    with pytest.raises(InputError) as mistake:
        load("org/broken")
    assert mistake.value.key == "error.hub"
    assert hub.downloaded() == {}


def test_a_download_ends_when_the_last_who_waits_has_left_and_another_waits_for_its_turn(here):
    stays, told = threading.Event(), []

    def leave(share, size):
        if share:
            raise Gone

    def stay(share, size):
        if not stays.is_set() and share:
            stays.set()
        if left.is_set():
            raise Gone

    def next_one(share, size):
        told.append(share)

    left = threading.Event()
    with ThreadPoolExecutor(3) as pool:
        first, second = pool.submit(hub.download, "org/slow", "bert", leave), pool.submit(hub.download, "org/slow", "bert", stay)
        assert FakeHub.slow.wait(120)
        third = pool.submit(hub.download, "org/small", "bert", next_one)
        assert isinstance(first.exception(120), Gone)
        assert stays.wait(120), "who stays still sees it come"
        assert not FakeHub.cut.is_set()
        left.set()
        assert isinstance(second.exception(120), Gone)
        assert FakeHub.cut.wait(120), "nobody waits, so nothing comes any more"
        assert third.result(120).is_dir()
    assert told[0] is None, "it waited for its turn"
    assert list(hub.downloaded()) == ["org/small"], "what came of the other is gone"


def test_only_what_is_read_counts_towards_a_download(monkeypatch):
    import huggingface_hub

    sizes = {"model.safetensors": 7, "pytorch_model.bin": 90, "onnx/a.json": 90}
    said = SimpleNamespace(siblings=[SimpleNamespace(rfilename=name, size=size) for name, size in sizes.items()])
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda self, name, **how: said)
    assert hub.sizes_on_hub("a/b") == 7


@pytest.mark.parametrize(("raised", "key"), [
    ("GatedRepoError", "error.gated"), ("RepositoryNotFoundError", "error.unknown_model"), ("HfHubHTTPError", "error.hub"),
])  # fmt: skip
def test_what_the_hub_answers_becomes_a_sentence(monkeypatch, raised, key):
    from huggingface_hub import errors

    def refuse(name, tell):
        raise getattr(errors, raised)("no", response=SimpleNamespace(headers={}, request=None))

    monkeypatch.setattr(hub.HUB, "fetch", refuse)
    with pytest.raises(InputError) as caught:
        hub.download("somebody/some-model", "bert", hub.on_terminal)
    assert caught.value.key == key
