"""A figure for a paper out of the browser: the look is chosen, the file holds it, and the file leads back to the view."""

import io
import re
import zipfile
from xml.etree import ElementTree

import pytest

from attnlab.figures import read_record

LINES = "heads?layer=3&head=1&heads=1,4"


def choose(window, label, value):
    """Pick from a list by keyboard."""
    field = window.page.get_by_label(label, exact=True).first
    field.scroll_into_view_if_needed()
    field.focus()
    field.press("ArrowDown")  # a list opened by the mouse closes again while the page still scrolls
    window.page.get_by_role("option", name=value, exact=True).click()
    window.wait()


def test_lines_are_saved_as_wide_as_asked_with_the_heads_on_screen_and_lead_back(visit, tmp_path):
    window = visit().open(LINES)
    window.unfold("lines")
    width = window.page.get_by_label("Width", exact=True).first
    width.fill("85")
    width.press("Enter")
    window.page.wait_for_url("**figure_width=85*")
    window.wait()
    data, name = window.saved("lines", "SVG")
    assert name == "bert-encoder-L3H1-4-lines.svg"
    assert float(ElementTree.fromstring(data).attrib["width"].removesuffix("pt")) == pytest.approx(85 / 25.4 * 72, abs=0.01)
    record = read_record(data)
    assert (record["figure"], record["model"], record["layer"], record["head"]) == ("lines", "bert", 3, 1)
    assert record["options"] == {"heads": "1,4", "width": 85.0}
    for colour in (b"#d55e00", b"#e69f00"):  # heads 1 and 4, as the screen draws them
        assert colour in data.lower()

    file = tmp_path / name
    file.write_bytes(data)
    window = visit().drop(file)
    window.page.wait_for_url(lambda url: "figure_width=85" in url and "heads=1%2C4" in url)
    again = window.saved("lines", "SVG")[0]
    unsaid = [re.sub(rb'"view": "[^"]*"', b"", each) for each in (again, data)]  # an address names its choices in any order
    assert unsaid[0] == unsaid[1]


def test_a_unit_is_changed_and_the_width_stays(visit):
    window = visit().open("heads?figure_width=127")
    window.unfold("map")
    window.holds("Width", "127")
    choose(window, "Unit", "in")
    window.holds("Width", "5")
    window.page.wait_for_url(lambda url: "figure_width=5&" in url + "&" and "figure_unit=in" in url)


def test_all_heads_are_saved_as_one_picture_and_as_a_zip_of_every_head(visit):
    window = visit().open("layers?model=reverse-sinusoidal&text=a+b+c&figure_dpi=40&own=true")
    data, name = window.saved("mosaic", "PDF")
    assert name == "reverse-sinusoidal-encoder-all-heads.pdf"
    record = read_record(data)
    assert (record["figure"], record["text"], record["options"]) == ("mosaic", "a b c", {"dpi": 40, "own": True})
    assert "layer" not in record
    with zipfile.ZipFile(io.BytesIO(window.saved("mosaic", "ZIP")[0])) as files:
        assert len([each for each in files.namelist() if each.endswith(".png")]) == 3 * 8
        assert "index.csv" in files.namelist()


@pytest.mark.parametrize(("page", "picture"), [("heads", "lines"), ("positions", "square-sinusoidal")])
def test_the_options_fit_a_small_window_in_chinese(visit, page, picture):
    window = visit(locale="zh-CN", width=1024, height=640, dark=True).open(page)
    window.page.locator(f".st-key-save-{picture}").scroll_into_view_if_needed()
    box = window.unfold(picture)
    for label in ("宽度", "字号（磅）", "配色", "每英寸像素数（PNG）"):
        box.get_by_label(label, exact=True).first.wait_for(state="visible")
    edge = box.bounding_box()
    assert edge["x"] >= 0
    assert edge["x"] + edge["width"] <= 1024
    assert window.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_curve_and_a_map_of_the_positions_page_are_saved_as_a_page_of_their_own(visit):
    window = visit().open("positions")
    data, name = window.saved("square-sinusoidal", "HTML")
    assert name.endswith(".html")
    assert b"<script" in data
    assert b"http" not in data.replace(b"http-equiv", b"").replace(b"http://www.w3.org", b"")
    assert read_record(data)["figure"] in ("heatmap", "difference", "curves")
