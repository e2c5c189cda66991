"""A room: one state with a version, changed by its owner alone. Followers get the state, never the history."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from attnlab.words import InputError

Data = dict[str, Any]
ACTIONS = ("next", "back", "go", "open", "again", "second", "freeze", "black", "point", "end")


@dataclass(frozen=True)
class State:
    """Where a class is. shown: what followers see while the teacher looks ahead (frozen), else None: they see what the teacher sees.

    rounds and questions: by step, which vote and which of its questions is on; opened: the questions whose answer may be seen.
    pointer: picture, row and column that the teacher points at.
    """

    version: int = 1
    step: int = 0
    rounds: Mapping[str, int] = field(default_factory=dict)
    questions: Mapping[str, int] = field(default_factory=dict)
    opened: tuple[str, ...] = ()
    pointer: tuple[int, int, int] | None = None
    black: bool = False
    ended: bool = False
    frozen: bool = False
    shown: Mapping[str, Any] | None = None

    @property
    def question(self) -> int:
        return self.questions.get(str(self.step), 0)

    @property
    def round(self) -> int:
        return self.rounds.get(self.place, 1)

    @property
    def place(self) -> str:
        """The question that is on: step and number."""
        return f"{self.step}.{self.question}"

    @property
    def vote(self) -> str:
        """The vote that is on: step, question and round."""
        return f"{self.place}.{self.round}"

    @property
    def open(self) -> bool:
        return self.place in self.opened

    def followed(self) -> "State":
        """The state as the followers have it."""
        if not self.frozen or self.shown is None:
            return self
        return replace(self, **read_fields(self.shown), frozen=True)

    def to_json(self) -> Data:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "State":
        return cls(**{**data, **read_fields(data)})


HELD = ("step", "rounds", "questions", "opened", "pointer")  # what stands still while frozen


def read_fields(data: Mapping[str, Any]) -> Data:
    """What followers see of a stored state, with its tuples back."""
    pointer = data["pointer"]
    found = {name: data[name] for name in HELD}
    return found | {"opened": tuple(data["opened"]), "pointer": None if pointer is None else tuple(pointer)}


def act(state: State, action: str, value: object, steps: Sequence[Mapping[str, Any]]) -> State:
    """The state after the owner's action; the same object when nothing changes. Raises InputError for what cannot be done."""
    made = changed(state, action, value, steps)
    return state if made == state else replace(made, version=state.version + 1)


def changed(state: State, action: str, value: object, steps: Sequence[Mapping[str, Any]]) -> State:
    asked = steps[state.step]["questions"]
    match action:
        case "next" | "back" | "go":
            wanted = {"next": state.step + 1, "back": state.step - 1}.get(action, value)
            if not isinstance(wanted, int) or isinstance(wanted, bool):
                raise InputError("class.bad_action", given=action)
            return replace(state, step=min(max(wanted, 0), len(steps) - 1), pointer=None, black=False)
        case "open" if asked:
            return replace(state, opened=tuple(sorted({*state.opened, state.place})))
        case "again" if asked:
            return replace(close(state), rounds={**state.rounds, state.place: min(state.round + 1, 2)})
        case "second" if len(asked) > 1:
            return replace(state, questions={**state.questions, str(state.step): 1 - state.question})
        case "freeze":
            held = {name: list(kept) if isinstance(kept := getattr(state, name), tuple) else kept for name in HELD}
            return replace(state, frozen=not state.frozen, shown=None if state.frozen else held)
        case "black":
            return replace(state, black=not state.black)
        case "point":
            return replace(state, pointer=read_pointer(value))
        case "end":
            return replace(state, ended=True)
        case "open" | "again" | "second":
            return state
    raise InputError("class.bad_action", given=action)


def close(state: State) -> State:
    """A second vote is taken with the answer hidden again, unless it was open already: then everybody has seen it."""
    return replace(state, opened=tuple(place for place in state.opened if place != state.place))


def read_pointer(value: object) -> tuple[int, int, int] | None:
    if value is None:
        return None
    if isinstance(value, list) and len(value) == 3 and all(isinstance(each, int) and 0 <= each < 1000 for each in value):
        return (value[0], value[1], value[2])
    raise InputError("class.bad_action", given="point")
