"""python -m tests.benchmarks.training: training throughput against the same model written with torch.nn.Transformer, taking turns."""

import random
from statistics import median
from time import perf_counter

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attnlab.models.inhouse.transformer import Config, Transformer, sinusoid
from attnlab.training.data import Batch, Example, collate
from attnlab.training.loop import Recipe, Trainer

VOCAB, WIDTH, LAYERS, HEADS = 5000, 256, 3, 4
ROUNDS, STEPS = 5, 6


class Theirs(nn.Module):
    """torch's own encoder-decoder with the same sizes, tied embeddings and sinusoids."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Embedding(VOCAB, WIDTH)
        self.body = nn.Transformer(WIDTH, HEADS, LAYERS, LAYERS, 4 * WIDTH, 0.1, batch_first=True, norm_first=True)
        self.out = nn.Linear(WIDTH, VOCAB)
        self.out.weight = self.token.weight

    def embed(self, ids: Tensor) -> Tensor:
        return self.token(ids) * WIDTH**0.5 + sinusoid(ids.shape[1], WIDTH)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        causal = torch.ones(target.shape[1], target.shape[1], dtype=torch.bool).triu(1)
        hidden, wanted = source == 0, target == 0
        x = self.body(
            self.embed(source),
            self.embed(target),
            tgt_mask=causal,
            tgt_is_causal=True,
            src_key_padding_mask=hidden,
            tgt_key_padding_mask=wanted,
            memory_key_padding_mask=hidden,
        )
        return self.out(x)


def batches_like_sentences(n: int) -> list[Batch]:
    rng = random.Random(0)

    def ids(length: int) -> tuple[int, ...]:
        return tuple(rng.randrange(4, VOCAB) for _ in range(length))

    made = []
    for _ in range(n):
        length = rng.randint(6, 16)
        made.append(collate([Example(ids(length - rng.randint(0, 1)), ids(length), ids(length)) for _ in range(2000 // length)]))
    return made


def main() -> None:
    batches = batches_like_sentences(STEPS)
    tokens = sum(batch.tokens for batch in batches)
    ours = Trainer(Transformer(Config("translate", vocab=VOCAB, d_model=WIDTH, d_ff=4 * WIDTH, n_heads=HEADS)), Recipe())
    theirs = Theirs()
    adam = torch.optim.Adam(theirs.parameters(), 1e-4, betas=(0.9, 0.98), fused=True)

    def our_steps() -> None:
        ours.module.train()
        for batch in batches:
            ours.update([batch])

    def their_steps() -> None:
        theirs.train()
        for batch in batches:
            assert batch.target is not None
            with torch.autocast("cpu", torch.bfloat16):
                logits = theirs(batch.source, batch.target)
                loss = F.cross_entropy(logits.flatten(0, 1), batch.wanted.flatten(), ignore_index=-1, label_smoothing=0.1)
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
            adam.step()

    times: dict[str, list[float]] = {"attnlab": [], "torch.nn.Transformer": []}
    for round_ in range(ROUNDS + 1):
        for name, steps in (("attnlab", our_steps), ("torch.nn.Transformer", their_steps)):
            began = perf_counter()
            steps()
            if round_:  # the first round warms up
                times[name].append(perf_counter() - began)
    speeds = {name: tokens / median(seconds) for name, seconds in times.items()}
    ratio = median(b / a for a, b in zip(*times.values(), strict=True))
    print("| training, d 256, 3 + 3 layers, 5,000 pieces, bf16 | target tokens/s |")
    print("|---|---|")
    for name, speed in speeds.items():
        print(f"| {name} | {speed:,.0f} |")
    print(f"ratio {ratio:.2f} (reach: at least 0.9)")


if __name__ == "__main__":
    main()
