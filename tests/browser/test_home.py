"""Home leads on: a typed sentence, an example, a dropped figure."""

from attnlab import figures, load
from attnlab.core.trace import Trace


def test_a_typed_sentence_and_a_click_lead_to_its_heads(visit):
    window = visit().open()
    window.type("Text", "Birds sing at dawn.")
    window.page.get_by_role("button", name="Look at one head").click()
    window.page.wait_for_url("**/heads?*")
    window.wait()
    window.canvas("map")
    window.holds("Text", "Birds sing at dawn.")


def test_an_example_opens_its_head_with_its_link_pinned(visit):
    window = visit().open()
    window.page.get_by_role("button", name="Open L3H1").nth(1).click()
    window.page.wait_for_url("**/heads?*")
    window.wait()
    assert window.said("map").text_content().startswith("are → keys: 0.7")
    window.page.go_back()
    window.wait()
    assert "Attention Lab" in window.page.locator("h1").inner_text()


def test_a_dropped_figure_opens_the_view_it_came_from(visit, tmp_path):
    trace: Trace = load("bert").trace("Time flies like an arrow.")
    seen = trace.at("encoder", 4)
    record = figures.record(model="bert", text=trace.text, stack="encoder", layer=4, head=9, options={"bare": True, "temperature": 0.5})
    file = tmp_path / "figure.svg"
    file.write_bytes(figures.save(figures.heatmap(seen.weights(9), seen.queries.pieces, seen.keys.pieces), "svg", record=record))
    window = visit().drop(file)
    assert "L4H9, temperature 0.5" in window.page.locator(".stApp").inner_text()
    assert "bare=true" in window.page.url
    window.holds("Text", "Time flies like an arrow.")


def test_a_figure_from_elsewhere_is_refused_with_a_sentence(visit, tmp_path):
    file = tmp_path / "other.png"
    file.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    window = visit().open()
    window.page.locator("input[type=file]").set_input_files(file)
    window.wait()
    assert "carries no record" in window.page.locator("[data-testid=stAlert]").inner_text()


def test_home_is_chinese_for_a_chinese_browser(visit):
    window = visit(locale="zh-CN", width=1024, height=640).open()
    page = window.page.locator(".stApp").inner_text()
    assert "值得一看的四个句子" in page
    assert "Look at one head" not in page
    assert window.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
