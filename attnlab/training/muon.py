"""Muon: matrices are moved by the nearest orthogonal matrix to their momentum, so that no direction is learned much faster than another.

Source: Jordan et al. (2024). On small texts it needs about half the steps that Adam does.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

MOMENTUM = 0.95
COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic whose repetition brings all singular values near 1


def orthogonalized(matrices: Tensor, *, times: int = 5) -> Tensor:
    """Matrices with the same singular vectors and singular values near 1 (0.7 to 1.2). [m a b] -> [m a b], in bfloat16 on the way."""
    a, b, c = COEFFICIENTS
    x = matrices.bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    turned = x.shape[-2] > x.shape[-1]
    x = x.mT if turned else x
    for _ in range(times):
        square = x @ x.mT  # [m a a]
        x = a * x + (b * square + c * square @ square) @ x
    return (x.mT if turned else x).to(matrices)


class Muon:
    """Moves the matrices that it was given; everything else is Adam's. momentum: by name, kept in checkpoints."""

    def __init__(self, matrices: Mapping[str, Tensor]) -> None:
        self.matrices = dict(matrices)
        self.momentum = {name: torch.zeros_like(matrix) for name, matrix in self.matrices.items()}

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step by the matrices' gradients, those of one shape together."""
        by_shape: dict[torch.Size, list[str]] = {}
        for name, matrix in self.matrices.items():
            assert matrix.grad is not None
            self.momentum[name].lerp_(matrix.grad, 1 - MOMENTUM)
            by_shape.setdefault(matrix.shape, []).append(name)
        for shape, names in by_shape.items():
            self._move(names, rate * max(1.0, shape[0] / shape[1]) ** 0.5)

    def _move(self, names: Sequence[str], rate: float) -> None:
        ahead = [self.matrices[name].grad.lerp(self.momentum[name], MOMENTUM) for name in names]  # type: ignore[union-attr]
        for name, direction in zip(names, orthogonalized(torch.stack(ahead)), strict=True):
            self.matrices[name].add_(direction, alpha=-rate)
