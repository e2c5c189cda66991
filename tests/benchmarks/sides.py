"""Both sides of every comparison, each run in a process of its own: python -m tests.benchmarks.sides NAME N -> one JSON line."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WORDS = "the cat sat on the mat because it was tired of all the noise and then it slept "
SHORT = "The cat sat on the mat."


def memory(field: str) -> float:
    """VmRSS or VmHWM (its peak) of this process, in MiB. Linux only."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) / 1024


def measured(work: Callable[[], Any], runs: int) -> dict[str, Any]:
    """Seconds of each run, and by how much memory grew at its highest."""
    Path("/proc/self/clear_refs").write_text("5")  # forget earlier peaks
    before, seconds, made = memory("VmRSS"), [], None
    for _ in range(runs):
        made = None  # what the run before made is gone before the next begins
        start = time.perf_counter()
        made = work()
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds, "extra_mib": memory("VmHWM") - before} | (made if isinstance(made, dict) else {})


def base_shape() -> tuple[Any, Any]:
    """A model of BERT-base's shape with random weights that reads 8,192 tokens, and the shipped BERT's tokenizer."""
    from attnlab.models.load import bert_folder
    from attnlab.models.pretrained.model import transformers_alone

    with transformers_alone() as transformers:
        config = transformers.BertConfig(max_position_embeddings=8192)
        module = transformers.BertModel._from_config(config, attn_implementation="eager").eval()
        return module, transformers.AutoTokenizer.from_pretrained(bert_folder())


def text_of(n: int) -> str:
    """A text of n tokens, [CLS] and [SEP] included: every word is one piece."""
    words = WORDS.split()
    return " ".join(words[i % len(words)] for i in range(n - 2))


def trace_ours(n: int, runs: int = 2) -> dict[str, Any]:
    from attnlab.models.pretrained.model import Pretrained

    model = Pretrained(*base_shape(), name="base", revision="random")
    model.trace(SHORT)
    kept = []

    def work() -> None:
        kept.clear()
        kept[:] = [model.trace(text_of(n))]

    return measured(work, runs)


def all_knock_outs(n: int) -> dict[str, Any]:
    """Every head of the shipped BERT struck out, one at a time, on a text of n tokens."""
    from attnlab.models.interventions import knock_outs
    from attnlab.models.load import load

    model = load("bert")
    trace = model.trace(text_of(n))
    return measured(lambda: knock_outs(model, trace, "encoder"), 3)


def one_pass(n: int) -> dict[str, Any]:
    """One more forward pass of the same."""
    from attnlab.models.load import load

    model = load("bert")
    trace = model.trace(text_of(n))
    return measured(lambda: model.again(trace), 20)


def trace_theirs(n: int) -> dict[str, Any]:
    """The plain call of the documentation: gradients are on unless somebody turns them off."""
    return trace_theirs_with(n, gradients=True)


def trace_theirs_lean(n: int) -> dict[str, Any]:
    return trace_theirs_with(n, gradients=False)


def trace_theirs_with(n: int, *, gradients: bool) -> dict[str, Any]:
    import torch

    module, tokenizer = base_shape()
    kept = []

    def work(text: str = text_of(n)) -> None:
        kept.clear()
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
        with torch.inference_mode(not gradients):
            kept[:] = module(**tokenizer(text, return_tensors="pt"), output_attentions=True).attentions

    work(SHORT)
    return measured(work, 2)


def long_trace(n: int) -> dict[str, Any]:
    return trace_ours(n, runs=1)


def long_head(n: int) -> dict[str, Any]:
    """One head of a long text, on demand, as a picture of 512 x 512."""
    from attnlab.core.views import overview
    from attnlab.models.pretrained.model import Pretrained

    model = Pretrained(*base_shape(), name="base", revision="random")
    attention = model.trace(text_of(n)).at("encoder", 5)
    assert len(attention.queries) == n

    def work() -> None:
        assert overview(lambda rows: attention.weights(7, rows), n, n, side=512).shape == (512, 512)

    work()
    return measured(work, 5)


if __name__ == "__main__":
    sides = (trace_ours, trace_theirs, trace_theirs_lean, long_trace, long_head, all_knock_outs, one_pass)
    side = {f.__name__: f for f in sides}[sys.argv[1]]
    print(json.dumps(side(int(sys.argv[2]))))
