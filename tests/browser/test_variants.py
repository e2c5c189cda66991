"""Variants in a browser: a variant chosen by keyboard stays in the link, maps show each other's hover, times are measured when asked."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


def test_a_deep_link_opens_the_variant_it_names(visit):
    window = visit()
    window.open("variants?variant=sparsemax&layer=1&head=8")
    expect(window.page.get_by_text("The nearest point of the simplex")).to_be_visible()
    window.canvas("variant-map")
    assert window.errors == []
    assert window.outside == []


def test_hovering_the_pattern_reads_a_number_and_the_other_maps_follow(visit):
    window = visit()
    window.open("variants?variant=window")
    pattern = window.canvas("pattern-map")
    box = pattern.bounding_box()
    pattern.hover(position={"x": box["width"] * 0.6, "y": box["height"] * 0.6})
    assert ": " in window.said("pattern-map").inner_text()


def test_typed_numbers_are_attended_to(visit):
    window = visit(locale="zh-CN", dark=True)
    window.open("variants?from=table&variant=causal")
    expect(window.page.get_by_text("手工输入", exact=False).first).to_be_visible()
    window.canvas("variant-map")
    assert window.errors == []
