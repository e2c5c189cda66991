"""python -m tests.benchmarks.interventions [sums]: what changing a run costs, and how exactly ledgers balance over 200 sentences.

Both sides of a comparison take turns in one process, on the same 12 tokens; medians of processor time on one thread. Never a test.
"""

import random
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch

from attnlab import ledger, load
from attnlab.models.interventions import knock_outs
from attnlab.models.patching import patch_map

TEXT, OTHER = "the cat sat on the mat because it was tired", "the dog sat on the mat because it was tired"  # 12 tokens of bert
WORDS = (
    "the",
    "cat",
    "dog",
    "bank",
    "sat",
    "ran",
    "on",
    "mat",
    "because",
    "it",
    "was",
    "tired",
    "small",
    "red",
    "house",
    "saw",
    "we",
    "in",
)


def in_turn(rounds: int, *sides: Callable[[], Any]) -> list[float]:
    """Median processor seconds of each side, one after another, `rounds` times: what a clock says on one idle core."""
    for side in sides:
        side()
    seconds: list[list[float]] = [[] for _ in sides]
    for _ in range(rounds):
        for times, side in zip(seconds, sides, strict=True):
            start = time.process_time()
            side()
            times.append(time.process_time() - start)
    return [median(times) for times in seconds]


def by_hooks(model: Any, ids: torch.Tensor) -> list[float]:
    """The same 72 knock-outs as one would write them: a hook on W_O's input and a run for each head."""
    found = []
    with torch.inference_mode():
        clean = model.module(input_ids=ids).last_hidden_state.mean(1)
        for layer in model.module.encoder.layer:
            for head in range(12):

                def strike(part: Any, given: Any, head: int = head) -> Any:
                    z = given[0].clone()
                    z[..., head * 32 : (head + 1) * 32] = 0
                    return (z,)

                hook = layer.attention.output.dense.register_forward_pre_hook(strike)
                now = model.module(input_ids=ids).last_hidden_state.mean(1)
                hook.remove()
                found.append(float(torch.cosine_similarity(now, clean)) - 1)
    return found


def costs() -> None:
    torch.set_num_threads(1)
    model = load("bert")
    trace, corrupt = model.trace(TEXT), model.trace(OTHER)
    assert len(trace.source) == 12
    ids = torch.tensor([trace.source.ids])

    def one_pass() -> None:
        with torch.inference_mode():
            model.again(trace)

    every, hooks, alone = in_turn(9, lambda: knock_outs(model, trace, "encoder"), lambda: by_hooks(model, ids), one_pass)
    print(
        f"all 72 knock-outs: {every:.3f} s, {every / alone:.1f} forward passes; hooks one by one {hooks:.3f} s, {hooks / every:.2f} times"
    )
    (patched,) = in_turn(5, lambda: patch_map(model, trace, corrupt))
    print(f"layer x word patch map with its first guess: {patched:.3f} s")
    with_hooks, without = ours_and_bare(model)  # transformers' own hooks, which keep the hidden states, stay in both
    print(f"a run with no edits: {with_hooks * 1000:.2f} ms; no place for edits: {without * 1000:.2f} ms; {with_hooks / without - 1:+.1%}")


def ours_and_bare(model: Any) -> list[float]:
    """The trace of a text, with the hooks through which edits come and with none at all."""
    from attnlab.models.load import bert_folder
    from attnlab.models.pretrained.model import Pretrained

    bare = Pretrained.load(bert_folder(), name="bare")
    for part in bare.module.modules():
        for hooks in (part._forward_hooks, part._forward_pre_hooks):
            for number in [number for number, hook in hooks.items() if hook.__module__ == "attnlab.models.pretrained.hooks"]:
                del hooks[number]
    return in_turn(301, lambda: model.trace(TEXT), lambda: bare.trace(TEXT))


def sums(n: int = 200) -> None:
    """The largest difference of a sum and the model's own number, for every kind of output."""
    rng = random.Random(0)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(5, 14))) + "." for _ in range(n)]
    for name in ("bert", "sentiment", "translate-fr", "write-en", "fill-en"):
        model: Any = load(name)
        worst = 0.0
        for i, text in enumerate(texts):
            trace = model.trace(text, target="Le chat est ici.") if name == "translate-fr" else model.trace(text)
            asked = {"similar_to": model.trace(texts[i - 1])} if name == "bert" else {}
            worst = max(worst, ledger(trace, model=model, **asked).error)
        print(f"{name}: largest difference over {n} sentences {worst:.1e}", flush=True)
    families(texts)


def families(texts: list[str]) -> None:
    """Random models of every pretrained family whose layers are known: cosines."""
    from attnlab.models.pretrained.model import Pretrained
    from attnlab.models.weights import BEFORE
    from tests.conftest import small_tokenizer
    from tests.models.test_pretrained import FAMILIES, random_module

    for name in ("bert", "roberta", "xlm-roberta", "electra", "distilbert", "gpt2", *BEFORE):
        model = Pretrained(random_module(name), small_tokenizer(FAMILIES[name][0]), name=name, revision="random")
        short = [" ".join(text.split()[:6]) for text in texts]
        traces = [model.trace(text) for text in short]
        worst = max(ledger(trace, similar_to=traces[i - 1], model=model).error for i, trace in enumerate(traces))
        print(f"random {name}: largest difference over {len(texts)} sentences {worst:.1e}", flush=True)


if __name__ == "__main__":
    sums() if sys.argv[1:] == ["sums"] else costs()
