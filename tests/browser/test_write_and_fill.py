"""Write and Fill in Chromium: a text that goes on and can be opened again, a hole that is made by a click."""

import re

import pytest

pytestmark = pytest.mark.browser


def test_what_was_written_stands_in_the_link_and_opens_again(visit):
    window = visit().open("write?begin=The wolf saw the sheep&lang=en")
    window.page.get_by_role("button", name="Write 10").click()
    window.page.get_by_text("Tokens written: 10,").wait_for()
    text = window.page.locator(".st-key-text-so-far").inner_text()
    assert text.startswith("The wolf saw the sheep")
    window.page.wait_for_url(re.compile("written="))
    again = visit().open(window.page.url.split("/", 3)[3])
    again.page.get_by_text("Tokens written: 10,").wait_for()
    assert again.page.locator(".st-key-text-so-far").inner_text() == text


def test_a_click_on_a_word_makes_it_a_hole(visit):
    window = visit().open("fill?lang=zh")
    window.page.get_by_role("button", name="早", exact=True).click()
    window.page.get_by_text("第 4 个位置的空格").wait_for()
    window.page.wait_for_url(re.compile("holes=4"))
