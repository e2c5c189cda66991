"""The bet: one word of the sentence is changed, and a real forward pass says how far the head's row moved."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from attnlab.core.trace import Tokens
from attnlab.core.views import word_groups
from attnlab.lessons.links import read_link
from attnlab.lessons.look import Seen, see
from attnlab.lessons.numbers import row_change
from attnlab.words import InputError


def place_bet(link: str, asked: Mapping[str, Any], bet: Mapping[str, Any]) -> float:
    """How far the row of the question moves when one word is changed: the Jensen-Shannon distance.

    Raises InputError where the place holds no word of the text, and where the new word does not take the old one's place.
    """
    view = read_link(link)
    before = see(view)
    start, end = span(before, int(bet["word"]))
    text = before.trace.text
    after = see(replace(view, query={**view.query, "text": text[:start] + str(bet["into"]) + text[end:]}))
    if len(after.keys) != len(before.keys):
        raise InputError("class.bet_size", word=bet["into"])
    return round(row_change(before, after, int(asked["row"])), 4)


def span(seen: Seen, column: int) -> tuple[int, int]:
    """Where a column's word stands in the text: [start, end). Raises InputError for a special token."""
    tokens: Tokens = seen.attention.keys
    groups = word_groups(tokens) if seen.words else tuple((i,) for i in range(len(tokens)))
    left = [group for group in groups if len(seen.keys) == len(groups) or not tokens.special[group[0]]]
    first, last = tokens.offsets[left[column][0]], tokens.offsets[left[column][-1]]
    if first is None or last is None:
        raise InputError("class.bet_special")
    return first[0], last[1]
