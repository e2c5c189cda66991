"""Heads in a real browser: what a person sees, hovers, clicks, types and takes away."""

import csv
import io
import json
import re

from playwright.sync_api import expect

from attnlab.figures import read_record

IT_CAT = "heads?layer=3&head=1&cell=8,2"


def test_a_cold_deep_link_restores_the_view(visit):
    window = visit().open(IT_CAT)
    assert window.said("map").text_content().startswith("it → cat: 0.49")
    window.holds("Layer", "3")
    window.holds("Head", "1")
    assert "cell=8%2C2" in window.page.url


def test_back_returns_to_the_view_as_it_was(visit):
    window = visit().open("heads?layer=2&head=5")
    window.type("Text", "Dogs chase cats.")
    window.page.get_by_role("navigation").get_by_role("link", name="All heads").click()
    window.page.wait_for_url("**/layers?*")
    window.wait()
    window.holds("Text", "Dogs chase cats.")
    window.page.go_back()
    window.page.wait_for_url("**/heads?*")
    window.wait()
    window.holds("Layer", "2")
    window.holds("Head", "5")
    window.holds("Text", "Dogs chase cats.")


def test_the_keyboard_walks_reads_pins_and_releases(visit):
    window = visit().open("heads?layer=2&head=5")
    canvas = window.canvas("map")
    canvas.focus()
    for key in ["ArrowDown"] * 8 + ["ArrowRight"] * 3:
        canvas.press(key)
    said = window.said("map")
    first = said.text_content()
    assert " → " in first
    expect(said).to_have_attribute("aria-live", "polite")
    canvas.press("Enter")
    window.page.wait_for_url(lambda url: "cell=" in url)
    window.wait()
    canvas.press("Escape")
    window.page.wait_for_url(lambda url: "cell=" not in url)


def test_hover_reads_a_number_and_the_lines_answer(visit):
    window = visit().open("heads?layer=0&head=2")
    canvas = window.canvas("map")
    lines = window.canvas("lines")
    before = lines.evaluate("c => c.toDataURL()")
    box = canvas.bounding_box()
    window.page.mouse.move(box["x"] + 200, box["y"] + 200)
    assert " → " in window.said("map").text_content()
    expect(window.page.locator(".st-key-map .tip")).to_be_visible()
    assert lines.evaluate("c => c.toDataURL()") != before


def test_a_click_pins_a_cell_and_a_second_one_releases_it(visit):
    window = visit().open("heads?layer=0&head=2")
    box = window.canvas("map").bounding_box()
    window.page.mouse.click(box["x"] + 200, box["y"] + 200)
    window.page.wait_for_url("**cell=*")
    pinned = window.page.url
    window.page.reload()
    window.wait()
    assert window.page.url == pinned
    assert "(pinned)" in window.said("map").text_content()
    window.page.mouse.click(box["x"] + 200, box["y"] + 200)
    window.page.wait_for_url(lambda url: "cell=" not in url)


def test_several_heads_at_once_and_a_double_click_shows_one_alone(visit):
    window = visit().open("heads?layer=1&head=2")
    buttons = window.page.locator(".st-key-lines .heads button")
    buttons.nth(4).click()
    window.page.wait_for_url("**heads=2%2C4*")
    buttons.nth(7).dblclick()
    window.page.wait_for_url("**heads=7*")
    window.wait()
    expect(buttons.nth(7)).to_have_attribute("aria-pressed", "true")
    pressed = [buttons.nth(i).get_attribute("aria-pressed") for i in range(buttons.count())]
    assert pressed.index("true") == 7
    assert pressed.count("true") == 1


def test_the_lines_are_read_by_keyboard_too(visit):
    window = visit().open("heads?layer=0&head=2")
    canvas = window.canvas("lines")
    canvas.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown"):
        canvas.press(key)
    assert window.said("lines").text_content().startswith("cat → H2: the ")


def test_more_changes_the_view_and_says_so(visit):
    window = visit().open("heads?layer=3&head=1&bare=true&renormalise=true&temperature=0.5&words=true")
    text = window.page.locator(".stMarkdown").all_text_contents()
    told = next(line for line in text if "L3H1" in line)
    assert "temperature 0.5 (not the model's own)" in told
    assert "rows renormalised" in told
    assert "% of the weight went to tokens that are not shown" in told


def test_a_sentence_pair_is_filtered_by_side(visit):
    window = visit().open("heads?layer=2&head=0&text=A+cat+sat&pair=Dogs+run&between=ab")
    window.canvas("map").focus()
    window.canvas("map").press("End")
    said = window.said("map").text_content()
    assert said.startswith("[CLS] → [SEP]")


def test_the_numbers_are_a_table_that_a_screen_reader_walks(visit):
    window = visit().open("heads?layer=0&head=2")
    window.page.get_by_text("The numbers as a table").first.click()
    window.wait()
    table = window.page.locator("table")
    assert table.locator("th[scope=row]").nth(2).text_content() == "cat"
    assert float(table.locator("tr").nth(3).locator("td").nth(1).text_content()) > 0.9


def test_every_export_downloads_with_the_numbers_or_the_record_in_it(visit):
    window = visit().open(IT_CAT)
    for kind in ("PNG", "SVG", "PDF", "HTML", "CSV", "NPZ"):
        data, name = window.saved("map", kind)
        assert name == f"bert-encoder-L3H1.{kind.lower()}"
        if kind == "CSV":
            rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
            assert any("0.4915" in cell for row in rows for cell in row)
        else:
            record = read_record(data)
            assert (record["model"], record["layer"], record["head"]) == ("bert", 3, 1)
            assert json.dumps(record["text"]) == '"The cat sat on the mat because it was tired."'


def test_chinese_comes_from_the_browser_and_nothing_stays_english(visit):
    window = visit(locale="zh-CN").open("heads?layer=3&head=1")
    page = window.page.locator(".stApp").inner_text()
    assert "最强的连接" in page
    for word in ("Layer", "Head", "Text", "More", "Save as", "query"):
        assert word not in page
    window.page.get_by_role("button", name="English").click()
    window.wait()
    assert "The strongest link" in window.page.locator(".stApp").inner_text()
    assert "lang=en" in window.page.url


def test_a_narrow_window_clips_nothing(visit):
    window = visit(width=1024, height=640).open("heads?layer=3&head=1")
    assert window.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for name in ("map", "lines"):
        box = window.canvas(name).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 1024


def test_hostile_text_is_shown_and_does_nothing(visit):
    window = visit().open("heads")
    bad = "<script>window.pwned=1</script> <img src=x onerror=window.pwned=1> ![x](http://evil.example/a.png) $\\frac$ \u202e\u200b ok"
    window.type("Text", bad)
    window.page.get_by_text("The numbers as a table").first.click()
    window.wait()
    canvas = window.canvas("map")
    box = canvas.bounding_box()
    for step in range(0, 300, 30):
        window.page.mouse.move(box["x"] + 120 + step, box["y"] + 120 + step / 2)
    assert window.page.evaluate("window.pwned") is None
    window.holds("Text", re.compile("^<script>"))


def test_a_blank_text_is_a_sentence_and_is_mended_by_typing(visit):
    window = visit().open("heads?layer=2&head=3")
    window.type("Text", "   ")
    assert "There is no text" in window.page.locator("[data-testid=stAlert]").inner_text()
    window.type("Text", "A cat.")
    window.canvas("map")
    window.holds("Layer", "2")


def test_a_text_too_long_is_cut_by_one_click(visit):
    window = visit().open("heads?layer=1&head=8")
    window.type("Text", "cat " * 600)
    alert = window.page.locator("[data-testid=stAlert]").inner_text()
    assert "602" in alert
    assert "512" in alert
    window.page.get_by_role("button", name="Use the first 512 tokens").click()
    window.wait()
    window.canvas("map")
    assert "text=" not in window.page.url or len(window.page.url) < 8000


def test_what_the_address_asks_for_and_does_not_exist_is_named(visit):
    window = visit().open("heads?layer=99&head=banana&model=nosuchmodel")
    assert "nosuchmodel" in window.page.locator("[data-testid=stAlert]").inner_text()
    window = visit().open("heads?layer=99")
    window.canvas("map")
    window.holds("Layer", "5")
    assert "Layer 99 does not exist" in window.page.locator("[data-testid=stToast]").inner_text()


def test_dark_pages_draw_dark_maps(visit):
    corner = "c => Array.from(c.getContext('2d').getImageData(c.width * 0.8, c.height * 0.4, 1, 1).data).slice(0, 3)"
    light = visit().open("heads?layer=0&head=2").canvas("map").evaluate(corner)
    dark = visit(dark=True).open("heads?layer=0&head=2").canvas("map").evaluate(corner)
    assert sum(light) > 600 or sum(light) == 0
    assert sum(dark) < 300
