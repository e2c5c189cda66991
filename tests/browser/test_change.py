"""Change and Ledger in a browser: a link opens its edits, a struck head is kept in the address, the ledger paints its bars and maps."""

import pytest

pytestmark = pytest.mark.browser


def test_a_struck_head_is_kept_in_the_address(visit):
    window = visit()
    window.open("change?model=sentiment&text=What+a+lovely+film!")
    window.page.get_by_role("button", name="3", exact=True).first.click()
    window.page.wait_for_url("**edits=**")
    window.page.get_by_text("encoder L0H3 z: zero").wait_for()
    assert window.errors == []


def test_the_ledger_paints_its_bars_and_the_words_of_its_largest_head(visit):
    window = visit(locale="zh-CN", dark=True)
    window.open("ledger")
    window.canvas("sources")
    window.page.locator(".js-plotly-plot").first.wait_for()
    assert window.errors == []
    assert window.outside == []
