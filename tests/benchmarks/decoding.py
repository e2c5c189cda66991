"""How much faster a file is translated in batches over cached keys and values than one sentence at a time without. Run by hand:

python tests/benchmarks/decoding.py [MODEL] [FILE.tsv]
"""

import sys
import time
from pathlib import Path

import torch

from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Config, Transformer
from attnlab.models.load import load
from attnlab.training.tokenizer import train_tokenizer

LINES = [
    "I am here.",
    "Where is the red car?",
    "She told me that she would come tomorrow.",
    "The children are playing in the garden behind the house.",
    "If you had told me earlier, I could have helped you with your work.",
] * 20


def greedily(model: InHouse, line: str) -> list[int]:
    """One sentence, the whole prefix computed anew for every token: what a first version does."""
    source = torch.tensor([model.read(line).ids])
    ids = [model.bos]
    with torch.inference_mode():
        memory = model.module.encode(source)
        while len(ids) <= 2 * source.shape[1] + 10:
            logits = model.module.out(model.module.decode(torch.tensor([ids]), memory)[:, -1])[0]
            logits[[model.pad, model.bos, model.unk]] = -torch.inf
            if (token := int(logits.argmax())) == model.eos:
                break
            ids.append(token)
    return ids[1:]


def main(name: str | None = None, file: str | None = None) -> None:
    lines = LINES if file is None else [row.split("\t")[0] for row in Path(file).read_text("utf-8").splitlines()[:200]]
    if name is None:
        torch.manual_seed(0)
        tokenizer = train_tokenizer(LINES, vocab=4000)
        model = InHouse(Transformer(Config("translate", vocab=8000, d_model=256, d_ff=1024, max_tokens=128)), tokenizer)
    else:
        model = load(name)
        assert isinstance(model, InHouse)
    model.translate(lines[:4])
    took = {}
    for label, run in (
        ("one at a time, no cache, greedy", lambda: [model.text_of(greedily(model, line)) for line in lines]),
        ("batched and cached, greedy", lambda: model.translate(lines, beam=1)),
        ("batched and cached, beam 4", lambda: model.translate(lines)),
    ):
        began = time.perf_counter()
        done = run()
        took[label] = time.perf_counter() - began
        print(f"{label:34} {took[label]:7.2f} s  {len(done) / took[label]:7.1f} sentences/s")
    slow, fast, beam = took.values()
    print(f"{len(lines)} sentences, {torch.get_num_threads()} threads: greedy {slow / fast:.1f} x, beam 4 {slow / beam:.1f} x")
    twelve = "The old man told us a long story about his youth."
    times = []
    for _ in range(7):
        began = time.perf_counter()
        model.decode(twelve)
        times.append(time.perf_counter() - began)
    print(f"a sentence of 11 words, beam 4, every step kept: {sorted(times)[3] * 1000:.0f} ms (median of 7)")


if __name__ == "__main__":
    main(*sys.argv[1:])
