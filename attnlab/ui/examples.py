"""Sentences on which a head of the shipped BERT does something that can be seen. Chosen by measuring all 72 heads; tests keep them true."""

from collections.abc import Mapping
from dataclasses import dataclass

from attnlab.core.trace import Stack


@dataclass(frozen=True)
class Example:
    """name: of its words in home.toml. query and key: positions of the two tokens whose link is shown."""

    name: str
    text: str
    layer: int
    head: int
    query: int
    key: int


# Where a visitor who asked for no head begins: one whose map can be read at a glance. Any other model begins at L0H0.
FIRST: Mapping[tuple[str, Stack], tuple[int, int]] = {
    ("bert", "encoder"): (0, 2),  # the previous token
    ("sentiment", "encoder"): (0, 2),
    ("translate-fr", "encoder"): (2, 3),  # mostly the previous token
    ("translate-fr", "decoder"): (1, 3),
    ("translate-fr", "cross"): (1, 0),  # the word being translated
    ("translate-zh", "encoder"): (1, 2),
    ("translate-zh", "decoder"): (1, 0),
    ("translate-zh", "cross"): (2, 3),
    ("reverse-sinusoidal", "encoder"): (2, 0),  # the mirror image, in whichever head this model grew it
    ("reverse-learned", "encoder"): (2, 7),
    ("reverse-rotary", "encoder"): (2, 2),
    ("reverse-alibi", "encoder"): (2, 4),
    ("reverse-relative", "encoder"): (2, 1),
}
BROAD: Mapping[tuple[str, Stack], tuple[int, int]] = {
    ("bert", "encoder"): (3, 1),  # where a page changes the weights: a head that looks at several tokens at once
}


def first_look(model: str, stack: Stack, look: str = "plain") -> tuple[int, int]:
    """Layer and head that are shown until somebody chooses. look: "plain", or "broad" for one with more than one key a row."""
    chosen = FIRST.get((model, stack), (0, 0))
    return BROAD.get((model, stack), chosen) if look == "broad" else chosen


EXAMPLES = (
    Example("previous", "The quick brown fox jumps over the lazy dog.", 0, 2, 4, 3),
    Example("pronoun", "The cat sat on the mat because it was tired.", 3, 1, 8, 2),
    Example("subject", "The keys to the old cabinet are on the table.", 3, 1, 7, 2),
    Example("sense", "The doctor said the bank of the river was near the bank.", 0, 4, 12, 8),
)
