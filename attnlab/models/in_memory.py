"""A transformers model that somebody already has in memory: the same traces, and nothing of the model itself is touched."""

import copy
from pathlib import Path
from typing import Any

from torch import nn

from attnlab.models.pretrained.model import Pretrained, transformers_alone


def record(model: Any, tokenizer: Any, *, name: str | None = None) -> Pretrained:
    """A model of transformers as attnlab sees one, with `trace(text)`: q, k and v included.

    It shares the weights of `model` where they lie in the processor's memory, so a training that goes on in place is seen; of a model
    on an accelerator it holds a copy. Mode, gradients, device and attention functions of `model`, and its tokenizer, stay as they are.
    name: what the traces call it. Raises InputError for a family that would be misread.
    """
    with transformers_alone():
        return Pretrained(twin(model), copy.deepcopy(tokenizer), name=name or name_of(model), revision="memory", source="memory")


def twin(model: nn.Module) -> nn.Module:
    """The same modules over the same numbers, for flags of their own."""
    shared: dict[int, Any] = {id(each): nn.Parameter(each.detach().cpu(), requires_grad=False) for each in model.parameters()}
    shared |= {id(each): each.detach().cpu() for each in model.buffers()}
    return copy.deepcopy(model, shared)


def name_of(model: Any) -> str:
    """What it was loaded from, of a folder its own name only, else its class."""
    given = str(getattr(model.config, "name_or_path", "") or type(model).__name__)
    return Path(given).name if Path(given).is_dir() else given
