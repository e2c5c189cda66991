"""Which words of two sentences belong together, as cross-attention has it; and all three kinds of attention in one matrix."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from attnlab.core.trace import Array, Attention, Stack, Tokens, Trace, frozen
from attnlab.core.views import by_words, word_groups, word_names

Row = Literal["writing", "reading"]


@dataclass(frozen=True)
class Aligned:
    """Words of a target (rows) over words of a source (columns). weights: [target source], rows sum to 1."""

    weights: Array
    target: tuple[str, ...]
    source: tuple[str, ...]

    @property
    def best(self) -> tuple[int, ...]:
        """For each target word the source word that it looks at most."""
        return tuple(int(i) for i in self.weights.argmax(-1))


def mean_or_head(attention: Attention, head: int | None) -> Array:
    """The weights of one head, or the mean over all heads of the layer when head is None. [q k]"""
    return attention.weights(head) if head is not None else frozen(attention.all_weights().mean(0))


def shifted(target: Tokens, end: str) -> Tokens:
    """The tokens that the decoder wrote at each of its positions: what it read, one place on, and the end."""
    rest = {name: getattr(target, name)[1:] for name in Tokens.__dataclass_fields__}
    return Tokens(
        (*rest["pieces"], end),
        (*rest["ids"], -1),
        (*rest["special"], True),
        (*rest["words"], None),
        (*rest["offsets"], None),
        (*rest["segments"], 0),
    )


def word_alignment(
    trace: Trace, layer: int, head: int | None, *, row: Row = "writing", end: str = "[EOS]", specials: bool = True
) -> Aligned:
    """Cross-attention between words: pieces merged by the sum over a source word and the mean over a target word.

    row: "writing" gives each target word the rows from which it was written (the token before it asks), "reading" the rows where it
    is itself the query. head: None for the mean over the heads of the layer. specials: False leaves out special tokens as rows, and
    as columns, which are then not divided out: rows sum to less than 1.
    Raises IndexError for a trace without cross-attention. Source of the two readings: Chen et al. (2020), shift-att.
    """
    attention = trace.at("cross", layer)
    assert trace.target is not None
    queries = shifted(trace.target, end) if row == "writing" else trace.target
    rows, columns = word_groups(queries), word_groups(trace.source)
    weights = by_words(mean_or_head(attention, head), rows, columns)  # [target source]
    names = word_names(queries, rows, [trace.target_text]), word_names(trace.source, columns, [trace.text])
    if specials:
        return Aligned(weights, *names)
    kept = [[i for i, group in enumerate(g) if not tokens.special[group[0]]] for g, tokens in ((rows, queries), (columns, trace.source))]
    left, top = (tuple(name[i] for i in some) for name, some in zip(names, kept, strict=True))
    return Aligned(frozen(weights[np.ix_(*kept)]), left, top)


def sharpness(weights: Array) -> float:
    """How decided a map is: the mean of the largest weight of each row, 1 when every row looks at one key only. [q k]"""
    return float(weights.max(-1).mean())


def sharpest(trace: Trace) -> tuple[int, int]:
    """Layer and head of the cross-attention that aligns words most decidedly, special tokens left out."""
    found = {
        (attention.layer, head): sharpness(word_alignment(trace, attention.layer, head, specials=False).weights)
        for attention in trace.layers("cross")
        for head in range(attention.n_heads)
    }
    return max(found, key=lambda place: found[place])


@dataclass(frozen=True)
class Joint:
    """Source and target tokens on both sides. weights: [n+m n+m], NaN where nothing looks (a source never looks at a target).

    A row of the source sums to 1; a row of the target to 2: its own attention and cross-attention. split: how many are source tokens.
    """

    weights: Array
    pieces: tuple[str, ...]
    split: int


def joint(trace: Trace, layer: int, head: int | None) -> Joint:
    """Encoder (source looks at source), cross (target at source) and decoder (target at target) of one layer in one matrix.

    A stack with fewer layers shows its last one. Masked cells of the decoder are 0.
    """
    assert trace.target is not None
    n, m = len(trace.source), len(trace.target)
    whole = np.full((n + m, n + m), np.nan, np.float32)
    places: dict[Stack, tuple[slice, slice]] = {
        "encoder": (slice(n), slice(n)),
        "cross": (slice(n, None), slice(n)),
        "decoder": (slice(n, None), slice(n, None)),
    }
    for stack, place in places.items():
        layers = trace.layers(stack)
        whole[place] = mean_or_head(layers[min(layer, len(layers) - 1)], head)
    return Joint(frozen(whole), trace.source.pieces + trace.target.pieces, n)


@dataclass(frozen=True)
class Next:
    """What could come next, as the model says it: the likeliest tokens with their probability, the chosen one among them; and the rest.

    ids: in the order of probability; rest: how many other tokens there are, and the probability they have together.
    """

    ids: tuple[int, ...]
    probabilities: tuple[float, ...]
    rest: tuple[int, float]


def likeliest(logits: Array, *, chosen: int, most: int, never: Sequence[int] = ()) -> Next:
    """One distribution that adds up to 1. logits: [vocab]; never: tokens that nobody may choose, which count among the rest."""
    odds = np.exp(logits.astype(np.float64) - logits.max())
    shares = odds / odds.sum()
    best = [int(i) for i in np.argsort(-shares, kind="stable")[: most + len(never)] if int(i) not in never][:most]
    best = best if chosen in best else [*best[:-1], chosen]
    found = tuple(float(shares[i]) for i in best)
    return Next(tuple(best), found, (len(shares) - len(best), max(0.0, 1.0 - sum(found))))
