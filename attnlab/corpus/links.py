"""Heads for a pattern: links marked in one sentence, the weight every head gives them, and what it usually gives such a link."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attnlab.core.batched import distance_of
from attnlab.core.trace import Attention, Stack, Trace
from attnlab.corpus.index import Index

Link = tuple[int, int]  # query, key


@dataclass(frozen=True)
class Found:
    """One head: the mean weight on the marked links, and the mean weight it gives such links over the corpus (NaN: not known)."""

    stack: Stack
    layer: int
    head: int
    weight: float
    usual: float

    @property
    def above(self) -> float:
        """How much more than usual."""
        return self.weight - self.usual


def heads_for(trace: Trace, stack: Stack, links: Sequence[Link], index: Index | None = None) -> list[Found]:
    """Every head of a stack, most weight first. Raises ValueError for no links, and for one outside the sentence."""
    if not links:
        raise ValueError("no links are marked")
    found = []
    for attention in trace.layers(stack):
        weights = attention.all_weights()
        if not all(0 <= q < weights.shape[1] and 0 <= k < weights.shape[2] for q, k in links):
            raise ValueError(f"links {list(links)} are not all inside {weights.shape[1]} x {weights.shape[2]}")
        here = np.mean([weights[:, q, k] for q, k in links], 0)  # [h]
        usual = np.mean([usual_weight(attention, link, index) for link in links], 0)  # [h]
        found += [Found(stack, attention.layer, h, float(here[h]), float(usual[h])) for h in range(attention.n_heads)]
    return sorted(found, key=lambda one: -one.weight)


def usual_weight(attention: Attention, link: Link, index: Index | None) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """What each head of a sublayer gives a link like this over the corpus: between words one as far, to a special token one to such. [h]"""
    query, key = link
    nothing = np.full(attention.n_heads, np.nan)
    if index is None or attention.queries.special[query]:
        return nothing
    at = {place: i for i, place in enumerate(index.totals.places)}
    heads = [at.get((attention.stack, attention.layer, head)) for head in range(attention.n_heads)]
    if None in heads:
        return nothing
    if not attention.keys.special[key]:
        distance = int(distance_of(np.array(query), np.array(key)))
        return np.asarray(index.by_distance[distance, heads])
    name = "first" if key == 0 else "delimiter"
    return np.array([index.heads[i].measures[name] for i in heads if i is not None])
