"""One block of sentences measured: every measure of every head, and the sentences where a head does it most."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from attnlab.core.batched import Chosen, by_distance, measured_batch, real_links
from attnlab.core.guide import NAMES
from attnlab.core.measures import Ask, measured_ask
from attnlab.core.trace import Attention, Stack, Tokens
from attnlab.corpus.reading import Line
from attnlab.corpus.totals import FINE, Numbers, Seen, Totals, from_arrays, sums_of, to_arrays, together
from attnlab.models.recorder import scores_of, softmax_of, visible_keys
from attnlab.models.spec import Model
from attnlab.models.tokens import first_tokens
from attnlab.words import InputError

TooLong = Literal["cut", "skip", "stop"]
BATCH = 64  # sentences of one length in one forward pass
MOST = 50  # sentences kept for each head and measure
NONE = -(1 << 62)  # the value of a place that no sentence takes
Place = tuple[Stack, int, int]
Found = tuple[Sequence[int], list[Place], Seen]  # which sentences of a block, which heads, what the ones say of the others


@dataclass(frozen=True, eq=False)
class Top:
    """The strongest sentences: values in 2^-40 and line numbers, strongest first, of equals the earlier line. Each [m H MOST]."""

    values: NDArray[np.int64]
    lines: NDArray[np.int64]

    def __add__(self, other: "Top") -> "Top":
        return strongest_of(np.concatenate((self.values, other.values), -1), np.concatenate((self.lines, other.lines), -1))


@dataclass(frozen=True, eq=False)
class Block:
    """What is known of a block. digest: of its lines; cut and skipped: how many lines were too long."""

    digest: str
    totals: Totals
    top: Top
    cut: int = 0
    skipped: int = 0


def strongest_of(values: NDArray[np.int64], lines: NDArray[np.int64]) -> Top:
    """The MOST largest of the last axis; an order that no batch and no worker can change."""
    order = np.lexsort((lines, -values), axis=-1)[..., :MOST]
    kept = np.take_along_axis(values, order, -1), np.take_along_axis(lines, order, -1)
    room = [(0, 0)] * (values.ndim - 1) + [(0, max(0, MOST - kept[0].shape[-1]))]
    return Top(np.pad(kept[0], room, constant_values=NONE), np.pad(kept[1], room))


def digest(lines: Sequence[Line]) -> str:
    """What tells a block's lines from any others."""
    return hashlib.sha256("".join(f"{line.number}\t{line.text}\n" for line in lines).encode()).hexdigest()


def measure_block(model: Model, lines: Sequence[Line], too_long: TooLong = "stop") -> Block:
    """Every line of a block. Raises InputError that names the line that cannot be read. The same lines give the same bits."""
    kept, cut, skipped = readable(model, lines, too_long)
    if not kept:
        raise InputError("error.measure_block_empty", first=lines[0].number, last=lines[-1].number)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # how a sum is split over threads can move its last bit
    try:
        found = list(values_of(model, kept))
    finally:
        torch.set_num_threads(threads)
    order = [i for chosen, _, _ in found for i in chosen]
    seen = together([each for _, _, each in found])
    totals = sums_of(found[0][1], seen, [len(kept[i][1]) for i in order])
    every = np.ascontiguousarray(np.moveaxis(seen.values, 0, -1))  # [m H s]
    fine = np.where(np.isfinite(every), np.rint(np.nan_to_num(every) * 2.0**FINE), NONE).astype(np.int64)
    numbers = np.broadcast_to(np.array([kept[i][0].number for i in order]), fine.shape)
    return Block(digest(lines), totals, strongest_of(fine, numbers), cut, skipped)


def readable(model: Model, lines: Sequence[Line], too_long: TooLong) -> tuple[list[tuple[Line, Tokens]], int, int]:
    """The lines that the model can read, with their tokens, and how many were cut and skipped."""
    kept: list[tuple[Line, Tokens]] = []
    cut = skipped = 0
    limit = model.spec.max_tokens
    for line in lines:
        try:
            tokens = model.tokenize(line.text)
        except InputError as mistake:
            raise InputError("error.line", number=line.number, why=mistake.say("en")) from None
        if limit is not None and len(tokens) > limit:
            if too_long == "stop":
                why = InputError("error.too_long", n=len(tokens), limit=limit).say("en")
                raise InputError("error.line", number=line.number, why=why)
            if too_long == "skip":
                skipped += 1
                continue
            cut += 1
            line = Line(line.number, first_tokens(model, line.text, limit))
            tokens = model.tokenize(line.text)
        kept.append((line, tokens))
    return kept, cut, skipped


def values_of(model: Model, kept: Sequence[tuple[Line, Tokens]]) -> Iterator[Found]:
    """What the sentences say of every head, some sentences at a time."""
    if "cross" in model.spec.stacks or not model.spec.records:
        yield from one_by_one(model, kept)
        return
    order = sorted(range(len(kept)), key=lambda i: len(kept[i][1]))
    for _, group in groupby(order, key=lambda i: len(kept[i][1])):
        same = list(group)
        for start in range(0, len(same), BATCH):
            yield one_length(model, kept, same[start : start + BATCH])


def one_length(model: Model, kept: Sequence[tuple[Line, Tokens]], chosen: Sequence[int]) -> Found:
    """A batch of sentences of one length: no padding, weights of all of them at once, and what is the same for every layer made once."""
    tokens = [kept[i][1] for i in chosen]
    stack = next(iter(model.spec.stacks))
    calls = model.calls(tokens)
    seen: dict[bytes, tuple[Chosen, Numbers]] = {}
    layers, distances, evens = [], [], []
    with torch.inference_mode():
        for call in calls:
            visible = visible_keys(call)
            if visible.tobytes() not in seen:
                asked = Chosen.of(tokens, visible)
                seen[visible.tobytes()] = asked, measured_batch(even_weights(visible).expand(len(tokens), 1, -1, -1), asked)
            weights, (asked, even) = softmax_of(call, scores_of(call)), seen[visible.tobytes()]
            layers.append(measured_batch(weights, asked))  # [b m h]
            distances.append(whole_sums(by_distance(weights, asked.real)))  # [2 D h]
            evens.append(np.broadcast_to(even, layers[-1].shape))
    places: list[Place] = [(stack, layer, head) for layer, part in enumerate(layers) for head in range(part.shape[2])]
    return chosen, places, Seen(np.concatenate(layers, 2), np.concatenate(distances, 2), np.concatenate(evens, 2))


def whole_sums(distances: Numbers) -> NDArray[np.int64]:
    """Cells as they are and weight in 2^-40, of all sentences together. [b 2 D h] -> [2 D h]"""
    return np.stack((distances[:, 0].sum(0), np.rint(distances[:, 1] * 2.0**FINE).sum(0))).astype(np.int64)


def even_weights(visible: NDArray[np.bool_]) -> torch.Tensor:
    """The weights of a head that spreads evenly over the keys that each query may see. [q k]"""
    cells = torch.from_numpy(visible).float()
    return cells / cells.sum(-1, keepdim=True).clamp(min=1)


def one_by_one(model: Model, kept: Sequence[tuple[Line, Tokens]]) -> Iterator[Found]:
    """Models with several stacks, or of which only the weights are known. Heads stand stack by stack, as `Spec.stacks` does."""
    order = sorted(range(len(kept)), key=lambda i: len(kept[i][1]))
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        for i, trace in zip(chosen, model.traces([kept[i][0].text for i in chosen]), strict=True):
            attentions = [attention for stack in trace.stacks for attention in trace.layers(stack)]
            places: list[Place] = [(a.stack, a.layer, head) for a in attentions for head in range(a.n_heads)]
            seen = [(attention, attention.visible()) for attention in attentions]
            alike = groupby(seen, key=lambda one: (one[0].stack, one[1].tobytes()))
            parts = [of_layers([attention for attention, _ in same]) for _, same in alike]
            yield [i], places, Seen(*(np.concatenate(each, -1) for each in zip(*parts, strict=True)))


def of_layers(layers: Sequence[Attention]) -> Seen:
    """What one sentence says of the heads of sublayers in which every query may see the same."""
    first, visible = layers[0], layers[0].visible()
    weights = np.concatenate([attention.all_weights() for attention in layers])  # [h q k]
    asked = [Ask(each, first.queries, first.keys, visible) for each in (weights, even_weights(visible)[None].numpy())]
    found = [measured_ask(ask, own=first.stack != "cross") for ask in asked]
    values, chance = (np.stack([numbers[name] for name in NAMES])[None].astype(np.float64) for numbers in found)  # [1 m h]
    cells = real_links(first.queries, first.keys) & visible
    distances = whole_sums(by_distance(torch.from_numpy(weights)[None], cells[None]))
    return Seen(values, distances, np.broadcast_to(chance, values.shape))


def to_bytes(block: Block) -> bytes:
    """A block's own file."""
    out = io.BytesIO()
    extra = {"digest": np.array(block.digest), "long": np.array([block.cut, block.skipped])}
    arrays: dict[str, Any] = to_arrays(block.totals) | extra | {"values": block.top.values, "lines": block.top.lines}
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def from_bytes(data: bytes) -> Block:
    """What `to_bytes` wrote. Raises ValueError, KeyError or OSError for anything else."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        cut, skipped = (int(x) for x in arrays["long"])
        return Block(str(arrays["digest"]), from_arrays(arrays), Top(arrays["values"], arrays["lines"]), cut, skipped)


@cache
def _loaded(name: str) -> Model:
    from attnlab.models.load import load

    return load(name)


def work(name: str, lines: Sequence[Line], too_long: TooLong) -> bytes | tuple[str, dict[str, Any]]:
    """One block in a process of its own: its file, or the mistake that it met. The model is loaded once per process."""
    try:
        return to_bytes(measure_block(_loaded(name), lines, too_long))
    except InputError as mistake:
        return mistake.key, dict(mistake.facts)
