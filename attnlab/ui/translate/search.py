"""A translation step by step: what was written, the search that wrote it, and the way on to the other pages."""

from typing import Any

import numpy as np
import streamlit as st

from attnlab.core.trace import Array
from attnlab.core.translation import likeliest, mean_or_head
from attnlab.figures import canvases
from attnlab.figures.captions import trace_caption
from attnlab.models.inhouse.decoding import Candidate
from attnlab.models.inhouse.model import InHouse
from attnlab.ui import canvas, choices, link
from attnlab.ui.ask import open_head, open_steps
from attnlab.ui.language import language, md_escape, t
from attnlab.ui.pictures import save_matrix
from attnlab.ui.save import facts_of
from attnlab.ui.translate.writing import Pick, Written, force
from attnlab.untrusted import whole_number
from attnlab.words import InputError

DROPPED = 3  # branches that were not kept, a step, that the tree shows
LISTED = 10  # tokens that could come next; the rest is one row
KEY, PROBLEM = "writing", "forced problem"

_decoder = canvas.component("decoder", "decoder")


def show_sentence(written: Written) -> None:
    """The translation itself, and what of it was not the model's own choice."""
    best = written.decoded.best
    said = md_escape(written.trace.target_text or "∅")
    facts = t(
        "translate.facts", total=f"{best.total:.2f}", n=len(best.log_probabilities), stopped=t(f"translate.stop_{written.decoded.stopped}")
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.markdown(f"## {said}")
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
    steps = [seen_step(written, i) for i in range(len(written.decoded.steps))]
    meta = {
        "id": repr((written.model.spec.name, written.model.spec.revision, written.text, written.ids, len(steps), language())),
        "source": list(trace.source.pieces),
        "read": list(trace.target.pieces if trace.target else ())[:rows],
        "written": list(written.pieces)[:rows],
        "steps": steps,
        "step": step,
        "note": t("translate.step_note", name=pick.name),
        "words": step_words(pick),
    }
    values = canvases.narrow(np.concatenate([cross[:rows].ravel(), own[:rows].ravel()]))
    changes: dict[str, Any] = {
        "on_force_change": lambda: _force(written),
        "on_word_change": lambda: _write_word(written),
    }
    data = {"values": values, "meta": canvases.colours("weights") | meta}
    canvas.show_component(_decoder, data, key=KEY, on_step_change=_move, **changes)
    if problem := choices.last(PROBLEM):
        choices.forget([PROBLEM])
        st.error(md_escape(problem.say(language())))
    st.caption(t("translate.tree_note", dropped=DROPPED))
    save_steps(written, pick, cross[:rows])
    open_buttons(written, pick)


def save_steps(written: Written, pick: Pick, cross: Array) -> None:
    """What every step looked at in the source, step by step."""
    title, axes = t("translate.steps_title", name=pick.name), (t("translate.target"), t("translate.source"))
    told: dict[str, Any] = {"title": title, "caption": trace_caption(written.trace), "legend": t("ui.weight"), "axes": axes}
    told |= {"special": written.trace.source.special, "share": True}
    about = facts_of(written.trace, written.trace.at("cross", pick.layer), pick.head, attention=pick.name)
    name, rows = f"{written.model.spec.name}-steps-{pick.name}", written.pieces[: len(cross)]
    save_matrix(cross, rows, written.trace.source.pieces, key=KEY, name=name, facts=about, **told)


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
        "next": next_tokens(written, i),
    }


def next_tokens(written: Written, i: int) -> dict[str, Any] | None:
    """The model's own distribution after what the translation says up to here, whatever the search made of it; None past its end."""
    logits, model = written.trace.outputs["logits"], written.model
    if i >= min(len(logits), len(written.ids)):
        return None
    found = likeliest(logits[i], chosen=written.ids[i], most=LISTED, never=(model.pad, model.bos, model.unk))
    return canvases.next_tokens(found, model.show, written.ids[i])


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
        *("instead", "other", "write", "rest"),
    )
    braces = {name: f"{{{name}}}" for name in ("n", "of", "token", "p", "total", "score", "before")}
    whys = ("kept", "finished", "outscored", "forced", "not forced", "forbidden", "stopped", "drawn", "not drawn", "top-k", "top-p")
    reasons = {why: t(f"translate.why_{why.replace(' ', '_').replace('-', '_')}") for why in whys}
    return {name: t(f"translate.{name}", **braces) for name in names} | {"why": reasons}


def step_now(written: Written) -> int:
    """Which step is shown, at first the first."""
    asked = whole_number(choices.read("at"))
    return max(0, min(0 if asked is None else asked, len(written.trace.target or ()) - 1, len(written.ids) - 1))


def _move() -> None:
    choices.keep("at", str(choices.report(KEY, "step")))


def _force(written: Written) -> None:
    """A candidate was clicked: it is written instead, after what the translation says before."""
    clicked = choices.report(KEY, "force")
    if clicked is None or clicked["step"] >= len(written.decoded.steps):
        return
    choices.keep("at", str(clicked["step"]))
    force((*written.ids[: clicked["step"]], int(clicked["token"])))


def _write_word(written: Written) -> None:
    """A word was typed: it is written at this step, after what the translation says before."""
    typed = choices.report(KEY, "word")
    if typed is None:
        return
    try:
        ids = written.model.target_ids(typed["text"])
        if written.model.unk in ids:
            raise InputError("error.unknown_word", word=typed["text"])
    except InputError as mistake:
        choices.keep(PROBLEM, mistake)
        return
    choices.keep("at", str(typed["step"]))
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
            key = int(np.argmax(mean_or_head(written.trace.at("cross", pick.layer), pick.head)[step]))
            open_steps("cross", pick.layer, pick.head or 0, stage=6, query=step, key=key)  # where this head's scores are made


def carry(written: Written, pick: Pick) -> None:
    """Let the other pages show this model, sentence and translation."""
    link.choose(model=written.model.spec.name, text=written.text, target=written.trace.target_text or "")
    link.choose(over="mean" if pick.head is None else "head")
