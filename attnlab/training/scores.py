"""How good a model is: BLEU and chrF by sacrebleu, perplexity, accuracy and figures per class."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attnlab.training.data import Row


@dataclass(frozen=True)
class Score:
    """A number with the signature that says exactly how it was computed."""

    name: str
    value: float
    signature: str


def grouped(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Every source once, with all its references, in order of appearance."""
    references: dict[str, list[str]] = {}
    for source, reference in rows:
        references.setdefault(source, []).append(reference)
    return references


def streams(references: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """References per sentence -> sacrebleu's streams, None where a sentence has fewer than another."""
    most = max(len(r) for r in references)
    return [[r[i] if i < len(r) else None for r in references] for i in range(most)]


def translation_scores(hypotheses: Sequence[str], references: Sequence[Sequence[str]], *, tokenize: str = "13a") -> list[Score]:
    """BLEU and chrF of a corpus. references: one or more per hypothesis."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    refs: Any = streams(references)
    metrics: tuple[Any, ...] = (BLEU(tokenize=tokenize), CHRF())
    found = []
    for metric in metrics:
        score = metric.corpus_score(list(hypotheses), refs)
        found.append(Score(score.name, float(score.score), str(metric.get_signature())))
    return found


def sentence_scores(hypothesis: str, reference: str, *, tokenize: str = "13a") -> list[Score]:
    """BLEU and chrF of one sentence. BLEU counts only the orders that so short a text has (effective order)."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    metrics: tuple[Any, ...] = (BLEU(tokenize=tokenize, effective_order=True), CHRF())
    found = [(metric, metric.sentence_score(hypothesis, [reference])) for metric in metrics]
    return [Score(str(score.name), float(score.score), str(metric.get_signature())) for metric, score in found]


def perplexity(loss: float) -> float:
    """exp of the mean negative log-probability per token; infinite rather than an overflow."""
    return math.exp(loss) if loss < 700 else math.inf


@dataclass(frozen=True)
class ClassScore:
    """One class against the rest. Source: van Rijsbergen (1979) for F1. Each from 0 to 1; count: how many there really are."""

    precision: float
    recall: float
    f1: float
    count: int


def accuracy(said: Sequence[object], right: Sequence[object]) -> float:
    """The share of equal entries. Raises ValueError for different lengths or none."""
    if len(said) != len(right) or not right:
        raise ValueError(f"{len(said)} answers for {len(right)} questions")
    return sum(a == b for a, b in zip(said, right, strict=True)) / len(right)


def class_scores(said: Sequence[str], right: Sequence[str]) -> Mapping[str, ClassScore]:
    """Precision, recall and F1 of every class; 0 where a share has nothing to be a share of."""
    found = {}
    for label in sorted({*said, *right}):
        hits = sum(a == b == label for a, b in zip(said, right, strict=True))
        claimed, real = list(said).count(label), list(right).count(label)
        precision, recall = hits / claimed if claimed else 0.0, hits / real if real else 0.0
        f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
        found[label] = ClassScore(precision, recall, f1, real)
    return found
