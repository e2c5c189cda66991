"""Sentences with holes for an encoder: which pieces are hidden, and what stands in their place.

Source: Devlin et al. (2019): of the chosen pieces 80 % become [MASK], 10 % another piece, 10 % stay; whole words as in their later models.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import count

from attnlab.training.data import Batch, Example, collate

SHARE = 0.15  # of a sentence's pieces that are hidden when holes are measured
Row = tuple[Sequence[int], Sequence[int | None]]  # ids, and which word each belongs to (None: special)


def chosen(words: Sequence[int | None], share: float, rng: random.Random, *, whole: bool = False) -> list[int]:
    """The places to hide: the share of all that are words' pieces, at least one; with `whole` all pieces of each word that is hit."""
    places = [i for i, word in enumerate(words) if word is not None]
    wanted = max(1, round(share * len(places)))
    if not whole:
        return sorted(rng.sample(places, min(wanted, len(places))))
    found: list[int] = []
    for word in rng.sample(order := sorted({word for word in words if word is not None}), len(order)):
        if len(found) < wanted:
            found += [i for i in places if words[i] == word]
    return sorted(found)


def hidden(ids: Sequence[int], places: Sequence[int], mask: int) -> Example:
    """Every chosen piece replaced by [MASK]: how a model is asked, and measured."""
    gone = set(places)
    return Example(tuple(mask if i in gone else token for i, token in enumerate(ids)), (), wanted_of(ids, gone))


def corrupted(ids: Sequence[int], places: Sequence[int], mask: int, pieces: range, rng: random.Random) -> Example:
    """80 % of the chosen pieces replaced by [MASK], 10 % by any of `pieces`, 10 % left: how a model is trained."""
    said = list(ids)
    for i in places:
        lot = rng.random()
        said[i] = mask if lot < 0.8 else rng.choice(pieces) if lot < 0.9 else ids[i]
    return Example(tuple(said), (), wanted_of(ids, set(places)))


def wanted_of(ids: Sequence[int], places: set[int]) -> tuple[int, ...]:
    return tuple(token if i in places else -1 for i, token in enumerate(ids))


def same_length(rows: Sequence[Row], budget: int, rng: random.Random) -> list[list[int]]:
    """Indices in groups of one length, each about `budget` tokens, in random order: nothing is padded."""
    by_length: dict[int, list[int]] = {}
    for i, (ids, _) in enumerate(rows):
        by_length.setdefault(len(ids), []).append(i)
    found = []
    for length, group in sorted(by_length.items()):
        rng.shuffle(group)
        size = max(1, budget // length)
        found += [group[i : i + size] for i in range(0, len(group), size)]
    rng.shuffle(found)
    return found


def masked_batches(
    rows: Sequence[Row], budget: int, *, mask: int, pieces: range, shares: tuple[float, float], whole: bool, seed: int, start: int = 0
) -> Iterator[Batch]:
    """Batches without end, other holes every time; step i is the same whenever it is asked for. shares: least and most to hide."""
    passed = 0
    for epoch in count():
        for group in same_length(rows, budget, random.Random(f"{seed}/{epoch}")):
            passed += 1
            if passed > start:
                rng = random.Random(f"{seed}/{epoch}/{passed}")
                share = rng.uniform(*shares)
                examples = [(rows[i][0], chosen(rows[i][1], share, rng, whole=whole)) for i in group]
                yield collate([corrupted(ids, places, mask, pieces, rng) for ids, places in examples])


def held_out(rows: Sequence[Row], budget: int, *, mask: int, share: float, seed: int) -> list[Batch]:
    """Every row once with the same holes for the same seed, the chosen pieces all hidden."""
    rng = random.Random(f"holes/{seed}")
    examples = [hidden(ids, chosen(words, share, rng), mask) for ids, words in rows]
    groups = same_length(rows, budget, random.Random(0))
    return [collate([examples[i] for i in group]) for group in groups]
