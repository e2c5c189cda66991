"""The words of a page in the visitor's language: the one chosen, else the browser's."""

import re
import unicodedata
from contextvars import ContextVar
from math import isfinite, isnan

import streamlit as st

from attnlab.ui import choices, link
from attnlab.words import LANGUAGES, closest, say

CHOSEN = "chosen language"
JOINER = "\u2060"  # takes no room: markdown looks for addresses after the escapes are gone, and finds none that has it inside
_spoken: ContextVar[str | None] = ContextVar("spoken", default=None)  # of the run in this thread: a page asks some hundred times


def settle_language() -> None:
    """Find the language out once, at the beginning of a run."""
    _spoken.set(_find_language())


def language() -> str:
    """One of LANGUAGES: as chosen in this visit, else from the link, else what the browser prefers."""
    return _spoken.get() or _find_language()


def _find_language() -> str:
    asked = linked_language()
    if asked in LANGUAGES:
        return str(asked)
    return closest(st.context.locale or "")


def t(key: str, /, **facts: object) -> str:
    """The sentence "room.name" in the visitor's language, with its facts put in."""
    return say(key, language(), **facts)


def md_escape(text: str) -> str:
    """Text that a visitor typed, so that markdown shows it and does nothing else: no image is fetched, no link made."""
    text = re.sub(r"(?i)\bww(?=w\.)|:(?=//)|@(?=[\w-]+\.)", f"\\g<0>{JOINER}", text)
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=\"'@/])", r"\\\1", text).replace("\n", "⏎")


def isolate(text: str) -> str:
    """Text whose own direction changes nothing around it: Arabic or Hebrew in a sentence that is written from left to right."""
    turned = any(unicodedata.bidirectional(letter) in ("R", "AL", "AN") for letter in text)
    return f"\u2068{text}\u2069" if turned else text


def percent(share: float, places: int = 1) -> str:
    """A share of 1 as the pages write it, never below 0 by rounding alone."""
    return "–" if isnan(share) else f"{round(100 * share, places) + 0.0:.{places}f}%"


def number(value: float) -> str:
    """A number as the pages write it: four decimals, three digits of a tiny or a huge one, a true minus and never a negative zero."""
    if not isfinite(value):
        return "–"
    size = abs(value)
    short = f"{value:.1e}" if 0 < size < 0.00005 else f"{value:,.0f}" if size >= 10_000 or value == round(value) else f"{value:.4f}"
    return "0" if value == 0 else short.replace("-", "−")


def signed(value: float, places: int = 4) -> str:
    """A change as the pages write it: always with its sign, but for what rounds to 0, and never a negative zero."""
    if not isfinite(value):
        return "–"
    short = round(value, places) + 0.0
    return (f"{short:+.{places}f}" if short else f"{short:.{places}f}").replace("-", "−")


def choose_language(code: str) -> None:
    """Speak another language from now on."""
    choices.keep(CHOSEN, code)
    _spoken.set(None)


def linked_language() -> str | None:
    """The language that a link to this page names: the one chosen in this visit, else the one that the link came with."""
    return choices.last(CHOSEN) or link.given("lang")
