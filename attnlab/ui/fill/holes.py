"""A sentence with holes: which words were taken out, and what the model reads then."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from attnlab.core.trace import Tokens, Trace
from attnlab.models.filling import Hole, holes, masked
from attnlab.models.inhouse.model import InHouse
from attnlab.models.pretrained.model import Pretrained
from attnlab.models.spec import Spec
from attnlab.ui import choices, link
from attnlab.ui.ask import UNKNOWN, ask_model, ask_text
from attnlab.ui.language import language, md_escape, t
from attnlab.ui.traces import get_model, get_trace
from attnlab.untrusted import whole_number
from attnlab.words import InputError

Fills = InHouse | Pretrained
SENTENCES = {"en": ("fill-en", "The keys to the old cabinet are on the table."), "zh": ("fill-zh", "他每天早上都去学校上课。")}
PLACES = "holes"  # in the link: "7" or "3,7"
FIRST = {SENTENCES["en"][1]: 7, SENTENCES["zh"][1]: 7}  # the hole that a sentence begins with: one that can be argued about


@dataclass(frozen=True, eq=False)
class Holes:
    """What is on the page. whole: the sentence's tokens; places: which are hidden; tokens: what the model reads; found: one a place."""

    model: Fills
    text: str
    whole: Tokens
    places: tuple[int, ...]
    tokens: Tokens
    found: tuple[Hole, ...]

    @property
    def trace(self) -> Trace:
        """The forward pass of the sentence with its holes."""
        return get_trace(self.model.spec.name, punched(self.text, self.whole, self.places, self.model.mask_text))


def fills(spec: Spec) -> bool:
    """Whether a model fills holes."""
    return spec.predicts == "hole"


def ask_holes() -> Holes:
    """Model, sentence, and which of its words are hidden. Raises InputError for a model that fills no holes."""
    spoken = language() if language() in SENTENCES else "en"
    name, sentence = SENTENCES[spoken]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="controls"):
        model = get_model(ask_model(fills, key="filler", default=name, width=190))
        text = ask_text(sentence, key="gap", label=t("ui.text"))
    if not isinstance(model, Fills) or not fills(model.spec):
        raise InputError("error.not_task", model=model.spec.name, wanted="fill", task=model.spec.task)
    whole = model.tokenize(text)
    if unknown := [piece for piece in whole.pieces if piece in UNKNOWN]:
        st.warning(t("fill.unknown", n=len(unknown), piece=md_escape(unknown[0])))
    places = ask_places(whole, text, model.mask)
    if model.mask in whole.ids:
        return Holes(model, text, whole, (), whole, holes(model, whole))
    tokens = masked(model, whole, places)
    return Holes(model, text, whole, places, tokens, holes(model, tokens))


def ask_places(whole: Tokens, text: str, mask: int | None) -> tuple[int, ...]:
    """Which tokens are holes: a click makes one or takes it back. At least one stays, the last word if none was chosen."""
    possible = [i for i, special in enumerate(whole.special) if not special]
    if not possible or mask in whole.ids:
        return ()
    asked = tuple(number for part in choices.read(PLACES).split(",") if (number := whole_number(part)) is not None and number in possible)
    if choices.differs("holes for", text):
        asked = ()
    first = FIRST.get(text, 0)
    default = asked or (first if first in possible else possible[len(possible) // 2],)
    widget = f"holes in {text}"
    chosen = st.pills(
        t("fill.holes"),
        possible,
        selection_mode="multi",
        default=list(default),
        format_func=lambda i: whole.pieces[i],
        key=widget,
        help=t("fill.holes_help"),
    )
    places = tuple(sorted(chosen)) or default
    keep(places)
    return places


def keep(places: Sequence[int]) -> None:
    """Hold the holes, here and in the link."""
    said = ",".join(map(str, places)) or None
    choices.keep(PLACES, said)
    link.put(PLACES, said)


def punched(text: str, whole: Tokens, places: Sequence[int], mask: str) -> str:
    """The sentence as text with its model's sign for a hole in its holes."""
    for start, end in sorted((span for i in places if (span := whole.offsets[i]) is not None), reverse=True):
        text = text[:start] + mask + text[end:]
    return text
