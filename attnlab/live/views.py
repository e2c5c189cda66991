"""What of a room is sent to whom: followers never get an answer or a count before it is opened."""

from collections.abc import Mapping, Sequence
from typing import Any

from attnlab.live.room import State
from attnlab.live.tally import tally

Data = dict[str, Any]
Votes = Mapping[str, Mapping[str, Any]]  # by vote ("step.question.round"), by voter


def follower_view(state: State, script: Mapping[str, Any], votes: Votes) -> Data:
    """The JSON of the event stream."""
    return shown(state.followed(), script, votes)


def shown(state: State, script: Mapping[str, Any], votes: Votes) -> Data:
    """One step as it may be seen: labels without numbers until the question is open, then numbers, answer and tally."""
    step = script["steps"][state.step]
    question = step["questions"][state.question] if step["questions"] else None
    open_now = question is None or state.open
    pictures = step["pictures"] if question is None else question["pictures"]
    made: Data = {
        "version": state.version,
        "step": state.step,
        "open": state.open,
        "steps": len(script["steps"]),
        "frozen": state.frozen,
        "black": state.black,
        "ended": state.ended,
        "pointer": state.pointer,
        "title": step["title"],
        "html": step["html"],
        "link": step["link"] if question is None else question["link"],
        "pictures": pictures if open_now else [picture | {"values": None} for picture in pictures],
        "question": None if question is None else question["asked"],
        "vote": None if question is None else state.vote,
        "round": state.round,
    }
    if question is not None and open_now:
        made |= {"answer": public_answer(question["answer"]), "explain": step["explain"], "tallies": tallies(state, question, votes)}
    if question is None:
        made["explain"] = step["explain"]
    return made


def public_answer(answer: Mapping[str, Any]) -> Data:
    """The answer without what only the server needs."""
    return {name: value for name, value in answer.items() if name != "maps"}


def tallies(state: State, question: Mapping[str, Any], votes: Votes) -> list[Data]:
    """One tally for each vote that was held on the question that is on."""
    return [tally(question["asked"], question["answer"], votes.get(f"{state.place}.{n}", {})) for n in range(1, state.round + 1)]


def needed_votes(state: State) -> list[str]:
    """The votes whose answers a view may show."""
    return [f"{state.place}.{n}" for n in range(1, state.round + 1)]


def owner_view(state: State, script: Mapping[str, Any], votes: Votes, here: int) -> Data:
    """The same for the teacher, who sees their own step, the notes, what comes next, and how many are here and have answered."""
    step, steps = script["steps"][state.step], script["steps"]
    return shown(state, script, votes) | {
        "notes": step["notes"],
        "next": steps[state.step + 1]["title"] if state.step + 1 < len(steps) else None,
        "here": here,
        "answered": len(votes.get(state.vote, {})),
        "followed": state.followed().step,
        "second": len(step["questions"]) > 1,
        "title_of_lesson": script["title"],
    }


def everything(script: Mapping[str, Any], votes: Votes) -> Data:
    """What a teacher takes home: every question with its answer and all tallies, nobody's own answer."""
    found: Sequence[Data] = [
        {"step": i, "question": q, "title": step["title"], "asked": one["asked"], "answer": public_answer(one["answer"]), "tallies": made}
        for i, step in enumerate(script["steps"])
        for q, one in enumerate(step["questions"])
        if (made := [tally(one["asked"], one["answer"], votes[key]) for n in (1, 2) if (key := f"{i}.{q}.{n}") in votes])
    ]
    return {"lesson": script["name"], "title": script["title"], "questions": found}
