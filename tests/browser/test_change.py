"""Change and Ledger in a browser: a link opens its edits, a struck head is kept in the address, the ledger paints its bars and maps."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE

pytestmark = pytest.mark.browser


def test_a_struck_head_and_a_row_moved_by_hand_are_kept_in_the_address(visit):
    window = visit()
    window.open("change?model=sentiment&text=What+a+lovely+film!")
    window.page.get_by_role("button", name="3", exact=True).first.click()
    window.page.wait_for_url("**edits=**")
    window.page.get_by_text("encoder L0H3 z: zero").wait_for()

    window.open("change?model=sentiment&text=What+a+lovely+film!&becomes=typed")  # a row, by a key and by hand
    window.page.locator("summary", has_text="Edit one row").click()
    bars = window.page.locator(".bars .track")
    expect(bars.nth(2)).to_have_attribute("aria-valuenow", "7", timeout=PATIENCE)
    bars.nth(2).press("ArrowUp")
    edit = window.page.get_by_text("encoder L0H0 weights [0]: given numbers")
    edit.wait_for()
    expect(bars.nth(2)).to_have_attribute("aria-valuenow", "12", timeout=PATIENCE)
    bars.nth(0).drag_to(bars.nth(0), source_position={"x": 9, "y": 160}, target_position={"x": 9, "y": 9})
    expect(bars.nth(0)).to_have_attribute("aria-valuenow", re.compile("^5[5-9]$"), timeout=PATIENCE)
    window.page.get_by_role("button", name="Undo").click()
    expect(bars.nth(2)).to_have_attribute("aria-valuenow", "12", timeout=PATIENCE)
    window.page.get_by_role("button", name="Undo").click()
    expect(edit).to_have_count(0, timeout=PATIENCE)
    expect(bars.nth(2)).to_have_attribute("aria-valuenow", "7", timeout=PATIENCE)
    assert window.errors == []


def test_the_ledger_paints_its_bars_and_the_words_of_its_largest_head(visit):
    window = visit(locale="zh-CN", dark=True)
    window.open("ledger")
    window.canvas("sources")
    window.page.locator(".js-plotly-plot").first.wait_for()
    assert window.errors == []
    assert window.outside == []
