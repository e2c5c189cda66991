"""What a lesson is made of: steps with prose, one view, and what is asked before the view is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from attnlab.words import say

Kind = Literal["word", "cell", "row", "choice", "number", "order", "head", "bet"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Mistake:
    """What is wrong in a file, and in which line (from 1)."""

    line: int
    key: str
    facts: Mapping[str, object] = field(default_factory=dict)

    def say(self, language: str = "en") -> str:
        return say(self.key, language, **self.facts)


@dataclass(frozen=True)
class Block:
    """A piece of Markdown and the line it begins in."""

    text: str = ""
    line: int = 0

    def __bool__(self) -> bool:
        return bool(self.text.strip())


@dataclass(frozen=True)
class View:
    """One of our own links: the page, what its address says, and the address as it was written."""

    page: str
    query: Mapping[str, str]
    written: str
    line: int


@dataclass(frozen=True)
class Option:
    """One of several. ask: the number that decides, by size; low and high: the range that it stands for, where a choice is by range."""

    text: str
    ask: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Predict:
    """What is asked. Never the answer: that is the model's.

    query: the row that is meant (word, row, bet). ask: the number that is guessed (number, choice by range).
    pick: which option is right, the one with the largest or the smallest number. low and high: the ends of a number's scale.
    second: parameters that make a similar second question of it, "text=..." as in a link; None for none.
    """

    kind: Kind
    question: str
    line: int
    query: str = ""
    ask: str = ""
    options: tuple[Option, ...] = ()
    pick: Literal["largest", "smallest"] = "largest"
    low: float = 0.0
    high: float = 1.0
    second: str | None = None
    second_query: str = ""


@dataclass(frozen=True)
class Step:
    title: str
    prose: Block
    line: int
    view: View | None = None
    predict: Predict | None = None
    explain: Block = Block()
    notes: Block = Block()


@dataclass(frozen=True)
class Lesson:
    """name: of its folder. minutes: how long it takes. models: the ones it needs."""

    name: str
    language: str
    title: str
    minutes: int
    audience: str
    objective: str
    models: tuple[str, ...]
    steps: tuple[Step, ...]
