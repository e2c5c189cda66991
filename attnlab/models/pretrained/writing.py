"""A transformers decoder that goes on with a text: the same drafts as in-house models', over transformers' own cache."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from attnlab.core.trace import Array, frozen


class Continuing:
    """A model with its output, for `attnlab.models.inhouse.writing.Draft`. start: what its tokenizer begins every text with."""

    def __init__(self, whole: Any, limit: int, start: tuple[int, ...]) -> None:
        self.whole, self.limit, self.start = whole, limit, start

    def read(self, ids: Sequence[int], past: Any = None) -> tuple[Tensor, Any]:
        """Logits of what follows the last of some tokens after a past [v], and the cache that they become; the past stays as it was."""
        given = {"input_ids": torch.tensor([ids], device=self.whole.device), "past_key_values": deepcopy(past)}
        with torch.inference_mode():
            said = self.whole(**given, use_cache=True, return_dict=True)
        return said["logits"][0, -1].float().cpu(), said["past_key_values"]

    def keys(self, past: Any) -> list[Array]:
        """The keys that are kept, layer by layer. Each [h n d]"""
        return [frozen(layer.keys[0].float().cpu().numpy()) for layer in past.layers]
