"""Atlas in a browser: a tile opens its head, a sentence opens the head on it, and both stand in the address."""

import pytest

pytestmark = pytest.mark.browser


def test_a_tile_opens_a_head_and_a_sentence_opens_the_map(visit):
    window = visit(locale="zh-CN", dark=True)
    window.open("atlas?find=%E5%89%8D%E4%B8%80%E8%AF%8D%E5%85%83+%3E+0.9")
    window.page.locator(".tiles button").click()
    window.page.wait_for_url("**of=encoder.0.2**")
    window.page.locator(".sentences button").first.click()
    window.page.wait_for_url("**/heads**")
    window.canvas("map")
    assert "head=2" in window.page.url
    assert window.errors == []
    assert window.outside == []
