"""A decoder that goes on with a text one token at a time, where every choice can be looked at, taken back and made again.

logits -> `stages` (what each setting removes, and how the rest grows) -> `choose` (the likeliest, or one drawn) -> `Draft.then`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from attnlab.core.trace import Array
from attnlab.models.inhouse.decoding import Ids, check_range
from attnlab.models.inhouse.sampling import keep_best, keep_mass, keep_share

StageName = Literal["model", "repetition", "temperature", "top_k", "top_p", "min_p"]


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. temperature 0 takes the likeliest; top_k 0, top_p 1, min_p 0 and repetition 1 change nothing.

    Raises InputError for a number that cannot be, with the numbers that can.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition: float = 1.0

    def __post_init__(self) -> None:
        check_range("temperature", self.temperature, 0, 100)
        check_range("top_k", self.top_k, 0, math.inf)
        check_range("top_p", self.top_p, 0.001, 1)
        check_range("min_p", self.min_p, 0, 1)
        check_range("repetition", self.repetition, 0.1, 10)


@dataclass(frozen=True, eq=False)
class Stage:
    """The distribution after one setting. probabilities: [v], sum 1; before: what they were before it, None for the model's own."""

    name: StageName
    probabilities: Tensor
    before: Tensor | None = None

    @property
    def removed(self) -> Ids:
        """Tokens that were possible before the setting and are not now."""
        if self.before is None:
            return ()
        return tuple(((self.before > 0) & (self.probabilities == 0)).nonzero()[:, 0].tolist())


class Writer(Protocol):
    """What goes on with a text. limit: how many tokens it has in sight at most; start: what every text begins with."""

    @property
    def limit(self) -> int: ...

    @property
    def start(self) -> Ids: ...

    def read(self, ids: Sequence[int], past: Any = None) -> tuple[Tensor, Any]:
        """Logits of what follows the last of some tokens after a past [v], and the past that they become. No past is changed."""

    def keys(self, past: Any) -> list[Array]:
        """The keys that a past holds, layer by layer. Each [h n d]"""


@dataclass(frozen=True, eq=False)
class Draft:
    """A text so far, with the keys and values that it left behind.

    Going on makes another draft and leaves this one as it is, so that several ways on can be kept side by side.
    ids: all of it, start tokens first; logits: of what comes next [v]; past: keys and values; n_read: how many of the last ids the model
    has in sight (a text longer than its window is read again from its middle); computed: how many tokens were put through the model
    for this step.
    """

    writer: Writer
    ids: Ids
    logits: Tensor
    past: Any
    n_read: int
    computed: int

    @property
    def log_probabilities(self) -> Tensor:
        """[v]"""
        return self.logits.log_softmax(-1)

    @property
    def read(self) -> Ids:
        """What the model has in sight: the start tokens and the last ids after them."""
        start = self.writer.start
        return (*start, *self.ids[len(self.ids) - self.n_read + len(start) :])

    @torch.inference_mode()
    def then(self, token: int) -> "Draft":
        """The text with one more token. Only that token is computed, unless the window is full."""
        if self.n_read >= self.writer.limit:
            return begin(self.writer, (*self.ids, token))
        logits, past = self.writer.read((token,), self.past)
        return Draft(self.writer, (*self.ids, token), logits, past, self.n_read + 1, 1)


@torch.inference_mode()
def begin(writer: Writer, ids: Sequence[int]) -> Draft:
    """A draft that starts with these ids (start tokens first); of a text longer than the window only its last half window is read."""
    kept = writer.limit // 2 - len(writer.start)
    read = tuple(ids) if len(ids) <= writer.limit else (*writer.start, *ids[len(ids) - kept :])
    logits, past = writer.read(read)
    return Draft(writer, tuple(ids), logits, past, len(read), len(read))


def penalized(logits: Tensor, before: Sequence[int], penalty: float) -> Tensor:
    """Logits of tokens that have occurred, made smaller: divided by the penalty, or times it below 0. [v]. Source: Keskar et al. (2019)."""
    there = torch.tensor(sorted(set(before)), dtype=torch.long)
    old = logits[there]
    return logits.index_copy(0, there, torch.where(old > 0, old / penalty, old * penalty))


def tempered(logits: Tensor, temperature: float) -> Tensor:
    """softmax(logits / temperature); all on the likeliest when the temperature is 0. [v]"""
    if temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(), len(logits)).to(logits)
    return (logits / temperature).softmax(-1)


def stages(logits: Tensor, sampling: Sampling, before: Sequence[int], forbidden: Sequence[int] = ()) -> tuple[Stage, ...]:
    """What the model says and what every setting that is on makes of it, in the order in which they act; the last is drawn from.

    logits: [v]; before: the tokens so far, for the repetition penalty; forbidden: tokens that are never written.
    """
    found = [Stage("model", logits.softmax(-1))]

    def add(name: StageName, p: Tensor) -> None:
        found.append(Stage(name, p, found[-1].probabilities))

    open_to = logits.clone()
    open_to[list(forbidden)] = -math.inf
    if sampling.repetition != 1:
        open_to = penalized(open_to, [token for token in before if token not in forbidden], sampling.repetition)
        add("repetition", open_to.softmax(-1))
    add("temperature", tempered(open_to, sampling.temperature))
    if sampling.top_k:
        add("top_k", keep_best(found[-1].probabilities, sampling.top_k))
    if sampling.top_p < 1:
        add("top_p", keep_mass(found[-1].probabilities, sampling.top_p))
    if sampling.min_p > 0:
        add("min_p", keep_share(found[-1].probabilities, sampling.min_p))
    return tuple(found)


def choose(probabilities: Tensor, *, seed: int, place: int) -> int:
    """One token drawn from a distribution [v]. The draw depends on the seed and the place alone, not on how one came there."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + place)
    return int(torch.multinomial(probabilities, 1, generator=generator))


def likeliest(logits: Tensor, forbidden: Sequence[int] = ()) -> int:
    """What temperature 0 takes, without making a distribution of it first. logits: [v]"""
    open_to = logits.numpy().copy()
    open_to[list(forbidden)] = -math.inf
    return int(open_to.argmax())


def write(
    draft: Draft, sampling: Sampling, *, seed: int = 0, longest: int = 200, end: int | None = None, forbidden: Sequence[int] = ()
) -> Iterator[Draft]:
    """The text after every further token, until `longest` were written or the end token was. Stop whenever you like."""
    for _ in range(longest):
        if sampling.temperature == 0 and sampling.repetition == 1:
            token = likeliest(draft.logits, forbidden)
        else:
            last = stages(draft.logits, sampling, draft.ids, forbidden)[-1]
            token = choose(last.probabilities, seed=seed, place=len(draft.ids))
        draft = draft.then(token)
        yield draft
        if draft.ids[-1] == end:
            return


@dataclass(frozen=True, eq=False)
class Beam:
    """One of the likeliest ways on. ids: the tokens after the draft that it began with; total: their log-probability, in nats."""

    ids: Ids
    total: float
    draft: Draft


def beams(draft: Draft, width: int, *, longest: int, end: int | None = None, forbidden: Sequence[int] = ()) -> tuple[Beam, ...]:
    """The `width` likeliest ways on that `longest` tokens, or the end token, lead to; best first. Each step keeps that many texts.

    Raises InputError for a width outside 1 to 64.
    """
    check_range("beam", width, 1, 64)
    alive = [Beam((), 0.0, draft)]
    for _ in range(longest):
        found = [(each.total, each, None) for each in alive if each.ids[-1:] == (end,)]
        for each in (each for each in alive if each.ids[-1:] != (end,)):
            log_p = each.draft.log_probabilities.clone()
            log_p[list(forbidden)] = -math.inf
            best = log_p.topk(min(width, len(log_p)))
            pairs = zip(best.values.tolist(), best.indices.tolist(), strict=True)
            found += [(each.total + p, each, token) for p, token in pairs if p > -math.inf]
        kept = sorted(found, key=lambda one: -one[0])[:width]
        if all(token is None for _, _, token in kept):
            break
        alive = [each if token is None else Beam((*each.ids, token), total, each.draft.then(token)) for total, each, token in kept]
    return tuple(alive)
