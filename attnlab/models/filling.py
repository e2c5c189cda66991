"""Words for holes: what a masked-word model would put at a place, and how likely it finds each word of a sentence that is whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from attnlab.core.trace import Array, Tokens, frozen
from attnlab.models.spec import Between
from attnlab.words import InputError

MASK = "[MASK]"
TOGETHER = 2048  # tokens in one pass: each leaves a row as long as the vocabulary


class Masked(Protocol):
    """What a model must offer to fill holes. mask: the id of [MASK], None when it has none."""

    @property
    def mask(self) -> int | None: ...

    def read(self, text: str) -> Tokens:
        """The tokens of a text that is not too long; [MASK] in it is a hole."""

    def show(self, i: int) -> str:
        """A piece by its id, as text that can be read."""

    def predict(self, ids: Tensor) -> Tensor:
        """Log-probabilities of every piece at every place. [b n] -> [b n v]"""


@dataclass(frozen=True)
class Filler:
    """A piece that could stand in a hole. probability: from 0 to 1; rank: 0 for the likeliest."""

    id: int
    piece: str
    probability: float
    rank: int


@dataclass(frozen=True, eq=False)
class Hole:
    """A masked place. place: which token; log_probabilities: of every piece there, in nats [v]."""

    place: int
    log_probabilities: Array


@dataclass(frozen=True, eq=False)
class PseudoLikelihood:
    """A whole sentence, each token asked for with itself hidden. log_probabilities: in nats [n], 0 for special tokens; ranks: [n]."""

    tokens: Tokens
    log_probabilities: Array
    ranks: Array

    @property
    def total(self) -> float:
        """The pseudo-log-likelihood of the sentence, in nats."""
        return float(self.log_probabilities.sum())


def mask_of(model: Masked) -> int:
    """The id of [MASK]. Raises InputError for a model that was not trained to fill holes."""
    if model.mask is None:
        raise InputError("error.no_mask")
    return model.mask


def masked(model: Masked, tokens: Tokens, places: Sequence[int]) -> Tokens:
    """The same tokens with holes. Raises InputError for a place that is not a word's, and where no place is given or there."""
    mask = mask_of(model)
    if any(not 0 <= place < len(tokens) or tokens.special[place] for place in places):
        raise InputError("error.hole", places=", ".join(map(str, places)), last=len(tokens) - 1)
    ids = tuple(mask if i in places else token for i, token in enumerate(tokens.ids))
    pieces = tuple(MASK if i in places else piece for i, piece in enumerate(tokens.pieces))
    return replace(tokens, ids=ids, pieces=pieces)


@torch.inference_mode()
def holes(model: Masked, tokens: Tokens) -> tuple[Hole, ...]:
    """What the model expects at every [MASK] among the tokens, all of them hidden at once. Raises InputError where there is none."""
    mask = mask_of(model)
    places = [i for i, token in enumerate(tokens.ids) if token == mask]
    if not places:
        raise InputError("error.no_hole", mask=MASK)
    said = model.predict(torch.tensor([tokens.ids]))[0]  # [n v]
    return tuple(Hole(place, frozen(said[place].numpy())) for place in places)


def fillers(model: Masked, hole: Hole, *, n: int = 10) -> tuple[Filler, ...]:
    """The n likeliest pieces for a hole, best first."""
    order = np.argsort(-hole.log_probabilities, kind="stable")[:n].tolist()
    return tuple(Filler(i, model.show(i), float(np.exp(hole.log_probabilities[i])), rank) for rank, i in enumerate(order))


def filler(model: Masked, hole: Hole, i: int) -> Filler:
    """One piece with its probability and its rank: the word that really stood there, say."""
    p = hole.log_probabilities
    return Filler(i, model.show(i), float(np.exp(p[i])), int((p > p[i]).sum()))


def hidden_one_by_one(tokens: Tokens, mask: int, *, rest_of_word: bool) -> Iterator[tuple[int, list[int]]]:
    """Every place that is a word's, and the ids with it masked; with rest_of_word the pieces after it in the same word too."""
    for i, special in enumerate(tokens.special):
        if not special:
            gone = {j for j, word in enumerate(tokens.words) if j >= i and word == tokens.words[i]} if rest_of_word else {i}
            yield i, [mask if j in gone else token for j, token in enumerate(tokens.ids)]


def pseudo_likelihood(model: Masked, text: str, *, rest_of_word: bool = False) -> PseudoLikelihood:
    """How likely each token is when it alone is hidden. Source: Salazar et al. (2020).

    rest_of_word hides what follows in the same word too, so that a rare word in many pieces does not give itself away
    (Kauf & Ivanova 2023).
    """
    return likelihood_of(model, model.read(text), rest_of_word=rest_of_word)


@torch.inference_mode()
def likelihood_of(model: Masked, tokens: Tokens, *, rest_of_word: bool = False, between: Between = lambda share: None) -> PseudoLikelihood:
    """The same of tokens. between: called after each batch."""
    rows = list(hidden_one_by_one(tokens, mask_of(model), rest_of_word=rest_of_word))
    log_p, ranks = np.zeros(len(tokens)), np.zeros(len(tokens), dtype=int)
    step = max(1, TOGETHER // len(tokens))
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        said = model.predict(torch.tensor([ids for _, ids in some]))  # [b n v]
        for row, (place, _) in zip(said, some, strict=True):
            right = row[place, tokens.ids[place]]
            log_p[place], ranks[place] = float(right), int((row[place] > right).sum())
        between(min(1.0, (start + step) / len(rows)))
    return PseudoLikelihood(tokens, frozen(log_p), frozen(ranks))
