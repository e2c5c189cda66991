"""Many sentences measured on the page: pasted or uploaded, a batch after the other, to be stopped at any time."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from attnlab.core.guide import Head, Sums
from attnlab.core.trace import Stack, Trace
from attnlab.models.spec import Model
from attnlab.ui import choices
from attnlab.ui.language import language, t
from attnlab.ui.traces import get_model
from attnlab.ui.turns import my_turn
from attnlab.untrusted import Lines, decode, sentence_lines
from attnlab.words import InputError

MOST = 1000  # sentences measured on the page
BATCH = 16
LARGEST = 5  # MiB of an uploaded file: a thousand sentences need far less


@dataclass(frozen=True, eq=False)
class Measured:
    """Every head of a model over the sentences that were measured."""

    model: str
    heads: tuple[Head, ...]
    sentences: int
    tokens: int

    def of(self, stack: Stack) -> list[Head]:
        return [head for head in self.heads if head.stack == stack]


@dataclass(eq=False)
class Work:
    """A measurement under way in one visit. lines: with their numbers in what was pasted.

    A click starts the next run of the page while the one before still computes its batch, hence the lock.
    """

    model: str
    lines: Lines
    sums: Sums = field(default_factory=Sums)
    since: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, done: int, traces: Sequence[Trace]) -> None:
        """Add the batch that follows the first `done` sentences, whole, unless another run has added it meanwhile."""
        with self.lock:
            if self.sums.sentences == done:
                for trace in traces:
                    self.sums.add(trace)

    def measured(self) -> Measured:
        """What there is so far."""
        with self.lock:
            return Measured(self.model, tuple(self.sums.heads()), self.sums.sentences, self.sums.tokens)


@dataclass(eq=False)
class Desk:
    """What a visit measures and has measured. note: how the last measurement ended, in a key and its facts."""

    work: Work | None = None
    result: Measured | None = None
    note: tuple[str, dict[str, Any]] | None = None
    mistake: InputError | None = None


def desk() -> Desk:
    """This visit's own."""
    return choices.visit("guide desk", Desk)


def measured_set(model: str) -> Measured | None:
    """The sentence set that this visit measured with this model."""
    kept = desk().result
    return kept if kept is not None and kept.model == model else None


def ask_set(model: str) -> None:
    """Sentences to measure, and the buttons. Raises InputError for sentences that cannot be measured."""
    here = desk()
    text = st.text_area(t("measures.paste", limit=MOST), height=140, key="guide text", persist_state="session")
    file = st.file_uploader(t("measures.upload"), type=["txt"], key="guide file", max_upload_size=LARGEST)
    with st.container(horizontal=True, gap="small"):
        start = st.button(t("measures.start"), type="primary")
        stop = st.button(t("measures.stop"), disabled=here.work is None and not start)
        if here.result is not None and st.button(t("measures.forget")):
            here.result = here.note = None
            st.rerun()
    if stop and here.work is not None:
        finish(here.work, "stopped")
    if start:
        here.work = here.note = here.mistake = None
        here.work = Work(model, sentence_lines(text if file is None else decode(file.getvalue(), file.name), most=MOST))
    if here.work is not None and here.work.model == model:
        work_on(here.work)
    if here.mistake is not None:
        mistake, here.mistake = here.mistake, None
        raise mistake
    if here.note is not None:
        how, facts = here.note
        st.caption(t(f"measures.{how}", **facts))


def work_on(work: Work) -> None:
    """Batch after batch with a progress bar. A click on Stop ends this run between two batches, and what was measured stays."""
    bar, model = st.progress(0.0), get_model(work.model)
    while work.sums.sentences < len(work.lines):
        done = work.sums.sentences
        bar.progress(done / len(work.lines), t("measures.busy", done=done, all=len(work.lines)))
        batch = work.lines[done : done + BATCH]
        try:
            with my_turn():
                work.add(done, model.traces([line for _, line in batch]))
        except InputError as mistake:
            desk().work, desk().mistake = None, find_mistake(model, batch) or mistake
            st.rerun()
    finish(work, "done")


def find_mistake(model: Model, batch: Lines) -> InputError | None:
    """What is wrong with which line."""
    for number, line in batch:
        try:
            model.traces([line])
        except InputError as mistake:
            return InputError("error.line", number=number, why=mistake.say(language()))
    return None


def finish(work: Work, how: str) -> None:
    """Keep what was measured, and draw the page anew. how: "done" or "stopped"."""
    here, found = desk(), work.measured()
    here.work = None
    if found.sentences:
        here.result = found
    counts = {"n": found.sentences, "done": found.sentences, "all": len(work.lines), "tokens": found.tokens}
    here.note = how, counts | {"seconds": f"{time.monotonic() - work.since:.1f}"}
    st.rerun()
