"""A link restores every view: what is chosen on a page stands in its address, and the address opened in a fresh visit shows the same."""

import json

import pytest

from tests.app.conftest import HOME, opened, words

CHANGES = {"number_input": lambda one: min(one.value + 1, one.max) if one.value is not None else None, "toggle": lambda one: not one.value}


def address(app):
    """What the page writes into the address."""
    sent = [json.loads(each.proto.json) for each in app.get("bidi_component") if each.proto.component_name == "attnlab_address"]
    assert len(sent) == 1, "the address is written once"
    return {name: value for name, value in sent[0]["put"].items() if value is not None}


def shown(app):
    """What stands on the page: its words, and every widget's value."""
    kinds = ("number_input", "text_input", "selectbox", "toggle", "slider", "button_group")
    return words(app), {(kind, str(one.label)): str(one.value) for kind in kinds for one in app.get(kind)}


TABS = {
    "look/heads.py": [{"layer": "2", "head": "3", "bare": "true", "temperature": "0.5"}, {"over": "mean"}, {"cell": "none"}],
    "look/layers.py": [{"part": part} for part in ("scatter", "set", "whole")] + [{"own": "true", "measure": "entropy"}],
    "look/compare.py": [{"with": kind} for kind in ("models", "heads", "positions", "training")] + [{"align": "position", "pin": "1,2"}],
    "learn/steps.py": [{"stage": "6", "query": "3", "key": "2"}, {"layer": "1", "head": "4", "drawn": "16"}],
    "learn/positions.py": [{"part": "switch"}, {"part": "without", "edit": "shifted"}, {"part": "scores"}, {"encoding": "rotary"}],
    "learn/variants.py": [{"show": part} for part in ("output", "all", "cost")] + [{"from": "table", "variant": "linear"}],
    "build/translate.py": [{"view": view} for view in ("whole", "scores")] + [{"search": "greedy", "at": "1"}],
    "build/sentiment.py": [{"review": "A good film."}],
    "build/train.py": [{"task": "translate"}, {"positions": "alibi", "reverse_layers": "2"}],
}
VIEWS = [(page, choices) for page, several in TABS.items() for choices in several]


@pytest.mark.parametrize(("page", "choices"), VIEWS, ids=[f"{page[:-3]}-{'-'.join(choices.values())}" for page, choices in VIEWS])
def test_the_address_of_a_view_opens_the_same_view(page, choices):
    first = opened(page, lang="en", **choices)
    said = address(first)
    assert choices.items() <= said.items(), "everything that was chosen stands in the address"
    again = opened(page, **said)
    assert address(again) == said
    assert shown(again) == shown(first)


def test_a_page_that_stops_at_a_mistake_says_in_its_address_what_was_typed():
    assert address(opened("look/heads.py", text=" ", layer="2"))["text"] == " "


def test_a_link_that_asks_for_more_than_is_read_says_what_was_left_out():
    said = [each.value for each in opened(HOME, text="cats " * 1560).warning]
    assert len(said) == 1
    assert all(number in said[0] for number in ("text", "7800", "4000"))
    assert not opened(HOME, text="cats " * 700).warning
