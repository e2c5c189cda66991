"""Compare in a browser: linked hover and pins, swapping, a link that restores the view, the figure with all three pictures."""

import re

import pytest
from playwright.sync_api import expect

from attnlab.figures import read_record

pytestmark = pytest.mark.browser
ANIMAL = "compare?" + "&".join(
    f"{name}=The animal didn't cross the street because it was too {word}." for name, word in (("text", "tired"), ("text_b", "wide"))
)
PLACE = "&layer=3&head=1"


def middle(canvas):
    box = canvas.bounding_box()
    return {"x": box["width"] * 0.6, "y": box["height"] * 0.6}


def pinned(window, name):
    """What a map says of its pinned cell, once it says so."""
    said = window.said(f"compare-{name}").filter(has_text="(")
    said.wait_for()
    return said.inner_text()


def test_a_pin_in_one_map_is_pinned_in_all(visit):
    window = visit()
    window.open(ANIMAL + PLACE)
    first = window.canvas("compare-a")
    first.click(position=middle(first))
    window.wait()
    said = [pinned(window, name) for name in ("a", "b", "difference")]
    places = {text.split(":")[0] for text in said}
    assert len(places) == 1
    assert " → " in places.pop()
    a, b, change = (float(text.split(":")[1].split("(")[0].strip().replace("−", "-")) for text in said)
    assert change == pytest.approx(b - a, abs=2e-4)
    assert window.errors == []
    assert window.outside == []


def test_swapping_turns_the_two_sides_round_and_the_link_follows(visit):
    window = visit()
    window.open(ANIMAL + PLACE)
    window.page.get_by_role("button", name="Swap").click()
    window.wait()
    window.page.wait_for_function("decodeURIComponent(location.search).replaceAll('+', ' ').includes('text=The animal') ")
    window.holds("Text A", re.compile(r"too wide\.$"))
    address = window.page.url
    again = visit()
    again.page.goto(address)
    again.wait()
    again.holds("Text A", re.compile(r"too wide\.$"))


def test_all_three_pictures_are_saved_in_one_figure(visit):
    window = visit()
    window.open(ANIMAL + PLACE)
    facts = read_record(window.saved("compare", "SVG")[0])
    assert facts["model"] == "bert"
    assert facts["options"]["text_b"].endswith("wide.")


def test_chinese_in_the_dark_and_a_narrow_window(visit):
    window = visit(locale="zh-CN", dark=True, width=700)
    window.open("compare")
    expect(window.page.get_by_text("按变化大小排列的头")).to_be_visible()
    assert window.errors == []


def test_before_training_stands_beside_after_and_a_link_brings_the_pin_and_the_sides_back(visit):
    window = visit()
    window.open("compare?model=reverse-rotary&text=a b c d e f&layer=2&head=2")
    window.page.get_by_text("before / after training", exact=True).click()
    window.wait()
    first = window.canvas("compare-a")
    first.click(position=middle(first))
    window.wait()
    expect(window.page.get_by_text("those that a training with seed 0 begins with")).to_be_visible()
    change = pinned(window, "difference")
    window.page.get_by_role("button", name="Swap").click()
    window.wait()
    window.page.wait_for_function("location.search.includes('swapped=true') && location.search.includes('pin=')")
    again = visit()
    again.page.goto(window.page.url)
    again.wait()
    back = pinned(again, "difference")
    number, turned = (float(text.split(":")[1].split("(")[0].strip().replace("−", "-")) for text in (change, back))
    assert back.split(":")[0] == change.split(":")[0]
    assert turned == pytest.approx(-number, abs=2e-4)
    assert window.errors == again.errors == []
    assert window.outside == []


def test_model_b_is_chosen_from_a_list(visit):
    window = visit()
    window.open("compare?with=models")
    window.page.get_by_role("combobox", name=re.compile("Model B")).click()
    window.page.get_by_role("option", name="translate-fr", exact=True).click()
    window.wait()
    window.page.wait_for_function("location.search.includes('model_b=translate-fr')")
    assert window.errors == []
