"""A text as it is being written: how it began, which tokens were chosen since, the other ways it went, and the drafts that led there."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.writing import Beam, Draft, Sampling, Stage, beams, choose, stages
from attnlab.models.pretrained.model import Pretrained
from attnlab.models.spec import Spec
from attnlab.ui import choices, link
from attnlab.ui.ask import ask_choice, ask_model, ask_number, ask_slider, ask_text
from attnlab.ui.language import language, t
from attnlab.ui.traces import get_model
from attnlab.untrusted import whole_number
from attnlab.words import InputError

Writes = InHouse | Pretrained
BEGINNINGS = {"en": ("write-en", "Once upon a time there was a king who had a daughter, and the king"), "zh": ("write-zh", "白日依山尽，")}
WRITTEN = "written"  # the tokens chosen so far, in the link as "12-7-300"
OTHERS = "branches"  # the ways that were left, in the link as "12-7.12-9-4"
BRANCHES = 6  # ways that are kept; the oldest goes first
DRAFTS = "drafts of this visit"
KEPT = 12  # drafts: going back a few steps costs nothing
LONGEST = 400  # tokens written in one text
STOPS = frozenset(".!?。！？")
BEAM, AHEAD = 4, 10  # texts kept side by side, and how far they are written before the best is looked at

Ids = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Writing:
    """What is on the page. ids: the tokens written after the beginning; draft: the text up to now; steps: of the next token.

    width: how many texts a beam keeps; 0 where tokens are drawn. others: the ways that were left.
    """

    model: Writes
    beginning: str
    ids: Ids
    draft: Draft
    sampling: Sampling
    seed: int
    width: int = 0
    others: tuple[Ids, ...] = ()

    @property
    def steps(self) -> tuple[Stage, ...]:
        """The next token's distribution, setting after setting."""
        return stages(self.draft.logits, self.sampling, self.draft.ids, self.model.unwritten)

    @property
    def begun(self) -> Ids:
        """The tokens of the beginning, without what starts every text."""
        return self.draft.ids[len(self.draft.writer.start) : len(self.draft.ids) - len(self.ids)]

    @property
    def continuation(self) -> str:
        """What the model wrote, as text."""
        return self.said(self.ids)

    def said(self, ids: Ids) -> str:
        """Tokens after the beginning as text."""
        start, whole = self.model.text_of(self.begun), self.model.text_of((*self.begun, *ids))
        return whole[len(start) :] if whole.startswith(start) else self.model.text_of(ids)

    @property
    def in_sight(self) -> str:
        """The last part of the text, as much of it as the model reads at once."""
        text, limit = self.beginning + self.continuation, self.model.spec.max_tokens or LONGEST
        tokens = self.model.tokenize(text)
        if len(tokens) <= limit:
            return text
        place = next(span[0] for span in tokens.offsets[-limit // 2 :] if span is not None)
        return text[place:].lstrip()

    def beams(self, n: int) -> tuple[Beam, ...]:
        """The likeliest ways to go on by n tokens."""
        return beams(self.draft, self.width or BEAM, longest=n, end=self.model.eos, forbidden=self.model.unwritten)


def writes(spec: Spec) -> bool:
    """Whether a model goes on with a text, and its tokens can be taken back one by one."""
    return spec.predicts == "next"


def ask_writing() -> Writing:
    """Model, beginning and settings; and the text so far. Raises InputError for a model that does not write."""
    name, beginning = BEGINNINGS[language() if language() in BEGINNINGS else "en"]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls"):
        model = get_model(ask_model(writes, key="writer", default=name, width=190))
        text = ask_text(beginning, key="begin", label=t("write.beginning"))
        with st.popover(t("write.settings")):
            ways = {way: t(f"write.way_{way}") for way in ("draw", "beam")}
            how = ask_choice("way", ways, label=t("write.way"), help=t("write.way_help"))
            width = ask_number("beam", 1, 16, BEAM, label=t("write.beam"), help=t("write.beam_help")) if how == "beam" else 0
            sampling, seed = ask_sampling()
    if not isinstance(model, Writes) or not writes(model.spec):
        raise InputError("error.not_task", model=model.spec.name, wanted="generate", task=model.spec.task)
    ids, others = asked_ids(model, text)
    return Writing(model, text, ids, draft_of(model, text, ids), sampling, seed, width, others)


def ask_sampling(second: str = "", **others: float) -> tuple[Sampling, int]:
    """How the next token is chosen. second: the ending of the settings' names where there are two of each; others: what differs then."""
    start = {"temperature": 0.8, "top_k": 40, "top_p": 1.0, "min_p": 0.0, "repetition": 1.0} | others
    temperature = ask_slider(
        f"heat{second}", 0.0, 2.0, start["temperature"], label=t("write.temperature"), step=0.05, help=t("write.temperature_help")
    )
    top_k = ask_number(f"top_k{second}", 0, 5000, int(start["top_k"]), label=t("write.top_k"), help=t("write.top_k_help"))
    top_p = ask_slider(f"top_p{second}", 0.05, 1.0, start["top_p"], label=t("write.top_p"), step=0.05, help=t("write.top_p_help"))
    min_p = ask_slider(f"min_p{second}", 0.0, 1.0, start["min_p"], label=t("write.min_p"), step=0.01, help=t("write.min_p_help"))
    repetition = ask_slider(
        f"repeat{second}", 1.0, 2.0, start["repetition"], label=t("write.repetition"), step=0.05, help=t("write.repetition_help")
    )
    seed = ask_number(f"dice{second}", 0, 9999, 0, label=t("write.seed"), help=t("write.seed_help"))
    return Sampling(temperature, top_k, top_p, min_p, repetition), seed


def asked_ids(model: Writes, text: str) -> tuple[Ids, tuple[Ids, ...]]:
    """The tokens that were written and the ways that were left, as the link says; forgotten when beginning or model change."""
    asked, others = choices.read(WRITTEN), choices.read(OTHERS)
    if choices.differs("written for", (model.spec.name, model.spec.revision, text)):
        hold((), ())
        return (), ()
    left = [ids for part in others.split(".")[:BRANCHES] if (ids := possible(model, part))]
    return possible(model, asked), tuple(left)


def possible(model: Writes, asked: str) -> Ids:
    """Tokens as a link writes them; none where one of them cannot be."""
    parts = asked.split("-")
    ids = tuple(number for part in parts if (number := whole_number(part)) is not None)
    good = len(ids) == len(parts) <= LONGEST and all(i < model.spec.vocab and i not in model.unwritten for i in ids)
    return ids if good else ()


def put(ids: Sequence[int], writing: Writing) -> None:
    """Let these be the tokens written, here and in the link. A way that is left by it is kept."""
    new = tuple(ids)
    ways = [way for way in dict.fromkeys((*writing.others, writing.ids)) if way and way != new]
    hold(new, [way for way in ways if not any(begins(way, other) for other in (*ways, new) if other != way)][-BRANCHES:])


def begins(way: Ids, other: Ids) -> bool:
    """Whether one way is the beginning of another."""
    return other[: len(way)] == way


def hold(ids: Ids, others: Sequence[Ids]) -> None:
    """Tokens and other ways, for this visit and in the link."""
    for name, said in ((WRITTEN, "-".join(map(str, ids))), (OTHERS, ".".join("-".join(map(str, way)) for way in others))):
        choices.keep(name, said or None)
        link.put(name, said or None)


def draft_of(model: Writes, text: str, ids: Ids) -> Draft:
    """The text up to now, from the longest part of it that this visit still has."""
    kept = choices.visit(DRAFTS, dict[tuple[object, ...], Draft])
    about = (model.spec.name, model.spec.revision, text)
    known = next((n for n in range(len(ids), -1, -1) if (about, ids[:n]) in kept), None)
    draft = model.begin(text) if known is None else kept[about, ids[:known]]
    for i in ids[known or 0 :]:
        draft = draft.then(i)
    kept.pop((about, ids), None)
    kept[about, ids] = draft
    while len(kept) > KEPT:
        kept.pop(next(iter(kept)))
    return draft


def finish(writing: Writing, n: int) -> None:
    """Write to the end of the sentence, at most n tokens."""
    go_on(writing, n, stops=STOPS)


def go_on(writing: Writing, n: int, *, stops: frozenset[str] = frozenset()) -> None:
    """Write n more tokens, or until the text ends, or one of these does."""
    room = min(n, LONGEST - len(writing.ids))
    new = writing.beams(room)[0].ids if writing.width else drawn(writing.model, writing.draft, writing.sampling, writing.seed, room)
    ends = (i for i, token in enumerate(new) if token == writing.model.eos or writing.model.show(token).strip("▁Ġ ␣") in stops)
    put((*writing.ids, *new[: next(ends, len(new)) + 1]), writing)


def drawn(model: Writes, draft: Draft, sampling: Sampling, seed: int, n: int) -> Ids:
    """The next n tokens with these settings; fewer where the text ends."""
    before = len(draft.ids)
    for _ in range(n):
        last = stages(draft.logits, sampling, draft.ids, model.unwritten)[-1]
        draft = draft.then(choose(last.probabilities, seed=seed, place=len(draft.ids)))
        if draft.ids[-1] == model.eos:
            break
    return draft.ids[before:]


def take(writing: Writing, *tokens: int) -> None:
    """Write these tokens next, whatever their probability."""
    put((*writing.ids, *tokens), writing)


def back(writing: Writing, n: int = 1) -> None:
    """Take the last tokens away."""
    put(writing.ids[: max(0, len(writing.ids) - n)], writing)
