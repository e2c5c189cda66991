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
from attnlab.core.trace import Tokens

Values = NDArray[np.float64]
NAMES = tuple(measure.name for measure in ALL)
ON = ("previous", "next", "self", "first", "special", "delimiter", "punctuation", "duplicate", "induction")  # weight on chosen cells


def cells_of(tokens: Tokens, visible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The chosen cells of every measure in ON for one sentence. visible: [q k] -> [m q k]"""
    n = len(tokens)
    own = (measures.beside(n, -1), measures.beside(n, 1), measures.beside(n, 0))
    columns = (tokens.special, measures.delimiters(tokens), measures.punctuation(tokens))
    others = (measures.repeats(tokens), measures.after_repeats(tokens))
    among = [cells & visible for cells in own], [cells & visible for cells in others]
    return np.stack([*among[0], measures.first(n, n), *(measures.columns(n, chosen) for chosen in columns), *among[1]])


@dataclass(frozen=True, eq=False)
class Chosen:
    """What sentences of one length ask of every layer: visible [q k], cells [b m qk] as numbers, rows that have any [b m]."""

    visible: NDArray[np.bool_]
    cells: Tensor
    rows: Tensor

    @classmethod
    def of(cls, tokens: Sequence[Tokens], visible: NDArray[np.bool_] | None = None) -> "Chosen":
        """visible: [q k] for all sentences alike, None: every key. Raises ValueError for sentences of different lengths."""
        if len({len(one) for one in tokens}) != 1:
            raise ValueError(f"sentences of one length are needed; got {[len(one) for one in tokens]}")
        n = len(tokens[0])
        visible = np.ones((n, n), np.bool_) if visible is None else visible
        cells = np.stack([cells_of(one, visible) for one in tokens])  # [b m q k]
        return cls(visible, torch.from_numpy(cells.reshape(*cells.shape[:2], -1)).float(), torch.from_numpy(cells.any(-1).sum(-1)))

    def share(self, weights: Tensor) -> Tensor:
        """`measures.on` for every sentence and measure. [b h q k] -> [b m h], NaN where no row has a cell."""
        total = self.cells @ weights.flatten(2).transpose(1, 2)  # [b m h]
        return torch.where(self.rows[..., None] > 0, total / self.rows[..., None].clamp(min=1), torch.nan)


def effective_rank(weights: Tensor) -> Tensor:
    """exp of the entropy of the singular values, from the eigenvalues of W·Wᵀ in float64. [b h q k] -> [b h]"""
    wide = weights.double()
    values = torch.linalg.eigvalsh(wide @ wide.transpose(2, 3)).clamp(min=0).sqrt()  # [b h q]
    return torch.special.entr(values / values.sum(-1, keepdim=True)).sum(-1).exp()


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


def strongest(ask: Ask, name: str) -> NDArray[np.int64]:
    """The cell that counts most for a measure: of the chosen cells where it has some, else of all. [h 2], query and key."""
    weights: Any = ask.weights
    if name in ON and ask.visible is not None:
        chosen = cells_of(ask.keys, ask.visible)[ON.index(name)]
        weights = np.where(chosen, weights, -1)
    flat = weights.reshape(len(weights), -1).argmax(-1)
    return np.stack(np.divmod(flat, ask.weights.shape[2]), -1)
