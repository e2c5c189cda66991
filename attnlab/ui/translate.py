"""The Translate page: what was written and how, step by step; the whole picture; scores."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import streamlit as st

from attnlab import figures
from attnlab.core.alignment import Aligned, Row, align, joint, mean_or_head, sharpest
from attnlab.core.trace import Array, Trace
from attnlab.core.words import InputError
from attnlab.models.decoding import Candidate, Decoded
from attnlab.models.inhouse import InHouse
from attnlab.models.load import known
from attnlab.training.scores import sentence_scores
from attnlab.ui import canvas, link, place
from attnlab.ui.ask import ask_choice, ask_number, ask_slider, ask_text, open_head
from attnlab.ui.rows import ask_row
from attnlab.ui.show import export_row
from attnlab.ui.traces import OWN, get_model, own_specs
from attnlab.ui.words import language, md_escape, t

DROPPED = 3  # branches that were not kept, a step, that the tree shows
KEY = "writing"


@dataclass(frozen=True, eq=False)
class Written:
    """A translation: the search that made it and the forward pass of its result."""

    model: InHouse
    text: str
    decoded: Decoded
    trace: Trace
    forced: tuple[int, ...]

    @property
    def ids(self) -> tuple[int, ...]:
        """Every token written, the end too if it was."""
        best = self.decoded.best
        return (*best.ids, self.model.eos) if best.ended else best.ids

    @property
    def pieces(self) -> tuple[str, ...]:
        return tuple(map(self.model.show, self.ids))


@dataclass(frozen=True)
class Pick:
    """Which attention is shown. head None: the mean over the heads of the layer. name: what it is, in words."""

    layer: int
    head: int | None
    name: str


_decoder = canvas.component("decoder", "canvas.css", "decoder.css")
_chips = canvas.component("chips", "canvas.css", "chips.css")


# What is asked


def ask_in_house(key: str, task: str, label: str) -> InHouse:
    """One of the models that do this task: shipped ones and this visit's own."""
    names = [spec.name for spec in [*known(), *own_specs()] if spec.family == "attnlab" and spec.task == task]
    asked = link.given(key) if link.leads() else st.session_state.get(key)
    if asked and asked not in names and "/" in asked:  # a folder in the link
        names.append(asked)
    if not names:
        raise InputError("error.no_model_for", task=task)
    model = get_model(ask_choice(key, names, label=label))
    if not isinstance(model, InHouse) or model.spec.task != task:
        raise InputError("error.not_task", model=model.spec.name, wanted=task, task=model.spec.task)
    return model


def ask_writing() -> Written:
    """Model, sentence and search; and the translation they make."""
    row = st.columns([2, 5, 1.6, 1.3, 1.9], vertical_alignment="bottom")
    with row[0]:
        model = ask_in_house("translator", "translate", t("ui.model"))
    with row[1]:
        text = ask_text()
    with row[2]:
        how = ask_choice("search", {"beam": t("translate.beam"), "greedy": t("translate.greedy")}, label=t("translate.search"))
    with row[3]:
        width = ask_number("beam", 2, 8, 4, label=t("translate.width")) if how == "beam" else 1
    with row[4]:
        alpha = (
            ask_slider("penalty", 0.0, 2.0, 0.6, label=t("translate.penalty"), step=0.1, help=t("translate.penalty_help"))
            if width > 1
            else 0.0
        )
    return write(model, text, width, alpha, forced_ids(model, text))


def forced_ids(model: InHouse, text: str) -> tuple[int, ...]:
    """How the translation must begin, as the link says; forgotten when sentence or model change."""
    asked = kept("forced").split("-")
    now = (model.spec.name, model.spec.revision, text)
    if st.session_state.setdefault("forced for", now) != now:
        force(())
        asked = []
    st.session_state["forced for"] = now
    if not asked or not all(part.isdecimal() for part in asked):
        return ()
    ids = tuple(int(part) for part in asked)
    limit = model.module.config.target_vocab or model.module.config.vocab
    forbidden = (model.pad, model.bos, model.unk)
    good = all(i < limit and i not in forbidden for i in ids) and model.eos not in ids[:-1] and len(ids) < model.module.config.max_tokens
    return ids if good else ()


def kept(name: str) -> str:
    """What no widget holds: from the address where that leads, else as it was. The address goes on saying it."""
    if link.leads() or f"writing {name}" not in st.session_state:
        st.session_state[f"writing {name}"] = link.given(name) or ""
    value = str(st.session_state[f"writing {name}"])
    link.put(name, value or None)
    return value


def keep(name: str, value: str) -> None:
    st.session_state[f"writing {name}"] = value
    link.put(name, value or None)


def write(model: InHouse, text: str, width: int, alpha: float, forced: tuple[int, ...]) -> Written:
    """The translation, or the one already made of the same choices."""
    if model.spec.name not in st.session_state.get(OWN, {}):
        return _shared(model.spec.name, model.spec.revision, text, width, alpha, forced)
    key = (model.spec.name, model.spec.revision, text, width, alpha, forced)
    kept = st.session_state.get("last written")
    if kept is None or kept[0] != key or kept[1].model is not model:
        kept = st.session_state["last written"] = (key, _write(model, text, width, alpha, forced))
    written: Written = kept[1]
    return written


@st.cache_resource(max_entries=64, show_spinner=False)
def _shared(name: str, revision: str, text: str, width: int, alpha: float, forced: tuple[int, ...]) -> Written:
    model = get_model(name)
    assert isinstance(model, InHouse)
    return _write(model, text, width, alpha, forced)


def _write(model: InHouse, text: str, width: int, alpha: float, forced: tuple[int, ...]) -> Written:
    decoded = model.decode(text, beam=width, length_penalty=alpha, forced=forced)
    ids = decoded.best.ids[: model.module.config.max_tokens - 1]  # the decoder reads a start token before them
    return Written(model, text, decoded, model.trace(text, written=ids), forced)


def ask_pick(written: Written) -> Pick:
    """Which attention: the head that decides most, one head, or the mean of a layer."""
    layers = written.trace.layers("cross")
    layer, head = sharpest(written.trace)
    names: dict[str, str] = {"sharpest": t("translate.sharpest", layer=layer, head=head)}
    names |= {f"{each.layer}-mean": t("translate.mean", layer=each.layer, heads=each.n_heads) for each in layers}
    names |= {f"{each.layer}-{h}": f"L{each.layer}H{h}" for each in layers for h in range(each.n_heads)}
    chosen = ask_choice("cross", names, label=t("translate.attention"), help=t("translate.attention_help"))
    if chosen != "sharpest":
        first, second = chosen.split("-")
        layer, head_or_mean = int(first), None if second == "mean" else int(second)
        return Pick(layer, head_or_mean, names[chosen])
    return Pick(layer, head, f"L{layer}H{head}")


# Step by step


def show_sentence(written: Written) -> None:
    """The translation itself, and what of it was not the model's own choice."""
    best = written.decoded.best
    said = md_escape(written.trace.target_text or "∅")
    facts = t(
        "translate.facts", total=f"{best.total:.2f}", n=len(best.log_probabilities), stopped=t(f"translate.stop_{written.decoded.stopped}")
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.markdown(f"#### {said}")
        if written.forced:
            begun = md_escape(" ".join(map(written.model.show, written.forced)))
            st.markdown(f":violet-badge[{t('translate.forced', begun=begun)}]")
            st.button(t("translate.release"), on_click=force, args=((),), type="tertiary")
    st.caption(facts.replace("-", "−"))


def show_steps(written: Written, pick: Pick) -> None:
    """One step at a time, with the tree of the search and the way on to the other pages."""
    trace, step = written.trace, step_now(written)
    cross, own = (mean_or_head(trace.at(stack, pick.layer), pick.head) for stack in ("cross", "decoder"))
    rows = len(trace.target or ())
    packed, kind = canvas.pack(np.concatenate([cross[:rows].ravel(), own[:rows].ravel()]))
    steps = [seen_step(written, i) for i in range(len(written.decoded.steps))]
    meta = {
        "id": repr((written.model.spec.name, written.model.spec.revision, written.text, written.ids, len(steps), language())),
        "source": list(trace.source.pieces),
        "read": list(trace.target.pieces if trace.target else ())[:rows],
        "written": list(written.pieces)[:rows],
        "steps": steps,
        "step": step,
        "kind": kind,
        "note": t("translate.step_note", name=pick.name),
        "words": step_words(pick),
    }
    data = {"values": packed, "meta": canvas.colours("weights") | meta}
    _decoder(data=data, key=KEY, on_step_change=_moved, on_force_change=lambda: _forced(written), on_word_change=lambda: _worded(written))
    if problem := st.session_state.pop("forced problem", None):
        st.error(md_escape(problem.say(language())))
    st.caption(t("translate.tree_note", dropped=DROPPED))
    open_buttons(written, pick)


def seen_step(written: Written, i: int) -> dict[str, Any]:
    """What the browser is told of one step of the search."""
    step, model, ids = written.decoded.steps[i], written.model, written.ids
    going = list(step.next)
    ended = [k for k, c in enumerate(step.candidates) if c.why in ("finished", "forced") and k not in going]
    out = [k for k, c in enumerate(step.candidates) if not c.kept and c.why != "forbidden" and k not in going]
    own = [k for k, c in enumerate(step.candidates) if i < len(ids) and step.alive[c.parent] == ids[:i] and c.token == ids[i]]
    tree = list(dict.fromkeys([*going, *ended, *out[:DROPPED]]))
    return {
        "alive": [model.show(before[-1]) if before else model.show(model.bos) for before in step.alive],
        "candidates": [seen_candidate(model, candidate) for candidate in step.candidates],
        "tree": tree,
        "lines": list(range(len(step.alive))),
        "chosen": own[0] if own else -1,
        "p": float(np.exp(step.candidates[own[0]].log_probability)) if own else 0.0,
    }


def seen_candidate(model: InHouse, candidate: Candidate) -> dict[str, Any]:
    return {
        "token": model.show(candidate.token),
        "parent": candidate.parent,
        "p": float(np.exp(candidate.log_probability)),
        "total": float(candidate.total),
        "score": float(candidate.score),
        "why": candidate.why,
        "kept": candidate.kept,
    }


def step_words(pick: Pick) -> dict[str, Any]:
    names = (
        *("play", "pause", "first", "back", "next", "final", "where", "keys", "step", "source", "target", "candidates", "tree", "about"),
        *("instead", "other", "write"),
    )
    braces = {name: f"{{{name}}}" for name in ("n", "of", "token", "p", "total", "score", "before")}
    whys = ("kept", "finished", "outscored", "forced", "not forced", "forbidden", "stopped", "drawn", "not drawn", "top-k", "top-p")
    reasons = {why: t(f"translate.why_{why.replace(' ', '_').replace('-', '_')}") for why in whys}
    return {name: t(f"translate.{name}", **braces) for name in names} | {"why": reasons}


def force(ids: Sequence[int]) -> None:
    """Let the translation begin with these tokens from now on."""
    keep("forced", "-".join(map(str, ids)))


def step_now(written: Written) -> int:
    """Which step is shown: at first the third, where there is something to see."""
    asked = kept("at")
    return max(0, min(int(asked) if asked.isdecimal() else 2, len(written.trace.target or ()) - 1, len(written.ids) - 1))


def _moved() -> None:
    keep("at", str(st.session_state[KEY]["step"]))


def _forced(written: Written) -> None:
    """A candidate was clicked: it is written instead, after what its own branch had written before."""
    clicked = st.session_state[KEY]["force"]
    if clicked is None or clicked["step"] >= len(written.decoded.steps):
        return
    step = written.decoded.steps[clicked["step"]]
    candidate = step.candidates[clicked["candidate"]]
    keep("at", str(clicked["step"]))
    force((*step.alive[candidate.parent], candidate.token))


def _worded(written: Written) -> None:
    """A word was typed: it is written at this step, after what the translation says before."""
    typed = st.session_state[KEY]["word"]
    if typed is None:
        return
    try:
        ids = written.model.target_ids(typed["text"])
        if written.model.unk in ids:
            raise InputError("error.unknown_word", word=typed["text"])
    except InputError as mistake:
        st.session_state["forced problem"] = mistake
        return
    keep("at", str(typed["step"]))
    force((*written.ids[: typed["step"]], *ids))


def open_buttons(written: Written, pick: Pick) -> None:
    """The same attention on the Heads page, and this step's arithmetic on the step-through page."""
    step = step_now(written)
    with st.container(horizontal=True, gap="small"):
        if st.button(t("translate.open_heads"), icon=":material/grid_view:"):
            carry(written, pick)
            open_head("cross", pick.layer, pick.head or 0)
        if st.button(t("translate.open_steps"), icon=":material/functions:"):
            carry(written, pick)
            open_arithmetic(pick, step, int(np.argmax(mean_or_head(written.trace.at("cross", pick.layer), pick.head)[step])))


def carry(written: Written, pick: Pick) -> None:
    """Let the other pages show this model, sentence and translation."""
    link.choose(model=written.model.spec.name, text=written.text, target=written.trace.target_text or "")
    link.choose(over="mean" if pick.head is None else "head")


def open_arithmetic(pick: Pick, query: int, key: int) -> None:
    """The step-through page where this head's scores are made, at the query that asks and the key it looks at most."""
    place.remember({"stage": 6, "part": "", "query": query, "key": key})
    link.go("learn/steps.py", layer=pick.layer, head=pick.head or 0, stack="cross")


# The whole picture


def show_whole(written: Written, pick: Pick) -> None:
    """Alignment of words as a map and as lines, or all three kinds of attention at once."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        kind = ask_row(
            "picture", {name: t(f"translate.picture_{name}") for name in ("words", "joint")}, label=t("translate.picture"), hidden=True
        )
        rows: dict[Row, str] = {"writing": t("translate.row_writing"), "reading": t("translate.row_reading")}
        row: Row = (
            ask_choice("row", rows, label=t("translate.row"), help=t("translate.row_help"), width=260) if kind == "words" else "writing"
        )
    if kind == "joint":
        show_joint(written, pick)
    else:
        show_alignment(written, pick, align(written.trace, pick.layer, pick.head, row=row, end=written.model.show(written.model.eos)))


def show_alignment(written: Written, pick: Pick, aligned: Aligned) -> None:
    pairs = " · ".join(f"{word} → {aligned.source[best]}" for word, best in zip(aligned.target, aligned.best, strict=True))
    left, right = st.columns(2, gap="medium")
    title = t("translate.alignment_title", name=pick.name)
    with left:
        axes = (t("translate.target_word"), t("translate.source_word"))
        canvas.matrix(
            aligned.weights, aligned.target, aligned.source, key="alignment", title=title, axes=axes, link="alignment", height=430
        )
    with right:
        shown = {"active": [0], "names": [pick.name], "threshold": 0.05, "link": "alignment"}
        canvas.lines(aligned.weights[None], aligned.target, aligned.source, key="alignment lines", **shown)  # type: ignore[arg-type]
    st.markdown(t("translate.pairs", pairs=md_escape(pairs)))

    def make(kind: str) -> bytes:
        figure = figures.heatmap(aligned.weights, aligned.target, aligned.source, title=title)
        return figures.save(figure, kind, record=record(written, pick, "alignment"))

    export_row(make, name=f"{written.model.spec.name}-alignment-{pick.name}".replace(" ", "_"), facts=badge(written))


def show_joint(written: Written, pick: Pick) -> None:
    both = joint(written.trace, pick.layer, pick.head)
    names = [
        f"{piece} {mark}" for piece, mark in zip(both.pieces, ["ˢ"] * both.split + ["ᵗ"] * (len(both.pieces) - both.split), strict=True)
    ]
    title, note = t("translate.joint_title", name=pick.name), t("translate.joint_note")
    canvas.matrix(both.weights, names, names, key="joint", title=title, note=note, numbers=False)

    def make(kind: str) -> bytes:
        return figures.save(figures.heatmap(both.weights, names, names, title=title), kind, record=record(written, pick, "joint"))

    export_row(make, name=f"{written.model.spec.name}-joint-{pick.name}".replace(" ", "_"), facts=badge(written))


def record(written: Written, pick: Pick, view: str) -> Mapping[str, Any]:
    """What the exported file says of itself."""
    spec = written.model.spec
    facts: dict[str, Any] = {"model": spec.name, "revision": spec.revision, "text": written.text, "target": written.trace.target_text or ""}
    where = {"stack": "cross", "layer": pick.layer} | ({} if pick.head is None else {"head": pick.head})
    return figures.record(**facts, **where, options={"view": view, "attention": pick.name})


def badge(written: Written) -> dict[str, object]:
    spec = written.model.spec
    return {t("ui.model"): spec.name, t("translate.revision"): spec.revision, "dtype": written.trace.dtype}


# Scores


def show_scores(written: Written) -> None:
    """BLEU and chrF against a reference, and what each token of it costs the model."""
    reference = ask_text("", key="reference", label=t("translate.reference")).strip()
    said, model = written.trace.target_text or "", written.model
    if reference:
        chinese = any("\u4e00" <= c <= "\u9fff" for c in reference)
        with st.container(horizontal=True, gap="large"):
            for score in sentence_scores(said, reference, tokenize="zh" if chinese else "13a"):
                st.metric(score.name, f"{score.value:.1f}", help=md_escape(score.signature), width="content")
            loss = model.score(written.text, reference)
            st.metric(t("translate.loss"), f"{loss.loss:.3f}", help=t("translate.loss_help"), width="content")
            st.metric(t("translate.perplexity"), f"{loss.perplexity:.2f}", width="content")
        st.caption(t("translate.one_sentence"))
        show_losses(t("translate.of_reference"), model, written.text, reference, "reference losses")
    if said:
        show_losses(t("translate.of_own"), model, written.text, said, "own losses")
    if not reference:
        st.info(t("translate.reference_hint"))


def show_losses(title: str, model: InHouse, text: str, target: str, key: str) -> None:
    """Each token with its loss; the darker the dearer."""
    found = model.score(text, target)
    p = np.exp(-found.losses)
    st.markdown(t("translate.losses_of", title=title, loss=f"{found.loss:.3f}", perplexity=f"{found.perplexity:.2f}"))
    labels = [
        t("translate.loss_label", token=token, loss=f"{x:.3f}", p=f"{100 * q:.2f}")
        for token, x, q in zip(found.tokens, found.losses, p, strict=True)
    ]
    chips(
        found.losses,
        found.tokens,
        [[f"{x:.2f}" for x in found.losses]],
        labels,
        key=key,
        name=title,
        high=max(4.0, float(found.losses.max())),
        hint=t("translate.loss_hint"),
    )


def chips(
    values: Array,
    texts: Sequence[str],
    lines: Sequence[Sequence[str]],
    labels: Sequence[str],
    *,
    key: str,
    name: str,
    high: float,
    hint: str,
    kind: Literal["weights", "signed"] = "weights",
    off: Sequence[int] | None = None,
) -> None:
    """Words with a colour from 0 to `high` (signed: from -high) and numbers under them. off: which are taken out; None: none can be."""
    packed, how = canvas.pack(values)
    meta = {
        "id": repr((tuple(texts), name)),
        "texts": list(texts),
        "lines": [list(line) for line in lines],
        "labels": list(labels),
        "name": name,
        "low": -high if kind == "signed" else 0.0,
        "high": float(high),
        "hint": hint,
        "clickable": off is not None,
        "off": list(off or ()),
        "kind": how,
    }
    _chips(data={"values": packed, "meta": canvas.colours(kind) | meta}, key=key, on_off_change=lambda: None)


VIEWS: Mapping[str, Callable[[Written, Pick], None]] = {
    "steps": show_steps,
    "whole": show_whole,
    "scores": lambda written, _: show_scores(written),
}
