"""A model before its training: the same architecture and tokenizer with fresh random weights. `bert@untrained` is one's name."""

import copy
import threading
from typing import Literal

import torch

from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.transformer import Transformer
from attnlab.models.spec import ENDING, Model
from attnlab.untrusted import first_line
from attnlab.words import InputError

SEED = 0

Beginning = Literal["these", "bert", "unsaid"]

_alone = threading.Lock()  # the seed is set on torch's one generator, so only one thread may draw from it here


def untrained(model: Model) -> Model:
    """The model with weights as a seed of 0 draws them; torch's own generator is left as it was.

    In-house: the weights that a training with seed 0 begins with, unless it is given others to begin with (see `beginning`).
    Raises InputError for a model that is untrained already, or whose library cannot make it anew.
    """
    name = model.spec.name + ENDING
    if model.spec.name.endswith(ENDING):
        raise InputError("error.untrained_twice", name=name, model=model.spec.name)
    revision = f"untrained, seed {SEED}, shape of {model.spec.revision}"
    if isinstance(model, InHouse):
        with _alone, torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            module = Transformer(model.module.config, pad=model.pad)
        return InHouse(module, model.tokenizer, name=name, revision=revision, labels=model.labels, source=model.spec.name)
    return _pretrained(model, name, revision)


def _pretrained(model: Model, name: str, revision: str) -> Model:
    """A transformers model as its library begins it."""
    from attnlab.models.pretrained.model import Pretrained, transformers_alone

    if not isinstance(model, Pretrained):
        raise InputError("error.untrained", model=model.spec.name, reason=type(model).__name__)
    with transformers_alone():
        tokenizer = copy.deepcopy(model.tokenizer)
        try:
            with _alone, torch.random.fork_rng(devices=[]):
                torch.manual_seed(SEED)
                module = (
                    type(model.module)
                    ._from_config(copy.deepcopy(model.module.config), dtype=torch.float32, attn_implementation="eager")
                    .to(model.module.device, model.module.dtype)
                )
        except Exception as error:  # whatever a family's own code raises for want of a file or a kernel
            raise InputError("error.untrained", model=model.spec.name, reason=first_line(error)) from error
        return Pretrained(module, tokenizer, name=name, revision=revision, source=model.spec.name)


def beginning(model: Model) -> Beginning:
    """What the training of a model began from: weights like these, layers of the shipped BERT, or unsaid in a stranger's files."""
    if not isinstance(model, InHouse):
        return "unsaid"
    return "bert" if model.module.config.embedding_norm else "these"  # only layers that were taken over have that norm
