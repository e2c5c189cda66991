"""What is shown until somebody chooses: the model, the sentence, and for each stack a head whose map can be read at a glance."""

from collections.abc import Mapping

from attnlab.core.trace import Stack

DEFAULT_MODEL = "bert"
DEFAULT_TEXT = "The cat sat on the mat because it was tired."
# In a language that the default model does not read, another one, and a sentence for it. In an address that names neither, the first
# ones are meant.
MODELS: Mapping[str, str] = {"zh": "fill-zh"}
TEXTS: Mapping[str, str] = {"fill-zh": "他每天早上都去学校上课。", "write-zh": "白日依山尽，黄河入海流。"}

# Where a visitor who asked for no head begins: one whose map can be read at a glance. Any other model begins at L0H0.
FIRST: Mapping[tuple[str, Stack], tuple[int, int]] = {
    ("bert", "encoder"): (3, 1),  # finds the noun: "it" looks at "cat"
    ("sentiment", "encoder"): (0, 2),
    ("fill-en", "encoder"): (0, 2),
    ("fill-zh", "encoder"): (2, 0),
    ("write-en", "decoder"): (3, 1),  # what came after the same piece the last time
    ("write-zh", "decoder"): (2, 1),  # the place of the line before that is being written in this one
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
# Where an address led that names no head, until every address named one: links in the world still do.
BEFORE: Mapping[tuple[str, Stack], tuple[int, int]] = {("bert", "encoder"): (0, 2)}


def first_model(language: str) -> str:
    """The model that a visitor who speaks this language begins with."""
    return MODELS.get(language, DEFAULT_MODEL)


def first_text(model: str) -> str:
    """The sentence that is shown with a model until somebody writes another."""
    return TEXTS.get(model, DEFAULT_TEXT)


def first_look(model: str, stack: Stack) -> tuple[int, int]:
    """Layer and head that are shown until somebody chooses."""
    return FIRST.get((model, stack), (0, 0))


def linked_look(model: str, stack: Stack) -> tuple[int, int]:
    """Layer and head of an address that says something, but not which head."""
    return BEFORE.get((model, stack), first_look(model, stack))
