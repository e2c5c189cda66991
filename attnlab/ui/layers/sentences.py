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
from attnlab.ui.language import language, t
from attnlab.ui.traces import get_model
from attnlab.words import InputError

MOST = 1000  # sentences measured on the page
BATCH = 16
LARGEST = 5  # MiB of an uploaded file: a thousand sentences need far less
WORK, RESULT, SAID, MISTAKE = "guide set", "guide result", "guide said", "guide mistake"  # what a visit keeps
Lines = list[tuple[int, str]]


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


def kept_set(model: str) -> Measured | None:
    """The sentence set that this visit measured with this model."""
    kept: Measured | None = st.session_state.get(RESULT)
    return kept if kept is not None and kept.model == model else None


def ask_set(model: str) -> None:
    """Sentences to measure, and the buttons. Raises InputError for sentences that cannot be measured."""
    text = st.text_area(t("measures.paste", limit=MOST), height=140, key="guide text", persist_state="session")
    file = st.file_uploader(t("measures.upload"), type=["txt"], key="guide file", max_upload_size=LARGEST)
    with st.container(horizontal=True, gap="small"):
        start = st.button(t("measures.start"), type="primary")
        stop = st.button(t("measures.stop"), disabled=WORK not in st.session_state and not start)
        if RESULT in st.session_state and st.button(t("measures.forget")):
            for name in (RESULT, SAID):
                st.session_state.pop(name, None)
            st.rerun()
    if stop and WORK in st.session_state:
        finish("stopped")
    if start:
        for name in (WORK, SAID, MISTAKE):
            st.session_state.pop(name, None)
        st.session_state[WORK] = Work(model, sentences(text, file))
    if WORK in st.session_state and st.session_state[WORK].model == model:
        work_on()
    if MISTAKE in st.session_state:
        raise st.session_state.pop(MISTAKE)
    if SAID in st.session_state:
        how, facts = st.session_state[SAID]
        st.caption(t(f"measures.{how}", **facts))


def sentences(text: str, file: Any) -> Lines:
    """One a line, numbered. Raises InputError for none, for more than fit, and for a file that is no text."""
    raw = text if file is None else decoded(file.getvalue(), file.name)
    lines = [(number, line.strip()) for number, line in enumerate(raw.splitlines(), 1) if line.strip()]
    if not lines:
        raise InputError("error.empty")
    if len(lines) > MOST:
        raise InputError("error.measure_many", n=len(lines), limit=MOST)
    return lines


def decoded(raw: bytes, name: str) -> str:
    """The text of a file. Raises InputError that names the line which is not UTF-8."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("error.not_utf8", path=name, line=raw[: error.start].count(b"\n") + 1) from None


def work_on() -> None:
    """Batch after batch with a progress bar. A click on Stop ends this run between two batches, and what was measured stays."""
    work: Work = st.session_state[WORK]
    bar, model = st.progress(0.0), get_model(work.model)
    while work.sums.sentences < len(work.lines):
        done = work.sums.sentences
        bar.progress(done / len(work.lines), t("measures.busy", done=done, all=len(work.lines)))
        batch = work.lines[done : done + BATCH]
        try:
            traces = model.traces([line for _, line in batch])
        except InputError as mistake:
            del st.session_state[WORK]
            st.session_state[MISTAKE] = blamed(model, batch) or mistake
            st.rerun()
        work.add(done, traces)
    finish("done")


def blamed(model: Model, batch: Lines) -> InputError | None:
    """What is wrong with which line."""
    for number, line in batch:
        try:
            model.traces([line])
        except InputError as mistake:
            return InputError("error.line", number=number, why=mistake.say(language()))
    return None


def finish(how: str) -> None:
    """Keep what was measured, and draw the page anew. how: "done" or "stopped"."""
    work: Work = st.session_state.pop(WORK)
    found = work.measured()
    if found.sentences:
        st.session_state[RESULT] = found
    counts = {"n": found.sentences, "done": found.sentences, "all": len(work.lines), "tokens": found.tokens}
    st.session_state[SAID] = how, counts | {"seconds": f"{time.monotonic() - work.since:.1f}"}
    st.rerun()
