"""Every measure of many sentences of one length at once, in torch: the second route to the numbers of `measures`.

weights: [b h q k], rows sum to 1; queries and keys are the same text. What is the same for every layer is made once (`Chosen`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attnlab.core import measures
from attnlab.core.measures import ALL, Ask
from attnlab.core.trace import Array, Tokens

Values = NDArray[np.float64]
NAMES = tuple(measure.name for measure in ALL)
FAR = 8  # tokens: each distance up to this one has its own mean weight, further ones share one
DISTANCES = 2 * FAR + 3  # from "more than FAR back" to "more than FAR ahead"
ON = ("previous", "next", "self", "first", "special", "delimiter", "punctuation", "duplicate", "induction")  # weight on chosen cells


def cells_of(tokens: Tokens, visible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The chosen cells of every measure in ON for one sentence. visible: [q k] -> [m q k]"""
    n = len(tokens)
    own = (measures.beside(n, -1), measures.beside(n, 1), measures.beside(n, 0))
    columns = (tokens.special, measures.delimiters(tokens), measures.punctuation(tokens))
    others = (measures.repeats(tokens), measures.after_repeats(tokens))
    among = [cells & visible for cells in own], [cells & visible for cells in others]
    return np.stack([*among[0], measures.first(n, n), *(measures.columns(n, chosen) for chosen in columns), *among[1]])


def real_links(queries: Tokens, keys: Tokens) -> NDArray[np.bool_]:
    """The links between tokens that are not special. [q k]"""
    return np.logical_and.outer(~np.array(queries.special, np.bool_), ~np.array(keys.special, np.bool_))


@dataclass(frozen=True, eq=False)
class Chosen:
    """What sentences of one length ask of every layer: visible [q k], cells [b m qk] as numbers, rows that have any [b m].

    real: the visible links between tokens that are not special [b q k].
    """

    visible: NDArray[np.bool_]
    cells: Tensor
    rows: Tensor
    real: NDArray[np.bool_]

    @classmethod
    def of(cls, tokens: Sequence[Tokens], visible: NDArray[np.bool_] | None = None) -> "Chosen":
        """visible: [q k] for all sentences alike, None: every key. Raises ValueError for sentences of different lengths."""
        if len({len(one) for one in tokens}) != 1:
            raise ValueError(f"sentences of one length are needed; got {[len(one) for one in tokens]}")
        n = len(tokens[0])
        visible = np.ones((n, n), np.bool_) if visible is None else visible
        cells = np.stack([cells_of(one, visible) for one in tokens])  # [b m q k]
        flat = torch.from_numpy(cells.reshape(*cells.shape[:2], -1)).float()
        return cls(visible, flat, torch.from_numpy(cells.any(-1).sum(-1)), np.stack([real_links(one, one) & visible for one in tokens]))

    def share(self, weights: Tensor) -> Tensor:
        """`measures.on` for every sentence and measure. [b h q k] -> [b m h], NaN where no row has a cell."""
        total = self.cells @ weights.flatten(2).transpose(1, 2)  # [b m h]
        return torch.where(self.rows[..., None] > 0, total / self.rows[..., None].clamp(min=1), torch.nan)


def effective_rank(weights: Tensor) -> Tensor:
    """exp of the entropy of the singular values, from the eigenvalues of W·Wᵀ in float64. [b h q k] -> [b h]"""
    wide = weights.double()
    values = torch.linalg.eigvalsh(wide @ wide.transpose(2, 3)).clamp(min=0).sqrt()  # [b h q]
    return torch.special.entr(values / values.sum(-1, keepdim=True)).sum(-1).exp()


def distance_of(query: NDArray[Any], key: NDArray[Any]) -> NDArray[np.int64]:
    """Which of the DISTANCES a link is at: FAR + 1 is the token itself, FAR the one before."""
    return np.clip(key - query, -FAR - 1, FAR + 1) + FAR + 1


def by_distance(weights: Tensor, cells: NDArray[np.bool_]) -> Values:
    """How many cells lie at each distance, and the weight on them. weights: [b h q k], cells: [b q k] that count -> [b 2 D h]."""
    _, h, n_q, n_k = weights.shape
    at = distance_of(np.arange(n_q)[:, None], np.arange(n_k))
    which = torch.from_numpy(at.ravel() == np.arange(DISTANCES)[:, None]).to(weights)  # [D qk]
    real = torch.from_numpy(cells).to(weights)
    total = which @ (weights * real[:, None]).flatten(2).transpose(1, 2)  # [b D h]
    count = (which @ real.flatten(1)[..., None]).expand(-1, -1, h)
    return torch.stack((count, total), 1).double().numpy()


def measured_batch(weights: Tensor, chosen: Chosen) -> Values:
    """Every measure, in the order of NAMES, of one layer. weights: [b h q k] float32 -> [b m h], NaN: no answer.

    Raises ValueError when the weights are of other sentences.
    """
    b, n = chosen.cells.shape[0], len(chosen.visible)
    if weights.shape[0] != b or weights.shape[2:] != (n, n):
        raise ValueError(f"weights are {tuple(weights.shape)} but there are {b} sentences of {n} tokens")
    rows = torch.special.entr(weights).sum(-1)  # [b h q]
    keys = torch.from_numpy(chosen.visible.sum(-1))  # [q]
    many = keys > 1
    gap = torch.from_numpy(np.abs(np.arange(n)[:, None] - np.arange(n))).to(weights)
    found: dict[str, Tensor] = {
        "entropy": rows.mean(-1),
        "evenness": torch.where(many, rows / keys.clamp(min=2).log(), 0).sum(-1) / many.sum().clamp(min=1),
        "distance": (weights * gap).sum((2, 3)) / n,
        "symmetry": (weights * weights.transpose(2, 3)).sum((2, 3)) / weights.square().sum((2, 3)),
        "rank": effective_rank(weights),
        "confidence": weights.amax(-1).mean(-1),
    }
    share = chosen.share(weights)  # [b m h]
    found |= {name: share[:, i] for i, name in enumerate(ON)}
    return torch.stack([found[name] for name in NAMES], 1).double().numpy()


def chosen_cells(ask: Ask, *, own: bool) -> dict[str, NDArray[np.bool_]]:
    """The chosen cells of every measure that has some. own: queries and keys are the same text. Each [q k]."""
    n_q, n_k = ask.weights.shape[1:]
    if own and ask.visible is not None:
        return dict(zip(ON, cells_of(ask.keys, ask.visible), strict=True))
    columns = {"special": ask.keys.special, "delimiter": measures.delimiters(ask.keys), "punctuation": measures.punctuation(ask.keys)}
    return {"first": measures.first(n_q, n_k)} | {name: measures.columns(n_q, chosen) for name, chosen in columns.items()}


def strongest_cell(weights: Array, name: str, cells: NDArray[np.bool_] | None) -> tuple[int, int]:
    """The cell that counts most for a measure, query and key. weights: [q k]; cells: those that the measure chooses, None for all.

    Of a measure of rows (entropy, evenness) the row that has most of it.
    """
    n_q, n_k = weights.shape
    if name in ("entropy", "evenness"):
        row = int((-(weights * np.log(np.where(weights > 0, weights, 1)))).sum(-1).argmax())
        return row, int(weights[row].argmax())
    counts: Any = weights if cells is None else np.where(cells, weights, -1)
    if name == "distance":
        counts = weights * np.abs(np.arange(n_q)[:, None] - np.arange(n_k))
    elif name == "symmetry" and n_q == n_k:
        counts = weights * weights.T
    query, key = np.unravel_index(int(counts.argmax()), counts.shape)
    return int(query), int(key)
