"""Writing with a decoder: beam search and greedy. Many sentences at once, one token at a time, over cached keys and values.

On request every step is kept: what could have come next, how likely it was, what was kept, and why the rest was not.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from attnlab.core.trace import Array, frozen
from attnlab.models.inhouse.transformer import Cache, Transformer
from attnlab.words import InputError

Why = Literal["kept", "finished", "outscored", "forced", "not forced", "forbidden", "drawn", "not drawn", "top-k", "top-p", "stopped"]
Stop = Literal["enough", "unbeatable", "ended", "longest"]
SHOWN = 8  # candidates of each hypothesis that a kept step lists at least
Ids = tuple[int, ...]


@dataclass(frozen=True)
class Candidate:
    """One token that could continue one hypothesis.

    parent: which of the step's hypotheses; log_probability: of this token there; total: of the hypothesis with it;
    score: what the search compares (total divided by the length penalty); why: what became of it.
    """

    token: int
    parent: int
    log_probability: float
    total: float
    score: float
    why: Why

    @property
    def kept(self) -> bool:
        """Whether it is part of a hypothesis that goes on or has ended."""
        return self.why in ("kept", "finished", "forced", "drawn")


@dataclass(frozen=True, eq=False)
class Step:
    """One token's worth of search.

    alive: the hypotheses before it; log_probabilities: of every token after each of them, exactly the model's [w v];
    candidates: the likeliest ones, best first; next: which candidates are the hypotheses of the next step, in its order.
    """

    alive: tuple[Ids, ...]
    log_probabilities: Array
    candidates: tuple[Candidate, ...]
    next: tuple[int, ...]


@dataclass(frozen=True)
class Hypothesis:
    """Tokens written, without start and end. log_probabilities: of each of them, and of the end when it was written (`ended`)."""

    ids: Ids
    log_probabilities: tuple[float, ...]
    score: float
    ended: bool

    @property
    def total(self) -> float:
        """The log-probability of the whole."""
        return sum(self.log_probabilities)


@dataclass(frozen=True)
class Decoded:
    """What came out for one sentence, best first, why the search stopped, and every step of it if they were kept."""

    hypotheses: tuple[Hypothesis, ...]
    stopped: Stop
    steps: tuple[Step, ...] = ()

    @property
    def best(self) -> Hypothesis:
        return self.hypotheses[0]


@dataclass(frozen=True)
class Rules:
    """What holds for every sentence: start and end token, tokens never to be written unless forced, whether steps are kept."""

    bos: int
    eos: int
    forbidden: tuple[int, ...] = ()
    keep: bool = False


def length_penalty(length: int, alpha: float) -> float:
    """((5 + length) / 6)^alpha: 1 when alpha is 0; the larger alpha, the longer the sentences that win. Source: Wu et al. (2016)."""
    return ((5 + length) / 6) ** alpha


def check_range(option: str, given: float, low: float, high: float) -> None:
    if not low <= given <= high:
        raise InputError("error.range", option=option, given=given, low=low, high=high)


class Reader:
    """A decoder that reads one token per row, remembers keys and values, and lets rows be repeated or dropped in between."""

    def __init__(self, module: Transformer, source: Tensor | None) -> None:
        """source: [b n] padded ids for the encoder, None where there is none."""
        self.module = module
        self.memory = None if source is None else module.encode(source)  # [b n d]
        self.seen = None if source is None else module.seen(source)  # [b 1 1 n]
        self.caches = [(Cache(), Cache()) for _ in module.decoder]
        self.owners: list[int] = []  # which sentence each row belongs to

    def read(self, tokens: Sequence[int]) -> Tensor:
        """Log-probabilities of what follows each row's new token. [r v]"""
        self.owners = self.owners or list(range(len(tokens)))
        x = self.module.decode(torch.tensor(tokens)[:, None], self.memory, self.seen, self.caches)  # [r 1 d]
        return self.module.out(x[:, -1]).float().log_softmax(-1)

    def choose(self, rows: Sequence[int]) -> None:
        """Go on with these rows. Rows of one sentence share what cross-attention reads, so that is moved only when it must."""
        if rows == list(range(len(self.owners))):
            return
        index, owners = torch.tensor(rows), [self.owners[row] for row in rows]
        moved, self.owners = owners != self.owners, owners
        for own, other in self.caches:
            for cache in (own, other) if moved else (own,):
                if cache.k is not None and cache.v is not None:
                    cache.k, cache.v = cache.k[index], cache.v[index]
        if moved and self.memory is not None:
            self.memory = self.memory[index]
            self.seen = None if self.seen is None else self.seen[index]


@dataclass
class Search:
    """One sentence while it is being written. alive: hypotheses that go on, with the log-probability of each of their tokens."""

    longest: int
    forced: Ids
    alive: list[tuple[Ids, tuple[float, ...]]] = field(default_factory=lambda: [((), ())])
    totals: list[float] = field(default_factory=lambda: [0.0])
    finished: list[Hypothesis] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    stopped: Stop | None = None

    @property
    def must(self) -> int | None:
        """The token that has to come next, if there is one."""
        length = len(self.alive[0][0])
        return self.forced[length] if length < len(self.forced) else None

    def done(self) -> Decoded:
        """The result: ended hypotheses before those cut off, each kind by score."""
        ranked = sorted(self.finished, key=lambda hypothesis: (not hypothesis.ended, -hypothesis.score))
        return Decoded(tuple(ranked), self.stopped or "longest", tuple(self.steps))


def searches(longest: Sequence[int], forced: Sequence[Ids] | None) -> list[Search]:
    """A search at its beginning for each sentence. Raises InputError where there is no room for a single token."""
    for room in longest:
        check_range("longest", room, 1, math.inf)
    return [Search(room, tuple(begin)) for room, begin in zip(longest, forced or [()] * len(longest), strict=True)]


@torch.inference_mode()
def beam_search(
    module: Transformer,
    source: Tensor | None,
    rules: Rules,
    *,
    longest: Sequence[int],
    forced: Sequence[Ids] | None = None,
    width: int = 4,
    alpha: float = 0.6,
) -> list[Decoded]:
    """The likeliest way on for every sentence, with `width` hypotheses side by side; greedy when width is 1.

    source: [b n] padded ids, None for a decoder alone. longest: how many tokens each may have, its end included; forced: how
    each begins. A hypothesis that ends is set aside; the search stops when `width` have ended, or none can overtake the best.
    Raises InputError for a width outside 1 to 64 or an alpha outside 0 to 5.
    """
    check_range("beam", width, 1, 64)
    check_range("length_penalty", alpha, 0, 5)
    active, tokens = searches(longest, forced), [rules.bos] * len(longest)
    everyone, reader = list(active), Reader(module, source)
    while active:
        log_p = reader.read(tokens).unflatten(0, (len(active), -1))  # [a r v]
        r, v = log_p.shape[1:]
        before = torch.tensor([s.totals + [-math.inf] * (r - len(s.totals)) for s in active])  # [a r]
        totals = log_p + before[:, :, None]  # [a r v]
        values, places = possible(totals, active, rules).flatten(1).topk(min(2 * width, r * v))  # [a 2w]
        said = log_p.flatten(1).gather(1, places)  # [a 2w]
        going: list[tuple[int, list[int]]] = []  # which sentences, and the parents of their hypotheses
        for slot, search in enumerate(active):
            found = zip(values[slot].tolist(), said[slot].tolist(), (divmod(place, v) for place in places[slot].tolist()), strict=True)
            parents = advance(search, [(parent, token, p, t) for t, p, (parent, token) in found], log_p[slot], rules, width, alpha)
            if search.stopped is None:
                going.append((slot, parents))
        active = [active[slot] for slot, _ in going]
        most = max((len(parents) for _, parents in going), default=0)
        rows = [slot * r + parent for slot, parents in going for parent in parents + parents[:1] * (most - len(parents))]
        tokens = [ids[-1] for s in active for ids, _ in s.alive + s.alive[:1] * (most - len(s.alive))]
        if active:
            reader.choose(rows)
    return [search.done() for search in everyone]


def possible(totals: Tensor, active: Sequence[Search], rules: Rules) -> Tensor:
    """The same numbers with -inf for tokens that may not come next: forbidden ones, or all but the forced one. [a r v]"""
    left = totals.clone()
    left[:, :, list(rules.forbidden)] = -math.inf
    for slot, search in enumerate(active):
        if search.must is not None:
            left[slot] = -math.inf
            left[slot, :, search.must] = totals[slot, :, search.must]
    return left


def advance(
    search: Search, found: Sequence[tuple[int, int, float, float]], log_p: Tensor, rules: Rules, width: int, alpha: float
) -> list[int]:
    """Move one sentence on by a token, given the best (parent, token, log-probability, total); the parents of its new hypotheses."""
    length = len(search.alive[0][0]) + 1
    divisor = length_penalty(length, alpha)
    fates: dict[tuple[int, int], Why] = {}
    parents: list[int] = []
    alive: list[tuple[Ids, tuple[float, ...]]] = []
    totals: list[float] = []
    for rank, (parent, token, p, total) in enumerate(found):
        if total == -math.inf:
            break
        ids, said = search.alive[parent]
        if token == rules.eos and rank < width:
            search.finished.append(Hypothesis(ids, (*said, p), total / divisor, True))
            fates[parent, token] = "finished"
        elif token != rules.eos and len(alive) < width:
            parents.append(parent)
            alive.append(((*ids, token), (*said, p)))
            totals.append(total)
            fates[parent, token] = "kept" if search.must is None else "forced"
    search.stopped = why_stop(search, totals, length, width, alpha)
    if search.stopped == "longest":
        cut = zip(alive, totals, strict=True)
        search.finished += [Hypothesis(ids, said, total / divisor, False) for (ids, said), total in cut]
    elif search.stopped is not None:
        fates = {place: "stopped" if why == "kept" else why for place, why in fates.items()}
    if rules.keep:
        search.steps.append(kept_step(search, log_p, fates, rules, divisor, width))
    search.alive, search.totals = alive, totals
    return parents


def why_stop(search: Search, totals: Sequence[float], length: int, width: int, alpha: float) -> Stop | None:
    """Why the search is over, None when it is not. totals: of the hypotheses that could go on."""
    if not totals:
        return "ended"
    if len(search.finished) >= width:
        return "enough"
    if length >= search.longest:
        return "longest"
    best = max((hypothesis.score for hypothesis in search.finished), default=-math.inf)
    return "unbeatable" if best >= max(totals) / length_penalty(search.longest, alpha) else None


def kept_step(search: Search, log_p: Tensor, fates: dict[tuple[int, int], Why], rules: Rules, divisor: float, width: int) -> Step:
    """What the step looked like: the candidates that had a fate and the likeliest of the others."""
    real = log_p[: len(search.alive)]  # [w v], without rows that only fill up the batch
    totals = real + torch.tensor(search.totals)[:, None]
    best = totals.flatten().topk(min(max(2 * width, SHOWN * len(real)), totals.numel())).indices.tolist()
    places = dict.fromkeys([divmod(place, real.shape[1]) for place in best] + list(fates))
    listed = []
    for parent, token in places:
        total = float(totals[parent, token])
        other: Why = "not forced" if search.must is not None else "forbidden" if token in rules.forbidden else "outscored"
        listed.append(Candidate(token, parent, float(real[parent, token]), total, total / divisor, fates.get((parent, token), other)))
    listed.sort(key=lambda candidate: -candidate.total)
    index = {(candidate.parent, candidate.token): i for i, candidate in enumerate(listed)}
    order = tuple(index[place] for place, why in fates.items() if why in ("kept", "forced"))
    return Step(tuple(ids for ids, _ in search.alive), frozen(real.numpy()), tuple(listed), order)
