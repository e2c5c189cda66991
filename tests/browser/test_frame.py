"""The frame in Chromium: from every page to every page in one click, the tab and the document in the visitor's language."""

import re

import pytest
from playwright.sync_api import expect

from attnlab.words import room
from tests.app.test_frame import PAGES


@pytest.mark.parametrize(("locale", "code"), [("en-US", "en"), ("zh-CN", "zh")])
def test_one_click_leads_to_a_page_and_the_tab_the_bar_and_the_document_say_so(visit, locale, code):
    window = visit(locale=locale).open()
    bar = window.page.get_by_role("navigation", name=room(code, "ui")["pages"])
    expect(bar.get_by_role("link")).to_have_count(len(PAGES))
    assert window.page.locator("html").get_attribute("lang").startswith(code)
    for name in ("heads", "variants", "home"):
        menu = room(code, name)["menu"]
        bar.get_by_role("link", name=menu, exact=True).click()
        window.wait()
        window.page.wait_for_function(
            "(name) => document.title.startsWith(name)", arg=room(code, "home")["title"] if name == "home" else menu
        )
        bar.locator('a[aria-current="page"]', has_text=re.compile(f"^{menu}$")).wait_for()
        expect(bar.locator("a[aria-current]")).to_have_count(1)
        assert window.page.locator("h1").inner_text() == room(code, name)["title"]


def test_the_first_stop_of_the_keyboard_leads_over_the_line_of_pages(visit):
    window = visit().open("heads")
    window.page.locator("#skip").wait_for(state="attached")  # it comes with the address, after everything else
    window.page.evaluate("document.body.focus()")
    window.page.keyboard.press("Tab")
    assert window.page.evaluate("document.activeElement.id") == "skip"
    window.page.keyboard.press("Enter")
    assert window.page.evaluate("document.activeElement.tagName") == "H1"


def test_a_formula_that_is_wider_than_a_phone_is_a_stop_of_the_keyboard(visit):
    formula = visit(width=390, locale="zh-CN").open().page.locator(".katex-display").first
    expect(formula).to_have_attribute("tabindex", "0")


def test_escape_lets_go_of_the_cell_in_both_views(visit):
    """The lines follow the map under the keyboard; when the map lets go they show everything again."""
    window = visit().open("heads?cell=none")
    lines = window.canvas("lines")
    canvas = window.canvas("map")
    window.page.mouse.move(5, 5)
    free = lines.evaluate("(one) => one.toDataURL()")
    canvas.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        canvas.press(key)
    window.page.wait_for_function("([one, before]) => one.toDataURL() !== before", arg=[lines.element_handle(), free])
    canvas.press("Escape")
    window.page.wait_for_function("([one, before]) => one.toDataURL() === before", arg=[lines.element_handle(), free])
