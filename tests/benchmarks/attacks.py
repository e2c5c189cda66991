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

import torch
from streamlit.proto.BackMsg_pb2 import BackMsg

from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.models.inhouse.zipped import pack
from attnlab.training.tokenizer import letter_tokenizer
from attnlab.words import say
from tests import hostile
from tests.benchmarks.classroom import rss
from tests.benchmarks.visitors import wait
from tests.benchmarks.window import Window, opened
from tests.browser.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
NOUNS = ["cat", "dog", "fox", "bird", "horse", "teacher", "doctor", "river", "garden", "letter", "window", "market", "engine", "island"]


# The attacks: each begins again as soon as it is answered


async def nothing(window: Window, folder: Path) -> None:
    await asyncio.sleep(0.5)


async def endless_figure(window: Window, folder: Path) -> None:
    await window.ask("")
    content = hostile.FIGURES["html, an opening 150,000 times"]()
    await window.ask("", files=(say("home.drop"), await window.upload("figure.html", content)))


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
    typed = say("ui.text"), " ".join(random.choices("abcdef", k=3900))  # a link is not that long
    await window.ask("layers", "model=long")
    await window.ask("layers", "model=long", typed=typed)
    await window.ask("layers", "model=long", typed=typed, press="measure now")


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


async def run(address: str, options: argparse.Namespace, pid: int, folder: Path) -> None:
    window = await opened(address)
    for page in ("", "heads", "layers", "train"):  # seen once before anybody attacks
        await window.ask(page)
    await window.socket.close()
    for name, one in ATTACKS.items():
        if not name.startswith(options.only):
            continue
        until = time.monotonic() + options.seconds
        waited, (done, said) = await asyncio.gather(click(address, until), attack(address, until, one, folder))
        waited.sort()
        print(f"{name}: {len(waited)} clicks, median {waited[len(waited) // 2]:.3f} s, longest {waited[-1]:.2f} s; ", end="")
        print(f"{done} attacks answered, server {rss(pid) / 1024:.0f} MiB; {' | '.join(each[:90] for each in said[:2])}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--only", default="", help="how the name of an attack begins")
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
                asyncio.run(run(f"http://127.0.0.1:{port}", options, server.pid, Path(place)))
            finally:
                server.terminate()
                server.wait(timeout=60)


if __name__ == "__main__":
    main()
