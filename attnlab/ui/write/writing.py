"""A text as it is being written: how it began, which tokens were chosen since, and the drafts that led there."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from attnlab.models.inhouse.model import InHouse
from attnlab.models.inhouse.writing import Draft, Sampling, Stage, choose, stages
from attnlab.models.spec import Spec
from attnlab.ui import choices, link
from attnlab.ui.ask import ask_model, ask_number, ask_slider, ask_text
from attnlab.ui.language import language, t
from attnlab.ui.traces import get_model
from attnlab.untrusted import whole_number
from attnlab.words import InputError

BEGINNINGS = {"en": ("write-en", "Once upon a time there was a king who had a daughter, and the king"), "zh": ("write-zh", "白日依山尽，")}
WRITTEN = "written"  # the tokens chosen so far, in the link as "12-7-300"
DRAFTS = "drafts of this visit"
KEPT = 12  # drafts: going back a few steps costs nothing
LONGEST = 400  # tokens written in one text
STOPS = frozenset(".!?。！？")


@dataclass(frozen=True, eq=False)
class Writing:
    """What is on the page. ids: the tokens written after the beginning; draft: the text up to now; steps: of the next token."""

    model: InHouse
    beginning: str
    ids: tuple[int, ...]
    draft: Draft
    sampling: Sampling
    seed: int

    @property
    def steps(self) -> tuple[Stage, ...]:
        """The next token's distribution, setting after setting."""
        return stages(self.draft.logits, self.sampling, self.draft.ids, self.model.unwritten)

    @property
    def continuation(self) -> str:
        """What the model wrote, as text."""
        begun = self.draft.ids[1 : len(self.draft.ids) - len(self.ids)]
        start, whole = self.model.text_of(begun), self.model.text_of((*begun, *self.ids))
        return whole[len(start) :] if whole.startswith(start) else self.model.text_of(self.ids)

    @property
    def in_sight(self) -> str:
        """The last part of the text, as much of it as the model reads at once."""
        text, limit = self.beginning + self.continuation, self.model.module.config.max_tokens
        tokens = self.model.tokenize(text)
        if len(tokens) <= limit:
            return text
        place = next(span[0] for span in tokens.offsets[-limit // 2 :] if span is not None)
        return text[place:].lstrip()


def writes(spec: Spec) -> bool:
    """Whether a model goes on with a text, and its tokens can be taken back one by one."""
    return spec.family == "attnlab" and spec.task == "generate"


def ask_writing() -> Writing:
    """Model, beginning and settings; and the text so far. Raises InputError for a model that does not write."""
    name, beginning = BEGINNINGS[language() if language() in BEGINNINGS else "en"]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls"):
        model = get_model(ask_model(writes, key="writer", default=name, width=190))
        text = ask_text(beginning, key="begin", label=t("write.beginning"))
        with st.popover(t("write.settings")):
            sampling, seed = ask_sampling()
    if not isinstance(model, InHouse):
        raise InputError("error.not_task", model=model.spec.name, wanted="generate", task=model.spec.task)
    ids = asked_ids(model, text)
    return Writing(model, text, ids, draft_of(model, text, ids), sampling, seed)


def ask_sampling() -> tuple[Sampling, int]:
    """How the next token is chosen."""
    temperature = ask_slider("heat", 0.0, 2.0, 0.8, label=t("write.temperature"), step=0.05, help=t("write.temperature_help"))
    top_k = ask_number("top_k", 0, 5000, 40, label=t("write.top_k"), help=t("write.top_k_help"))
    top_p = ask_slider("top_p", 0.05, 1.0, 1.0, label=t("write.top_p"), step=0.05, help=t("write.top_p_help"))
    min_p = ask_slider("min_p", 0.0, 1.0, 0.0, label=t("write.min_p"), step=0.01, help=t("write.min_p_help"))
    repetition = ask_slider("repeat", 1.0, 2.0, 1.0, label=t("write.repetition"), step=0.05, help=t("write.repetition_help"))
    seed = ask_number("dice", 0, 9999, 0, label=t("write.seed"), help=t("write.seed_help"))
    return Sampling(temperature, top_k, top_p, min_p, repetition), seed


def asked_ids(model: InHouse, text: str) -> tuple[int, ...]:
    """The tokens that were written, as the link says; forgotten when beginning or model change."""
    asked = choices.read(WRITTEN).split("-")
    if choices.differs("written for", (model.spec.name, model.spec.revision, text)):
        put(())
        return ()
    ids = tuple(number for part in asked if (number := whole_number(part)) is not None)
    good = len(ids) == len(asked) <= LONGEST and all(i < model.spec.vocab and i not in model.unwritten for i in ids)
    return ids if good else ()


def put(ids: Sequence[int]) -> None:
    """Let these be the tokens written, here and in the link."""
    said = "-".join(map(str, ids)) or None
    choices.keep(WRITTEN, said)
    link.put(WRITTEN, said)


def draft_of(model: InHouse, text: str, ids: tuple[int, ...]) -> Draft:
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
    draft, ids = writing.draft, list(writing.ids)
    for _ in range(min(n, LONGEST - len(ids))):
        last = stages(draft.logits, writing.sampling, draft.ids, writing.model.unwritten)[-1]
        token = choose(last.probabilities, seed=writing.seed, place=len(draft.ids))
        draft, ids = draft.then(token), [*ids, token]
        if token == writing.model.eos or writing.model.show(token).strip("▁Ġ ␣") in stops:
            break
    put(ids)


def take(writing: Writing, token: int) -> None:
    """Write this token next, whatever its probability."""
    put((*writing.ids, token))


def back(writing: Writing, n: int = 1) -> None:
    """Take the last tokens away."""
    put(writing.ids[: max(0, len(writing.ids) - n)])
