"""A decoder that goes on with a text one token at a time, where every choice can be looked at, taken back and made again.

logits -> `stages` (what each setting removes, and how the rest grows) -> `choose` (the likeliest, or one drawn) -> `Draft.then`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from attnlab.models.inhouse.decoding import Ids, check_range
from attnlab.models.inhouse.sampling import keep_best, keep_mass, keep_share
from attnlab.models.inhouse.transformer import Both, Cache, Transformer

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
    """The distribution after one setting. probabilities: [v], sum 1; removed: ids that were possible before it and are not now."""

    name: StageName
    probabilities: Tensor
    removed: Ids = ()


@dataclass(frozen=True, eq=False)
class Draft:
    """A text so far, with the keys and values that it left behind.

    Going on makes another draft and leaves this one as it is, so that several ways on can be kept side by side.
    ids: all of it, start token first; logits: of what comes next [v]; n_read: how many of the last ids the model has in sight (a
    text longer than its window is read again from its middle); computed: how many tokens were put through the model for this step.
    """

    module: Transformer
    ids: Ids
    logits: Tensor
    caches: list[Both]
    n_read: int
    computed: int

    @property
    def log_probabilities(self) -> Tensor:
        """[v]"""
        return self.logits.log_softmax(-1)

    @property
    def read(self) -> Ids:
        """What the model has in sight: the start token and the last ids after it."""
        return (self.ids[0], *self.ids[len(self.ids) - self.n_read + 1 :])

    @torch.inference_mode()
    def then(self, token: int) -> "Draft":
        """The text with one more token. Only that token is computed, unless the window is full."""
        if self.n_read >= self.module.config.max_tokens:
            return begin(self.module, (*self.ids, token))
        caches = [(replace(own), replace(other)) for own, other in self.caches]
        logits = predict(self.module, (token,), caches)
        return Draft(self.module, (*self.ids, token), logits, caches, self.n_read + 1, 1)


def predict(module: Transformer, ids: Sequence[int], caches: list[Both]) -> Tensor:
    """Logits of what follows the last of some new tokens; their keys and values join the caches. [v]"""
    x = module.decode(torch.tensor([ids]), caches=caches)  # [1 n d]
    return module.out(x[0, -1]).float()


@torch.inference_mode()
def begin(module: Transformer, ids: Sequence[int]) -> Draft:
    """A draft that starts with these ids (start token first); of a text longer than the window only its last half window is read."""
    limit = module.config.max_tokens
    read = tuple(ids) if len(ids) <= limit else (ids[0], *ids[len(ids) - limit // 2 + 1 :])
    caches = [(Cache(), Cache()) for _ in module.decoder]
    return Draft(module, tuple(ids), predict(module, read, caches), caches, len(read), len(read))


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
        gone = (found[-1].probabilities > 0) & (p == 0)
        found.append(Stage(name, p, tuple(gone.nonzero()[:, 0].tolist())))

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


def write(
    draft: Draft, sampling: Sampling, *, seed: int = 0, longest: int = 200, end: int | None = None, forbidden: Sequence[int] = ()
) -> Iterator[Draft]:
    """The text after every further token, until `longest` were written or the end token was. Stop whenever you like."""
    for _ in range(longest):
        last = stages(draft.logits, sampling, draft.ids, forbidden)[-1]
        draft = draft.then(choose(last.probabilities, seed=seed, place=len(draft.ids)))
        yield draft
        if draft.ids[-1] == end:
            return
