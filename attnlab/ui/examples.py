"""Sentences on which a head of a shipped model does something that can be seen. Chosen by measuring every head; tests keep them true."""

from dataclasses import dataclass

from attnlab.models.first_look import DEFAULT_MODEL, first_model


@dataclass(frozen=True)
class Example:
    """name: of its words in home.toml. query and key: positions of the two tokens whose link is shown."""

    name: str
    text: str
    layer: int
    head: int
    query: int
    key: int
    model: str = DEFAULT_MODEL


EXAMPLES = (
    Example("previous", "The quick brown fox jumps over the lazy dog.", 0, 2, 4, 3),
    Example("pronoun", "The cat sat on the mat because it was tired.", 3, 1, 8, 2),
    Example("subject", "The keys to the old cabinet are on the table.", 3, 1, 7, 2),
    Example("sense", "The doctor said the bank of the river was near the bank.", 0, 4, 12, 8),
    Example("before", "那只猫坐在垫子上，因为它累了。", 2, 0, 3, 2, "fill-zh"),
    Example("end", "春天来了，花开了，鸟也来了。", 2, 3, 5, 14, "fill-zh"),
    Example("question", "老师问学生：你知道答案吗？", 2, 3, 9, 12, "fill-zh"),
    Example("why", "她说她明天不来了，因为她病了。", 1, 0, 10, 13, "fill-zh"),
)


def examples_of(language: str) -> tuple[Example, ...]:
    """The sentences for those who speak this language: of the model that they begin with."""
    model = first_model(language)
    return tuple(each for each in EXAMPLES if each.model == model) or tuple(each for each in EXAMPLES if each.model == DEFAULT_MODEL)


def example_cell(model: str, text: str, layer: int, head: int) -> tuple[int, int] | None:
    """The link that an example is about, where its own head of its own sentence is on screen."""
    found = (each for each in EXAMPLES if (each.model, each.text, each.layer, each.head) == (model, text, layer, head))
    return next(((each.query, each.key) for each in found), None)
