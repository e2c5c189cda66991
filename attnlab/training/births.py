"""Heads being born: what every head of a decoder does on random pieces that come twice, and when it crosses a threshold.

Random pieces say nothing about each other, so whoever knows what comes next in the second half has found it in the first.
Source: Olsson et al. (2022): a head that looks one back, and a later one that looks behind the last time (induction).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from attnlab.core.guide import RULES
from attnlab.core.trace import Array
from attnlab.files import write
from attnlab.models.inhouse.transformer import Transformer
from attnlab.models.recorder import Call, recording
from attnlab.training.tokenizer import SPECIALS

NAME = "births.json"
ROWS, LENGTH = 8, 40  # rows of 40 random pieces, twice


@dataclass(frozen=True, eq=False)
class Repeats:
    """On random repeats: previous and induction, per layer and head [l h], the mean weight from 0 to 1; copied: the share of the second
    half that the model says right. induction counts queries of the second half."""

    previous: Array
    induction: Array
    copied: float


@dataclass(frozen=True)
class Birth:
    """A head that has crossed a threshold. label: previous or induction; score and threshold: from 0 to 1."""

    step: int
    label: str
    layer: int
    head: int
    score: float
    threshold: float


@torch.inference_mode()
def on_repeats(module: Transformer, *, rows: int = ROWS, length: int = LENGTH, seed: int = 0) -> Repeats:
    """What the heads of a decoder do with pieces drawn at random and said twice; the same ones for the same seed."""
    half = min(length, (module.config.max_tokens - 1) // 2)
    drawn = torch.randint(len(SPECIALS), module.config.vocab, (rows, half), generator=torch.Generator().manual_seed(seed))
    start = torch.full((rows, 1), SPECIALS["bos"])
    ids = torch.cat((start, drawn, drawn), 1)  # [r 1+2n]
    with recording() as recorder:
        said = module.out(module.decode(ids)).argmax(-1)  # [r 1+2n]
    maps = [causal_weights(call).mean(0) for call in recorder.calls]  # l x [h q k]
    second = torch.arange(half + 1, 2 * half + 1)
    before = torch.arange(1, 2 * half + 1)
    return Repeats(
        np.stack([weights[:, before, before - 1].mean(-1).numpy() for weights in maps]),
        np.stack([weights[:, second, second - half + 1].mean(-1).numpy() for weights in maps]),
        float((said[:, half + 1 : -1] == drawn[:, 1:]).float().mean()),
    )


def causal_weights(call: Call) -> Tensor:
    """softmax of the scores over the past. [b h q k]"""
    scores = call.q.float() @ call.k.float().transpose(-1, -2) * call.scale
    if call.bias is not None:
        scores = scores + call.bias.float()
    n = scores.shape[-1]
    return scores.masked_fill(~torch.ones(n, n, dtype=torch.bool).tril(), float("-inf")).softmax(-1)


def births(step: int, repeats: Repeats, known: Iterable[Birth] = ()) -> list[Birth]:
    """The heads that are over a threshold of the field guide for the first time, layer by layer."""
    thresholds = {rule.label: rule.threshold for rule in RULES}
    before = {(birth.label, birth.layer, birth.head) for birth in known}
    found = []
    for label, scores in (("previous", repeats.previous), ("induction", repeats.induction)):
        for layer, head in np.argwhere(scores >= thresholds[label]).tolist():  # type: ignore[index]
            if (label, layer, head) not in before:
                found.append(Birth(step, label, layer, head, float(scores[layer, head]), thresholds[label]))  # type: ignore[index]
    return found


def best(scores: Array) -> tuple[int, int, float]:
    """Layer, head and score of the highest. [l h]"""
    layer, head = np.unravel_index(int(scores.argmax()), scores.shape)
    return int(layer), int(head), float(scores[layer, head])


def told(found: Sequence[Birth]) -> list[str]:
    """Each birth as a line for the command line."""
    return [f"step {b.step}: L{b.layer}H{b.head} is a head of kind {b.label} ({b.score:.2f}, threshold {b.threshold:g})" for b in found]


def read_births(folder: Path) -> list[Birth]:
    """The births that a training has written down so far."""
    file = folder / NAME
    return [Birth(**birth) for birth in json.loads(file.read_text("utf-8"))] if file.is_file() else []


def inherit(parent: Path, folder: Path, step: int) -> None:
    """Let a fork know the heads that were born before it began: they are not born again."""
    before = [asdict(birth) for birth in read_births(parent) if birth.step <= step]
    if before:
        write(folder / NAME, json.dumps(before, indent=1).encode(), force=True)


def watch(folder: Path, step: int, module: Transformer) -> Repeats:
    """Look at a decoder's heads now, and write down those that were born since the last look."""
    known, now = [birth for birth in read_births(folder) if birth.step < step], on_repeats(module)
    every = [*known, *births(step, now, known)]
    write(folder / NAME, json.dumps([asdict(birth) for birth in every], indent=1).encode(), force=True)
    return now
