"""How pictures stand on a visitor's screen: what is chosen there reaches every component and stays in the link."""

import json

import pytest

from attnlab.figures import ramp
from attnlab.ui.screen import LARGER
from tests.app.conftest import opened, words

PAGES = ["look/heads.py", "look/layers.py", "learn/steps.py"]


def drawn(app):
    """What the components of a page were given to draw."""
    sent = [json.loads(each.proto.mixed.json or each.proto.json or "{}") for each in app.get("bidi_component")]
    return [data["meta"] for data in sent if "meta" in data]


@pytest.mark.parametrize("page", PAGES)
def test_contrast_and_size_reach_every_picture_and_stay_in_the_link(page):
    app = opened(page, contrast="true", large="true", listen="true")
    metas = drawn(app)
    assert metas
    assert all((meta["scale"], meta["listen"]) == (LARGER, True) for meta in metas)
    ramps = [meta.get("dark") or meta["ramps"]["weights"][1] for meta in metas if "dark" in meta or "ramps" in meta]
    assert set(ramps) == {ramp.ramp("weights", "dark", strong=True)}
    said = next(json.loads(each.proto.json)["put"] for each in app.get("bidi_component") if each.proto.component_name == "attnlab_address")
    assert [said[name] for name in ("contrast", "large", "listen")] == ["true"] * 3


def test_nothing_is_louder_or_larger_unless_somebody_asks():
    metas = drawn(opened("look/heads.py"))
    assert all((meta["scale"], meta["listen"]) == (1, False) for meta in metas)
    assert metas[0]["light"] == ramp.ramp("weights", "light")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_keys_and_the_terms_are_explained_on_every_page(language):
    app = opened("look/heads.py", lang=language)
    assert "`Esc`" in words(app)
    helps = {each.key: each.proto.help for each in (*app.number_input, *app.text_input)}
    assert "L3H1" in helps["layer"]
    assert "L3H1" in helps["head"]
    assert "##" in helps["text"]
    assert "[CLS]" in helps["text"]
