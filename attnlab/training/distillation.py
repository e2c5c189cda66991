"""A small student that learns what a teacher says and where its last layer looks, instead of what stands in the text.

Source: Hinton et al. (2015) for the outputs, softened by a temperature; Wang et al. (2020), MiniLM, for the rows of the last layer.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attnlab.models.inhouse.transformer import Transformer
from attnlab.models.recorder import recording, scores_of, softmax_of
from attnlab.training.data import Batch

LEAST = 1e-9  # a weight that is hidden adds nothing


@dataclass(frozen=True, eq=False)
class Teacher:
    """A trained model, and the temperature at which its outputs are learned."""

    module: Transformer
    temperature: float = 2.0

    def loss(self, student: nn.Module, batch: Batch) -> Tensor:
        """T² KL of the outputs where something is wanted, and KL of every row of the last layer, summed over tokens. []"""
        x, rows = hidden_and_rows(student, batch)
        with torch.no_grad():
            y, wanted = hidden_and_rows(self.module, batch)
        asked = (batch.wanted >= 0).view(x.shape[:2])  # [b n]
        said, right = (side.out(h[asked]).float() / self.temperature for side, h in ((student, x), (self.module, y)))  # type: ignore[operator]
        outputs = divergence(right.softmax(-1), said.softmax(-1)).sum() * self.temperature**2
        return outputs + divergence(wanted, rows).mean(1)[asked].sum()  # rows: [b h n] -> [b n]

    @torch.no_grad()
    def distance(self, student: nn.Module, batch: Batch) -> Tensor:
        """Jensen-Shannon distance of the rows of both last layers, mean of the heads, summed over tokens. 0 to 1 each. []"""
        (_, rows), (_, wanted) = hidden_and_rows(student, batch), hidden_and_rows(self.module, batch)
        middle = (rows + wanted) / 2
        bits = (divergence(rows, middle) + divergence(wanted, middle)) / 2 / torch.log(torch.tensor(2.0))  # [b h n]
        return bits.clamp(min=0).sqrt().mean(1)[(batch.wanted >= 0).view(rows.shape[0], -1)].sum()


def hidden_and_rows(module: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """What the output reads [b n d], and the mean of the last layer's weights over its heads, of which two models may have other numbers.
    [b 1 q k]"""
    with recording() as recorder:
        x = module.hidden(batch.source, batch.target)  # type: ignore[operator]
    call = recorder.calls[-1]
    return x, softmax_of(call, scores_of(call).float()).mean(1, keepdim=True)


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """KL(p ‖ q) of rows, in nats. [.. k] -> [..]"""
    return (p * ((p + LEAST).log() - (q + LEAST).log())).sum(-1)
