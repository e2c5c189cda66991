"""What a model says, in a few lines for every kind of model: words with their probabilities, labels, letters, or a likeness."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from attnlab.core.trace import Trace
from attnlab.models.ledgers import last_vectors, show
from attnlab.models.spec import Model

TOP = 5  # next words that are listed


@dataclass(frozen=True)
class Answer:
    """One line. says: a label, a word, a whole translation; value: its probability, or the cosine to the model's own run."""

    says: str
    value: float


def answers(model: Model, trace: Trace, clean: Trace) -> tuple[Answer, ...]:
    """What the model says in this run. clean: the run without edits, that a sentence vector is compared with."""
    kind, inside = model.spec.task, model
    if "logits" not in trace.outputs:
        a, b = (last_vectors(model, one).astype(np.float64).mean(0) for one in (trace, clean))
        return (Answer("cosine", float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))),)
    p = _softmax(trace.outputs["logits"])
    if kind == "classify":
        labels: Any = inside.labels  # type: ignore[attr-defined]
        return tuple(Answer(label, float(share)) for label, share in zip(labels, p, strict=True))
    if kind == "translate":
        said = [*trace.target.ids[1:]] if trace.target is not None else []
        steps = [float(p[i, token]) for i, token in enumerate(said)]
        return (Answer(trace.target_text or "", float(np.prod(steps)) if steps else 1.0),)
    if kind == "generate":
        return tuple(Answer(show(model, int(i)), float(p[-1, i])) for i in np.argsort(-p[-1])[:TOP])
    best = p.argmax(-1)
    return tuple(Answer(show(model, int(i)), float(row[i])) for i, row in zip(best, p, strict=True))


def _softmax(logits: Any) -> Any:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)
