"""python -m tests.benchmarks.corpus [FILE]: `measure` with `bert` against the plain forward pass, against output_attentions sentence by
sentence, and two workers against one. Both sides of each in turn over the same sentences: those of FILE, or those the shipped atlas keeps.
"""

import random
import sys
import tempfile
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import torch

from attnlab.core.measures import Ask, measured_ask
from attnlab.core.trace import Tokens
from attnlab.corpus import blocks
from attnlab.corpus.measuring import BATCH, measure_block
from attnlab.corpus.reading import SIZE, Choice, Line
from attnlab.corpus.shelf import shipped_index
from attnlab.models.load import bert_folder, load
from attnlab.models.pretrained.model import transformers_alone
from attnlab.models.spec import Model

SENTENCES, ALONE, LONG = 2048, 256, 6144  # of the three comparisons
ROUNDS = 5


def sentences(file: Path | None) -> list[str]:
    """Different sentences in an order that is always the same."""
    kept = shipped_index("bert").table["text"].to_pylist() if file is None else file.read_text("utf-8").splitlines()
    some = sorted({text for text in kept if text.strip()})
    random.Random(0).shuffle(some)
    return some


def lines(texts: list[str]) -> list[Line]:
    return [Line(i, text) for i, text in enumerate(texts, 1)]


def theirs(attention: str) -> tuple[Any, Any]:
    with transformers_alone() as transformers:
        module = transformers.AutoModel.from_pretrained(bert_folder(), attn_implementation=attention, dtype="float32").eval()
        return module, transformers.AutoTokenizer.from_pretrained(bert_folder())


def ours(model: Model, texts: list[str]) -> Callable[[], Any]:
    """As `measure` works: block after block."""
    return lambda: [measure_block(model, block) for block in blocks.cut(iter(lines(texts)))]


@torch.inference_mode()
def plain(module: Any, tokenizer: Any, texts: list[str]) -> None:
    """The forward pass alone, tokens and batches as large as ours over all sentences of one length, and nothing kept of it."""
    for _, same in groupby(sorted(tokenizer(texts)["input_ids"], key=len), key=len):
        every = list(same)
        for start in range(0, len(every), BATCH):
            ids = torch.tensor(every[start : start + BATCH])
            module(input_ids=ids, attention_mask=torch.ones_like(ids), token_type_ids=torch.zeros_like(ids))


@torch.inference_mode()
def one_by_one(module: Any, tokenizer: Any, tokens: list[Tokens], texts: list[str]) -> None:
    """output_attentions sentence by sentence, and the same measures of every head of every layer."""
    for text, own in zip(texts, tokens, strict=True):
        for weights in module(**tokenizer(text, return_tensors="pt"), output_attentions=True).attentions:
            measured_ask(Ask(weights[0].numpy(), own, own), own=True)


def compare(name: str, reach: str, ours: Callable[[], Any], other: Callable[[], Any]) -> None:
    """How many times as long as the other side ours takes, and the other way round."""
    ours(), other()
    pairs = []
    for _ in range(ROUNDS):
        found = []
        for side in (ours, other):
            began, worked = perf_counter(), process_time()
            side()
            found += [(perf_counter() - began, process_time() - worked)]
        pairs.append(found)
    clock, worked = (median(a[i] / b[i] for a, b in pairs) for i in (0, 1))
    print(f"| {name} | {clock:.2f} x, {1 / clock:.1f} x faster | {worked:.2f} x, {1 / worked:.1f} x faster | {reach} |", flush=True)


def rate(texts: list[str], pool: Any, folder: Path) -> float:
    """Lines a second once every worker is at work."""
    source = folder / "lines.txt"
    source.write_text("\n".join(texts), "utf-8")
    plan = blocks.Plan("bert", "benchmark", str(source), Choice(), size=SIZE)
    seen = [(progress.lines, perf_counter()) for progress in blocks.run(plan, folder / "blocks", pool)]
    first, last = seen[1], seen[-1]
    return (last[0] - first[0]) / (last[1] - first[1])


def workers(texts: list[str]) -> None:
    found = {1: [], 2: []}  # type: dict[int, list[float]]
    for _ in range(2):
        for n, kept in found.items():
            with tempfile.TemporaryDirectory() as folder:
                kept.append(rate(texts, blocks.processes(n), Path(folder)))
    one, two = (median(kept) for kept in found.values())
    print(f"| two workers against one | {two:,.0f} against {one:,.0f} sentences/s: {two / one:.2f} x | – | at least 1.7 x |", flush=True)


def main() -> None:
    texts = sentences(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    torch.set_num_threads(1)
    model, some, few = load("bert"), texts[:SENTENCES], texts[:ALONE]
    tokens = [model.tokenize(text) for text in some]
    print(f"{len(some)} sentences of {sum(map(len, tokens)) / len(some):.1f} tokens, one thread\n")
    print("| what | by the clock | by processor time | reach |\n|---|---|---|---|", flush=True)
    fast, slow = theirs("sdpa"), theirs("eager")
    compare("the plain forward pass", "at most 1.4 x", ours(model, some), lambda: plain(*fast, some))
    compare("output_attentions, one by one", "at least 8 x faster", ours(model, few), lambda: one_by_one(*slow, tokens[:ALONE], few))
    workers((texts * (LONG // len(texts) + 1))[:LONG])


if __name__ == "__main__":
    main()
