"""What strangers might send, twenty thousand times: true files with a few bytes changed for every reader, and links to every page.

python -m tests.benchmarks.hostile [--files 20000] [--links 240] [--seed 0]

Counts what is not refused in a sentence, requests to other machines, and the longest of all. The server is a shared one. Each true file
is read once before, as a server has imported what it needs before its first visitor: an import is not what a file costs.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

from attnlab import figures
from attnlab.core.edits import Edit, read_edits, write_edits
from attnlab.figures.provenance import read_record
from attnlab.lessons.read import read_lesson
from attnlab.models.folder import judge_config, judge_tokenizer, read_config, read_header, weight_files
from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.models.inhouse.zipped import pack, unpack
from attnlab.training.data import read_rows
from attnlab.training.text import read_text
from attnlab.training.tokenizer import letter_tokenizer
from attnlab.words import ASSETS, InputError
from tests import hostile

ROOT = Path(__file__).resolve().parents[2]
FRAME = ROOT / "pages" / "frame.py"
Reader = Callable[[bytes], object]


def readers(folder: Path) -> dict[str, tuple[bytes, Reader]]:
    """For each kind of file a true one, and what reads it. folder: an empty one, where files are put that are read from disk."""
    picture = figures.heatmap(np.eye(3, dtype=np.float32), list("abc"), list("abc"))
    record = figures.record(model="bert", text="x" * 99, layer=2, head=1, options={"temperature": 0.5})
    drawn = {kind: (figures.save(picture, kind, record=record), read_record) for kind in ("png", "svg", "pdf", "html", "npz")}
    model = InHouse(Transformer(Config("tag", vocab=10, encoder_layers=1, n_heads=2, d_model=8, d_ff=8)), letter_tokenizer("abcdef"))
    model.save(folder)
    lesson = next((ASSETS / "lessons").glob("*/en.md"))
    edits = write_edits([Edit("z", stack="encoder", layer=1, head=2, to="zero")]).encode()
    parts = {name: (folder / name).read_bytes() for name in ("config.json", "model.safetensors", "tokenizer.json")}
    return drawn | {
        "a model in a zip": (pack(model), partial(unpack, name="own")),
        "config.json": (parts["config.json"], partial(in_folder, folder, "config.json", parts)),
        "model.safetensors": (parts["model.safetensors"], partial(in_folder, folder, "model.safetensors", parts)),
        "tokenizer.json": (parts["tokenizer.json"], partial(in_folder, folder, "tokenizer.json", parts)),
        "a lesson": (lesson.read_bytes(), partial(read_lesson, name="own")),
        "edits": (edits, lambda data: read_edits(data.decode("utf-8", "replace"))),
        "rows to train on": (b"a b c\tc b a\nd e f\tf e d\n" * 9, partial(on_disk, folder / "rows.tsv", partial(read_rows, columns=2))),
        "a text to train on": (b"It rained all day. We read.\n" * 9, partial(on_disk, folder / "text.txt", read_text)),
    }


def on_disk(file: Path, read: Callable[[Path], object], data: bytes) -> object:
    file.write_bytes(data)
    return read(file)


def in_folder(folder: Path, name: str, parts: dict[str, bytes], data: bytes) -> None:
    """What is looked at before a folder is loaded, with one of its files changed."""
    for other, content in parts.items():
        (folder / other).write_bytes(data if other == name else content)
    config, files = read_config(folder), weight_files(folder)
    for file in files:
        read_header(file)
    judge_config(folder, config, files)
    judge_tokenizer(folder)
    InHouse.read_spec(folder, "own")


def send_file(rng: random.Random, known: dict[str, tuple[bytes, Reader]]) -> str:
    """One changed file to its reader; what kind it was. Whatever is no sentence is raised."""
    kind = rng.choice(list(known))
    true, read = known[kind]
    inside = true.startswith(b"PK") and rng.random() < 0.7
    with suppress(InputError):
        read((hostile.mutated_inside if inside else hostile.mutated)(true, rng))
    return kind


def open_link(rng: random.Random) -> str:
    """One link that the grammar made, opened in a fresh visit; what it was. Raises AssertionError for what the page did not foresee."""
    page, asked = hostile.address(rng)
    app = AppTest.from_file(str(FRAME), default_timeout=600)
    for name, value in asked.items():
        app.query_params[name] = value
    app.run()
    if page:
        app.switch_page(script_of(page)).run()
    said = f"/{page}?{hostile.query(asked)}"
    if app.exception:
        raise AssertionError(f"{said[:300]}: {app.exception[0].message}")
    return said


def script_of(page: str) -> str:
    """The file of a page by its address, as Streamlit calls it."""
    return next((ROOT / "pages").glob(f"*/{page}.py")).relative_to(ROOT / "pages").as_posix()


def elsewhere() -> list[str]:
    """Addresses of other machines that were asked from now on; the list grows."""
    found: list[str] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in ("socket.connect", "socket.getaddrinfo"):
            where = arguments[1] if event == "socket.connect" else arguments
            host = str(where[0]) if isinstance(where, tuple) else str(where)
            if not host.startswith(("127.", "/", "::1", "localhost", "None")):
                found.append(host)

    sys.addaudithook(hook)
    return found


def run(name: str, tries: int, once: Callable[[], str]) -> Iterator[str]:
    """Lines that say how it went."""
    longest, worst, wrong = 0.0, "", 0
    for _ in range(tries):
        began, what = time.perf_counter(), ""
        try:
            what = once()
        except Exception as error:
            wrong += 1
            yield f"  {type(error).__name__}: {str(error)[:400]}"
        took = time.perf_counter() - began
        if took > longest:
            longest, worst = took, what
    yield f"{name}: {tries} tried, {wrong} not refused in a sentence, longest {longest:.2f} s ({worst[:160]})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--links", type=int, default=240)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ["ATTNLAB_SHARED"] = "1"
    found, rng = elsewhere(), random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        known = readers(Path(folder))
        for true, read in known.values():
            read(true)
        for line in run("files", options.files, lambda: send_file(rng, known)):
            print(line, flush=True)
    if options.links:
        for page in hostile.PAGES:  # what is imported at its first use is not what a link costs
            AppTest.from_file(str(FRAME), default_timeout=600).run().switch_page(script_of(page or "home")).run()
        for line in run("links", options.links, lambda: open_link(rng)):
            print(line, flush=True)
    print(f"requests to other machines: {len(found)} {sorted(set(found))[:9]}")


if __name__ == "__main__":
    main()
