"""python -m tests.benchmarks.writing: 200 tokens written with `write-en`, against no cache and against transformers' generate, in turn."""

from collections.abc import Callable
from statistics import median
from time import perf_counter, process_time

import torch

from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.writing import Sampling, write
from attnlab.models.load import load
from attnlab.models.pretrained.model import transformers_alone

BEGINNING = "Once upon a time there was a king who had a daughter, and the king"
TOKENS, ROUNDS = 200, 5


def with_cache(model: InHouse) -> list[int]:
    *_, last = write(model.begin(BEGINNING), Sampling(temperature=0), longest=TOKENS, forbidden=model.unwritten)
    return list(last.ids)


@torch.inference_mode()
def without_cache(model: InHouse) -> list[int]:
    """The whole text anew for every token, and the output of its last place alone."""
    ids = list(model.tokenize(BEGINNING).ids)
    for _ in range(TOKENS):
        logits = model.module.out(model.module.decode(torch.tensor([ids]))[0, -1])
        logits[list(model.unwritten)] = -torch.inf
        ids.append(int(logits.argmax()))
    return ids


def theirs(model: InHouse) -> Callable[[], list[int]]:
    """transformers' generate, greedily and with its cache, on a GPT-2 of the same layers, heads, widths, vocabulary and window."""
    shape = model.module.config
    with transformers_alone() as transformers:
        config = transformers.GPT2Config(
            vocab_size=shape.vocab, n_positions=shape.max_tokens, n_embd=shape.d_model, n_layer=shape.decoder_layers, n_head=shape.n_heads,
            n_inner=shape.d_ff, bos_token_id=1, eos_token_id=None, pad_token_id=0,
        )  # fmt: skip
        module = transformers.GPT2LMHeadModel(config).eval()
    ids = torch.tensor([model.tokenize(BEGINNING).ids])

    def generate() -> list[int]:
        how = {"attention_mask": torch.ones_like(ids), "max_new_tokens": TOKENS, "do_sample": False}
        return module.generate(ids, **how)[0].tolist()  # type: ignore[no-any-return]

    return generate


def main() -> None:
    model = load("write-en")
    assert isinstance(model, InHouse)
    generate = theirs(model)
    sides = {"attnlab": lambda: with_cache(model), "without the cache": lambda: without_cache(model), "transformers": generate}
    assert with_cache(model) == without_cache(model), "both ways must write the same"
    assert len(generate()) == len(with_cache(model))
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, side in sides.items():
            began, worked = perf_counter(), process_time()
            side()
            times[name].append((perf_counter() - began, process_time() - worked))
    print(f"| {TOKENS} tokens after {len(model.tokenize(BEGINNING))}, {torch.get_num_threads()} threads | tokens/s |")
    print("|---|---|")
    for name, seconds in times.items():
        print(f"| {name} | {TOKENS / median(wall for wall, _ in seconds):,.0f} |")
    for name, reach in (("without the cache", 10), ("transformers", 1)):
        pairs = list(zip(times["attnlab"], times[name], strict=True))
        wall, worked = (median(b[i] / a[i] for a, b in pairs) for i in (0, 1))
        print(f"{wall:.1f} times as fast as {name}, {worked:.1f} times by processor time (reach: at least {reach})")


if __name__ == "__main__":
    main()
