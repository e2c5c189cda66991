"""Cross-entropy straight from hidden states: the logits of a large vocabulary never exist all at once."""

from typing import Any

import torch
from torch import Tensor

CHUNK = 256


class _LinearCrossEntropy(torch.autograd.Function):
    """Sum over positions of (1 - s)·(-log p[wanted]) + s·mean over the vocabulary of -log p. Gradients are made on the way."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, wanted: Tensor, smoothing: float) -> Tensor:
        """x: [n d], weight: [v d], bias: [v], wanted: [n] -> []"""
        total, size = torch.zeros((), dtype=torch.float32), weight.shape[0]
        grad_x = torch.empty_like(x)
        grad_weight = torch.zeros(weight.shape, dtype=torch.float32)
        grad_bias = torch.zeros(size, dtype=torch.float32)
        for begin in range(0, x.shape[0], CHUNK):
            part, goal = x[begin : begin + CHUNK], wanted[begin : begin + CHUNK, None]
            logits = torch.nn.functional.linear(part, weight, bias).float()  # [c v]
            norm = logits.logsumexp(-1, keepdim=True)  # [c 1]
            hit = logits.gather(1, goal)
            total += (norm - (1 - smoothing) * hit).sum()
            if smoothing:
                total -= smoothing * logits.mean(-1).sum()
            grad = logits.sub_(norm).exp_()  # softmax [c v]
            grad -= smoothing / size
            grad.scatter_add_(1, goal, torch.full_like(hit, smoothing - 1))
            grad_bias += grad.sum(0)
            grad = grad.to(x.dtype)
            grad_x[begin : begin + CHUNK] = grad @ weight
            grad_weight += grad.T @ part
        ctx.save_for_backward(grad_x, grad_weight.to(weight.dtype), grad_bias.to(weight.dtype))
        ctx.has_bias = bias is not None
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad_x, grad_weight, grad_bias = ctx.saved_tensors
        scale = grads[0]
        return (
            grad_x * scale.to(grad_x),
            grad_weight * scale.to(grad_weight),
            grad_bias * scale.to(grad_bias) if ctx.has_bias else None,
            None,
            None,
        )


def cross_entropy(x: Tensor, out: torch.nn.Linear, wanted: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """The summed loss of hidden states x [.. d] under the linear map `out`; positions wanted as -1 do not count."""
    x, wanted = x.reshape(-1, x.shape[-1]), wanted.reshape(-1)
    keep = wanted >= 0
    return _LinearCrossEntropy.apply(x[keep], out.weight, out.bias, wanted[keep], smoothing)
