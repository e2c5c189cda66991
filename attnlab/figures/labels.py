"""Any text as a label: what a font cannot draw or a file cannot hold becomes something that can be seen."""

import unicodedata
from functools import cache

from attnlab.figures import style

VISIBLE = {"\n": "⏎", "\r": "⏎", "\u2028": "⏎", "\u2029": "⏎", "\x0b": "⏎", "\x0c": "⏎", "\x85": "⏎", "\t": "⇥"}
JOINERS = "\u200c\u200d"  # they shape Arabic, Indic scripts and emoji, and are harmless
MISSING, HIDDEN, NOTHING = "▯", "·", "∅"
MARKS = 3  # combining marks kept on one letter; more would paint over the neighbours


def label(text: str, limit: int = 24) -> str:
    """One short line for one token. limit: in columns, where a Chinese character takes two."""
    return shorten(clean(text), limit) or NOTHING


def labels(texts: tuple[str, ...] | list[str], limit: int = 24) -> list[str]:
    return [label(text, limit) for text in texts]


CIRCLE = "\u25cc"


def clean(text: str) -> str:
    """The text with every character drawable: line breaks and tabs as signs, controls as dots, unknown glyphs as boxes.

    A letter and its marks are drawn from one font. Where none has them all, the mark is written on a dotted circle, as Unicode does.
    """
    if not text.strip(" \u00a0"):
        return "␣" * len(text)
    kept: list[str] = []
    marks, cluster = 0, frozenset[int]()
    for character in text:
        shown = drawable(character)
        marks = marks + 1 if shown and unicodedata.combining(shown) else 0
        if not kept or not leans(shown):
            cluster = fonts_with(shown) if shown else cluster
        elif cluster & fonts_with(shown):
            cluster &= fonts_with(shown)
        else:
            cluster = fonts_with(shown) & fonts_with(CIRCLE)
            kept.append(CIRCLE if cluster else "")
            shown = shown if cluster else MISSING
        if marks <= MARKS:
            kept.append(shown)
    return "".join(kept)


def leans(shown: str) -> bool:
    """Whether a character is drawn together with the one before it. Thai am is a letter that is drawn as a mark and a letter."""
    if len(shown) != 1:
        return False
    return unicodedata.category(unicodedata.normalize("NFKD", shown)[0])[0] == "M" or "\U0001f3fb" <= shown <= "\U0001f3ff"


def shorten(text: str, limit: int) -> str:
    """The text, or its beginning and an ellipsis; never cut before a combining mark or a joiner."""
    if columns(text) <= limit:
        return text
    end, used = 0, 1
    while end < len(text) and used + columns(text[end]) <= limit:
        used += columns(text[end])
        end += 1
    while end > 1 and (unicodedata.combining(text[end]) or text[end] in JOINERS or text[end - 1] in JOINERS):
        end -= 1
    return text[:end] + "…"


def columns(text: str) -> int:
    """How wide the text is, in Latin letters."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in text)


@cache
def drawable(character: str) -> str:
    """One character as something that every format can hold."""
    if character in VISIBLE:
        return VISIBLE[character]
    if "\ufe00" <= character <= "\ufe0f":  # asks for a colour or a plain variant; there is one variant here
        return ""
    if character in JOINERS:
        return character
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Cn"):
        return HIDDEN
    return character if fonts_with(character) else MISSING


@cache
def charmaps() -> tuple[frozenset[int], ...]:
    """The characters of each font."""
    from matplotlib.ft2font import FT2Font

    return tuple(frozenset(FT2Font(str(path)).get_charmap()) for path in style.add_fonts())


@cache
def fonts_with(character: str) -> frozenset[int]:
    """Which fonts can draw this character, by their places."""
    return frozenset(place for place, codes in enumerate(charmaps()) if any(ord(one) in codes for one in character[:1]))
