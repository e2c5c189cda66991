"""A translation as it is asked for and kept: model, sentence, search, how it must begin, and which of its attention is shown."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from attnlab.core.trace import Trace
from attnlab.core.translation import sharpest
from attnlab.models.inhouse.decoding import Decoded
from attnlab.models.inhouse.model import InHouse
from attnlab.ui import choices, link
from attnlab.ui.ask import ask_choice, ask_in_house, ask_number, ask_slider, ask_text
from attnlab.ui.language import t
from attnlab.ui.own_models import own_model
from attnlab.ui.traces import get_model
from attnlab.untrusted import whole_number


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


def ask_writing() -> Written:
    """Model, sentence and search; and the translation they make."""
    row = st.columns([2, 5, 1.6, 1.3, 1.9], vertical_alignment="bottom")
    with row[0]:
        model = ask_in_house("translator", "translate", t("ui.model"))
    with row[1]:
        text = ask_text(model=model.spec.name)
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
    asked = choices.read("forced").split("-")
    if choices.differs("forced for", (model.spec.name, model.spec.revision, text)):
        force(())
        return ()
    ids = tuple(number for part in asked if (number := whole_number(part)) is not None)
    if not ids or len(ids) != len(asked):
        return ()
    limit = model.module.config.target_vocab or model.module.config.vocab
    forbidden = (model.pad, model.bos, model.unk)
    good = all(i < limit and i not in forbidden for i in ids) and model.eos not in ids[:-1] and len(ids) < model.module.config.max_tokens
    return ids if good else ()


def force(ids: Sequence[int]) -> None:
    """Let the translation begin with these tokens from now on."""
    said = "-".join(map(str, ids)) or None
    choices.keep("forced", said)
    link.put("forced", said)


def write(model: InHouse, text: str, width: int, alpha: float, forced: tuple[int, ...]) -> Written:
    """The translation, or the one already made of the same choices."""
    if own_model(model.spec.name) is None:
        return _shared(model.spec.name, model.spec.revision, text, width, alpha, forced)
    key = (model.spec.name, model.spec.revision, text, width, alpha, forced)
    last = choices.visit("last written", dict[tuple[object, ...], Written])
    if key not in last or last[key].model is not model:
        last.clear()
        last[key] = _write(model, text, width, alpha, forced)
    return last[key]


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
