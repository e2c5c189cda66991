"""How long a clicking visitor waits while another one attacks: python -m tests.benchmarks.attacks [--seconds 20]

A server of our own on loopback, where any folder may be opened. She asks for another head of another sentence every half second; beside
her, one after the other: a figure made to be searched for ever, cleared caches, folders that ask for more than they hold, models of
5 million parameters uploaded again and again, and all heads of a text as long as an uploaded model lets it be.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

import torch
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.models.inhouse.zipped import pack
from attnlab.training.tokenizer import letter_tokenizer
from tests import hostile
from tests.benchmarks.classroom import rss
from tests.benchmarks.visitors import PATIENCE, wait
from tests.browser.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
NOUNS = ["cat", "dog", "fox", "bird", "horse", "teacher", "doctor", "river", "garden", "letter", "window", "market", "engine", "island"]


class Window:
    """One visit: pages are asked for, files put into their places."""

    def __init__(self, address: str, socket: ClientConnection) -> None:
        self.address, self.socket = address, socket
        self.widgets: dict[str, str] = {}  # how an id ends -> the id
        self.session = ""
        self.told: list[str] = []  # errors of the last view

    async def ask(self, page: str, query: str = "", *, files: tuple[str, object] | None = None, press: str = "") -> float:
        """Seconds until a view stands. files: the end of an uploader's id and what lies in it. press: the end of a button's id."""
        message = BackMsg()
        wanted = message.rerun_script
        wanted.page_name, wanted.query_string, wanted.is_history_navigation = page, query, not (files or press)
        if files:
            one = wanted.widget_states.widgets.add(id=self.find(files[0]))
            one.file_uploader_state_value.uploaded_file_info.add().CopyFrom(files[1])
        if press:
            wanted.widget_states.widgets.add(id=self.find(press)).trigger_value = True
        return await self.send(message, "script_finished")

    def find(self, end: str) -> str:
        return next(id for id in self.widgets if end in id)

    async def send(self, message: BackMsg, until: str) -> float:
        began, running = time.monotonic(), False
        self.told = []
        await self.socket.send(message.SerializeToString())
        while True:
            said = ForwardMsg.FromString(await asyncio.wait_for(self.socket.recv(), PATIENCE))
            kind = said.WhichOneof("type")
            if kind == "new_session":
                running, self.session = True, said.new_session.initialize.session_id or self.session
            if kind == "delta" and said.delta.WhichOneof("type") == "new_element":
                self.see(said.delta.new_element)
            if kind == "file_urls_response":
                self.urls = said.file_urls_response.file_urls[0]
            if kind == until and (running or until != "script_finished") and said.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return time.monotonic() - began

    def see(self, element: object) -> None:
        kind = element.WhichOneof("type")  # type: ignore[attr-defined]
        inside = getattr(element, kind) if kind else None
        if kind == "alert":
            self.told.append(inside.body)
        if identity := getattr(inside, "id", ""):
            self.widgets[identity] = kind

    async def upload(self, name: str, content: bytes) -> object:
        """A file as an uploader of the page holds it."""
        message = BackMsg()
        message.file_urls_request.request_id, message.file_urls_request.session_id = "1", self.session
        message.file_urls_request.file_names.append(name)
        await self.send(message, "file_urls_response")
        await asyncio.to_thread(put, self.address + self.urls.upload_url, name, content)
        from streamlit.proto.Common_pb2 import UploadedFileInfo

        return UploadedFileInfo(name=name, size=len(content), file_id=self.urls.file_id, file_urls=self.urls)


def put(address: str, name: str, content: bytes) -> None:
    """What a browser does with a dropped file: a form, and the token of its cookie."""
    base = address.split("/_stcore")[0]
    with urlopen(f"{base}/_stcore/health") as answer:
        cookie = next(value.partition(";")[0] for key, value in answer.headers.items() if key == "set-cookie" and "xsrf" in value)
    edge = "an-edge-of-a-form"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'
    body = head.encode() + content + f"\r\n--{edge}--\r\n".encode()
    says = {"Cookie": cookie, "X-Xsrftoken": cookie.partition("=")[2], "Content-Type": f"multipart/form-data; boundary={edge}"}
    urlopen(Request(address, body, says, method="PUT")).close()


async def opened(address: str) -> Window:
    socket = address.replace("http", "ws", 1) + "/_stcore/stream"
    how = {"subprotocols": ["streamlit"], "origin": address, "max_size": None, "ping_interval": None}
    return Window(address, await connect(socket, **how))


# The attacks: each begins again as soon as it is answered


async def nothing(window: Window, folder: Path) -> None:
    await asyncio.sleep(0.5)


async def endless_figure(window: Window, folder: Path) -> None:
    await window.ask("")
    content = hostile.FIGURES["html, an opening 150,000 times"]()
    await window.ask("", files=("file_uploader", await window.upload("figure.html", content)))


async def cleared_caches(window: Window, folder: Path) -> None:
    message = BackMsg()
    message.clear_cache = True
    await window.socket.send(message.SerializeToString())
    await window.ask("train")


async def greedy_folders(window: Window, folder: Path) -> None:
    for name in ("layers", "words", "rules", "pipe"):
        await window.ask("heads", f"model={quote(str(folder / name))}")
    for name in ("~nosuchuser", "/etc", "m" * 300):
        await window.ask("heads", f"model={quote(name)}")


async def large_uploads(window: Window, folder: Path) -> None:
    await window.ask("train")
    await window.ask("train", files=("model zip", await window.upload("large.zip", (folder / "large.zip").read_bytes())))


async def long_text(window: Window, folder: Path) -> None:
    await window.ask("train")
    await window.ask("train", files=("model zip", await window.upload("long.zip", (folder / "long.zip").read_bytes())))
    text = quote(" ".join(random.choices("abcdef", k=3900)))
    await window.ask("layers", f"model=long&text={text}")
    await window.ask("layers", f"model=long&text={text}", press="measure now")


ATTACKS: dict[str, Callable[[Window, Path], Awaitable[None]]] = {
    "nobody attacks": nothing,
    "C1, a figure to be searched for ever": endless_figure,
    "C2, caches cleared": cleared_caches,
    "C3, folders that ask for more than they hold": greedy_folders,
    "C4, models uploaded again and again": large_uploads,
    "C5, every head of a text of 3,900 tokens": long_text,
}


def arm(folder: Path) -> None:
    """What the attacks send."""
    small = {"vocab": 10, "n_heads": 2, "d_model": 8, "d_ff": 8, "encoder_layers": 1}
    model = InHouse(Transformer(Config("tag", **small)), letter_tokenizer("abcdef"))
    for name, change in (("layers", {"num_hidden_layers": 1_000_000}), ("words", {"vocab_size": 10**8}), ("rules", {}), ("pipe", {})):
        model.save(folder / name)
        (folder / name / "config.json").write_text(json.dumps({"model_type": "bert", **change}))
    rule = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 10}
    (folder / "rules" / "tokenizer.json").write_text(json.dumps({"normalizer": {"type": "Sequence", "normalizers": [rule] * 8}}))
    (folder / "pipe" / "model.safetensors").unlink()
    os.mkfifo(folder / "pipe" / "model.safetensors")
    long = Config("tag", **small | {"n_heads": 4, "d_model": 64, "encoder_layers": 4}, max_tokens=4096)
    (folder / "long.zip").write_bytes(pack(InHouse(Transformer(long), letter_tokenizer("abcdef"))))
    large = Transformer(Config("tag", **small | {"d_model": 32, "d_ff": 74_000}))
    with torch.no_grad():
        for weight in large.parameters():
            weight.zero_()
    (folder / "large.zip").write_bytes(pack(InHouse(large, letter_tokenizer("abcdef"))))


async def click(address: str, until: float) -> list[float]:
    window, rng, waited = await opened(address), random.Random(0), []
    await window.ask("heads")
    while time.monotonic() < until:
        text = f"The {rng.choice(NOUNS)} saw the {rng.choice(NOUNS)} because it was tired."
        waited.append(await window.ask("heads", f"layer={rng.randrange(6)}&head={rng.randrange(12)}&text={quote(text)}"))
        await asyncio.sleep(0.5)
    await window.socket.close()
    return waited


async def attack(address: str, until: float, one: Callable[[Window, Path], Awaitable[None]], folder: Path) -> tuple[int, list[str]]:
    """How often it was answered, and what was said."""
    window, done, said = await opened(address), 0, set[str]()
    await window.ask("")
    while time.monotonic() < until:
        try:
            await asyncio.wait_for(one(window, folder), max(0.1, until - time.monotonic()))
            done += 1
            said |= set(window.told)
        except TimeoutError:
            break
    await window.socket.close()
    return done, sorted(said)


async def run(address: str, seconds: float, pid: int, folder: Path) -> None:
    for name, one in ATTACKS.items():
        until = time.monotonic() + seconds
        waited, (done, said) = await asyncio.gather(click(address, until), attack(address, until, one, folder))
        waited.sort()
        print(f"{name}: {len(waited)} clicks, median {waited[len(waited) // 2]:.3f} s, longest {waited[-1]:.2f} s; ", end="")
        print(f"{done} attacks answered, server {rss(pid) / 1024:.0f} MiB; {' | '.join(each[:90] for each in said[:2])}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    port, quiet = free_port(), subprocess.DEVNULL
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", "--server.headless=true"]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as place:
        arm(Path(place))
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet) as server:
            try:
                wait(f"http://127.0.0.1:{port}")
                time.sleep(10)  # its model and its drawing libraries are loaded
                asyncio.run(run(f"http://127.0.0.1:{port}", options.seconds, server.pid, Path(place)))
            finally:
                server.terminate()
                server.wait(timeout=60)


if __name__ == "__main__":
    main()
