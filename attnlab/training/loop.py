"""The training loop: a generator of progress events that knows no screen. Same seed, same weights, also across a resume."""

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from attnlab.models.inhouse.transformer import Transformer
from attnlab.training.data import Batch
from attnlab.training.distillation import Teacher
from attnlab.training.loss import cross_entropy
from attnlab.training.muon import Muon
from attnlab.words import InputError

Schedule = Literal["inverse_sqrt", "linear", "cosine"]
Precision = Literal["float32", "bfloat16"]
Optimizer = Literal["adam", "muon"]
Scores = Mapping[str, float]
POOLING = "pool.query"
LAYERS = ("encoder.", "decoder.")
MOST = {"rate": 10, "warmup": 10**9, "smoothing": 0.99, "clip": 10**9, "patience": 10**9, "decay": 10, "pool_rate": 1000}


@dataclass(frozen=True)
class Recipe:
    """How to train. rate: the highest learning rate; batch: padded tokens of one micro-batch; accumulate: micro-batches a step;

    average: how many of the last validated states are averaged into the result; patience: validations without a better score
    before stopping early (0: never). pool_rate: how many times faster the query of attention pooling learns: it begins at 0, where all
    tokens count the same, and at the rate of everything else it hardly leaves. optimizer: muon moves the matrices of the layers at
    matrix_rate and leaves the rest to Adam.
    """

    steps: int = 2000
    rate: float = 1e-3
    warmup: int = 400
    schedule: Schedule = "linear"
    batch: int = 2000
    accumulate: int = 1
    smoothing: float = 0.1
    clip: float = 1.0
    precision: Precision = "bfloat16"
    seed: int = 0
    validate_every: int = 500
    patience: int = 0
    average: int = 1
    decay: float = 0.0
    pool_rate: float = 1.0
    optimizer: Optimizer = "adam"
    matrix_rate: float = 0.02

    def __post_init__(self) -> None:
        for name, possible in (
            ("schedule", get_args(Schedule)),
            ("precision", get_args(Precision)),
            ("optimizer", get_args(Optimizer)),
        ):
            if getattr(self, name) not in possible:
                raise InputError("error.choice", name=name, given=getattr(self, name), known=", ".join(possible))
        for name in ("steps", "batch", "accumulate", "validate_every", "average"):
            if getattr(self, name) < 1:
                raise InputError("error.at_least", name=name, given=getattr(self, name), least=1)
        for name, most in MOST.items():
            if not 0 <= getattr(self, name) <= most:  # nan is no number of any range
                raise InputError("error.range", option=name, given=getattr(self, name), low=0, high=most)

    def rate_at(self, step: int) -> float:
        """The learning rate of a step (from 0): up in a line, then down by the schedule."""
        return self.rate * self.share_at(step)

    def share_at(self, step: int) -> float:
        """The same as a share of the highest rate."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        if self.schedule == "linear":
            return max(0.0, 1 - done)
        if self.schedule == "cosine":
            return (1 + math.cos(math.pi * min(1.0, done))) / 2
        return math.sqrt(max(1, self.warmup) / (step + 1))


@dataclass(frozen=True)
class Progress:
    """One step done. loss: mean per wanted token of this step; scores: only on steps that were validated, better says best so far."""

    step: int
    steps: int
    loss: float
    rate: float
    tokens_per_second: float
    seconds_left: float
    scores: Scores = field(default_factory=dict)
    better: bool = False


class Trainer:
    """A model being trained. Weights are kept in float32 (`masters`) whatever precision the arithmetic has.

    better: the name of the score to be raised, or lowered when it starts with "-".
    """

    def __init__(self, module: Transformer, recipe: Recipe, *, better: str = "-loss", still: Collection[str] = ()) -> None:
        """still: names of weights that do not learn."""
        self.recipe, self.better = recipe, better
        self.names = [name for name, _ in module.named_parameters()]
        self.masters = [p.detach().float().clone() for p in module.parameters()]
        self.module = module.to(getattr(torch, recipe.precision))
        self.parameters = list(self.module.parameters())
        self.still = frozenset(still)
        for name, parameter in zip(self.names, self.parameters, strict=True):
            parameter.requires_grad_(name not in self.still)
        named = list(zip(self.names, self.masters, strict=True))
        learning = [(name, m) for name, m in named if name not in self.still]
        self.muon = Muon({name: m for name, m in learning if recipe.optimizer == "muon" and m.dim() == 2 and name.startswith(LAYERS)})
        rest = [(name, m) for name, m in learning if name not in self.muon.matrices]
        groups = [{"params": some} for wanted in (False, True) if (some := [m for name, m in rest if (name == POOLING) is wanted])]
        betas = (0.9, 0.98) if recipe.optimizer == "adam" else (0.9, 0.95)
        self.adam = torch.optim.Adam(groups, betas=betas, eps=1e-9, weight_decay=recipe.decay, fused=True)
        self.silent: list[tuple[str, slice]] = []  # columns of a matrix that stay 0: the way out of heads that are knocked out
        self.teacher: Teacher | None = None
        self.step, self.best, self.waited = 0, -math.inf, 0
        self.history: list[dict[str, float]] = []
        self.kept: list[tuple[int, list[Tensor]]] = []

    def run(
        self, batches: Iterator[Batch], validate: Callable[[nn.Module], Scores] | None = None, *, steps: int | None = None
    ) -> Iterator[Progress]:
        """Train until the recipe's (or the given number of) steps are done, yielding after each one.

        batches must begin at batch step · accumulate. Raises InputError when the loss is no longer finite.
        """
        recipe, began, tokens, first = self.recipe, time.monotonic(), 0, self.step
        last = recipe.steps if steps is None else min(recipe.steps, self.step + steps)
        while self.step < last:
            micro = list(islice(batches, recipe.accumulate))
            self.module.train()
            loss = self.update(micro)
            tokens += sum(batch.tokens for batch in micro)
            rate = recipe.rate_at(self.step)
            self.step += 1
            seconds = time.monotonic() - began
            scores: Scores = {}
            better = False
            if validate is not None and (self.step % recipe.validate_every == 0 or self.step == recipe.steps):
                scores, better = self.validated(validate)
            self.history.append({"step": self.step, "loss": loss, "rate": rate, **scores})
            left = (recipe.steps - self.step) * seconds / (self.step - first)
            yield Progress(self.step, recipe.steps, loss, rate, tokens / seconds, left, scores, better)
            if recipe.patience and self.waited >= recipe.patience:
                return

    def update(self, micro: Sequence[Batch]) -> float:
        """One optimiser step over micro-batches, weighted by tokens so that they count as one batch. Returns the loss per token."""
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.step)  # dropout is the same whenever this step is run
        total, tokens = 0.0, sum(batch.tokens for batch in micro)
        device = self.parameters[0].device
        for batch in micro:
            target = None if batch.target is None else batch.target.to(device)
            if self.teacher is not None:
                loss = self.teacher.loss(self.module, batch) / tokens
            else:
                x = self.module.hidden(batch.source.to(device), target)
                loss = cross_entropy(x, self.module.out, batch.wanted.to(device), smoothing=self.recipe.smoothing) / tokens
            loss.backward()
            total += float(loss.detach())
        if not math.isfinite(total):
            raise InputError("error.diverged", loss=total, step=self.step + 1)
        for name, master, parameter in zip(self.names, self.masters, self.parameters, strict=True):
            if name in self.still:
                parameter.grad = None
                continue
            master.grad = torch.zeros_like(master) if parameter.grad is None else parameter.grad.float()
            parameter.grad = None
        if self.recipe.clip:
            nn.utils.clip_grad_norm_(self.masters, self.recipe.clip)
        for group, times in zip(self.adam.param_groups, (1.0, self.recipe.pool_rate), strict=False):
            group["lr"] = self.recipe.rate_at(self.step) * times
        self.adam.step()
        self.muon.step(self.recipe.matrix_rate * self.recipe.share_at(self.step))
        self.silence()
        return total

    @torch.no_grad()
    def silence(self) -> None:
        """Let knocked-out heads write nothing, and the model compute with the weights as they are now."""
        for name, columns in self.silent:
            self.masters[self.names.index(name)][:, columns] = 0
        self.put(self.masters)

    @torch.no_grad()
    def put(self, weights: Sequence[Tensor]) -> None:
        """Let the model compute with these weights."""
        for weight, parameter in zip(weights, self.parameters, strict=True):
            parameter.copy_(weight)

    def validated(self, validate: Callable[[nn.Module], Scores]) -> tuple[Scores, bool]:
        """The scores now, and whether they are the best so far; the state joins those that will be averaged."""
        if self.recipe.average > 1:
            self.kept = [*self.kept, (self.step, [m.clone() for m in self.masters])][-self.recipe.average :]
        self.module.eval()
        with torch.no_grad():
            scores = dict(validate(self.module))
        value = -scores[self.better[1:]] if self.better.startswith("-") else scores[self.better]
        better = value > self.best
        self.best, self.waited = (value, 0) if better else (self.best, self.waited + 1)
        return scores, better

    def result(self) -> dict[str, Tensor]:
        """The weights to be kept: the last ones, or the mean of the last `average` validated states."""
        states = [state for _, state in self.kept] or [self.masters]
        return {name: torch.stack([s[i] for s in states]).mean(0) for i, name in enumerate(self.names)}
