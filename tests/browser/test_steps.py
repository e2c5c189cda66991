"""Step by step in a browser: the whole walk by keyboard, numbers taken apart and followed back, playing, links, scratch mode."""

import json
import re
import subprocess
import sys

from playwright.sync_api import expect

TEXT = "text=The cat sat on the mat"
PARTS = [
    "tokens",
    "token",
    "segment",
    "content",
    "position",
    "embedding",
    "x",
    "q",
    "k",
    "v",
    "products",
    "scaled",
    "mask",
    "scores",
    "exponentials",
    "weights",
    "z",
    "joined",
    "attended",
    "sum",
    "after",
    "wide",
    "active",
    "narrow",
    "total",
    "output",
]


def canvas(window):
    return window.page.locator(".st-key-walk canvas")


def on(window, part):
    """Wait until the picture and the words beside it are at this step."""
    window.page.wait_for_function(
        "(part) => { const seen = (root) => [...root.querySelectorAll('*')].some("
        "(e) => (e.dataset?.part === part) || (e.shadowRoot && seen(e.shadowRoot))); return seen(document); }",
        arg=part,
    )


def press(window, key, times=1):
    for _ in range(times):
        window.page.keyboard.press(key)
    return window.wait()


def part_of(window):
    return canvas(window).get_attribute("data-part")


def table(window):
    return window.page.locator(".st-key-apart .apart")


def taken_apart(window):
    """What the table says: the sum and the cell as written, and its rows."""
    found = table(window)
    return found.locator("b[data-role=sum]").inner_text(), found.locator("b[data-role=cell]").inner_text(), found.locator("tbody tr")


def test_the_whole_walk_by_keyboard(visit):
    window = visit().open(f"steps?{TEXT}&head=2")
    for part in PARTS:
        on(window, part)
        window.page.keyboard.press("ArrowRight")
    window.page.keyboard.press("Home")
    on(window, "tokens")
    window.page.keyboard.press("End")
    on(window, "output")
    window.page.keyboard.press("ArrowLeft")
    on(window, "total")
    window.wait()
    window.page.wait_for_url(re.compile(r"part=total"))
    assert "stage=14" in window.page.url
    expect(window.page.get_by_text("agrees with its own forward pass")).to_be_visible()


def test_a_cell_of_each_step_is_the_sum_of_its_terms(visit):
    """On the page, from the first projection to the output; that it holds everywhere is tests/models/test_weights.py."""
    window = visit().open(f"steps?{TEXT}&head=2&stage=5&part=q&query=3&key=2&dim=5&digits=6")
    for part in PARTS[PARTS.index("q") :]:
        on(window, part)
        names = ", ".join(f"[data-cell^='{name}']" for name in (f"encoder.{part}.", f"encoder.{part} ", f"{part} "))
        table(window).and_(window.page.locator(names)).wait_for()
        total, cell, rows = taken_apart(window)
        assert total == cell, part
        assert "✓" in table(window).inner_text()
        shown = [float(row.get_attribute("data-product")) for row in rows.all()]
        value = float(cell.replace("−", "-"))
        expected = 1.0 if part == "weights" else value  # the shares of a row sum to 1
        assert abs(sum(shown) - expected) < 1e-5, part
        window.page.keyboard.press("ArrowRight")


def test_a_click_on_a_cell_pins_it_and_the_link_says_so(visit):
    window = visit().open(f"steps?{TEXT}&head=2&stage=6")
    on(window, "products")
    box = canvas(window).bounding_box()
    before = table(window).get_attribute("data-cell")
    window.page.mouse.click(box["x"] + box["width"] - 60, box["y"] + 330)
    window.wait()
    window.page.wait_for_url(re.compile("key="))
    assert table(window).get_attribute("data-cell") != before
    total, cell, _ = taken_apart(window)
    assert total == cell


def test_tokens_are_chosen_in_the_sentence_and_by_arrow_keys(visit):
    window = visit().open(f"steps?{TEXT}&layer=3&head=2&stage=9&part=weights")
    window.page.locator(".st-key-walk .chips").first.locator("button").nth(3).click()
    window.page.wait_for_url(re.compile("query=3"))
    window.wait()
    window.page.keyboard.press("ArrowDown")
    window.page.wait_for_url(re.compile("query=4"))
    window.wait()
    window.page.keyboard.press("Shift+ArrowRight")
    window.page.wait_for_url(re.compile("key="))
    window.wait()
    assert table(window).get_attribute("data-cell").startswith("encoder.weights.2 4 1")


def test_a_number_is_followed_down_to_the_embedding_table(visit):
    window = visit().open(f"steps?{TEXT}&head=2&stage=6&part=products&layer=1")
    seen = []
    for part in ("q", "output", "total", "after", "sum", "x", "embedding", "content", "token"):  # layer 1, then the layer before
        table(window).locator("button.number").first.click()
        on(window, part)
        window.wait()
        seen.append("layer=1" in window.page.url)
    assert seen == [True, *[False] * 8]
    assert "table row" in table(window).inner_text()


def test_playing_moves_and_pauses_at_any_frame(visit):
    window = visit().open(f"steps?{TEXT}&head=2&stage=6")
    on(window, "products")
    window.page.keyboard.press("Space")
    window.page.wait_for_function(
        "() => { const find = (root) => { for (const e of root.querySelectorAll('*')) { if (e.dataset?.time) return Number(e.dataset.time);"
        " if (e.shadowRoot) { const x = find(e.shadowRoot); if (x !== undefined) return x; } } };"
        " const t = find(document); return t > 0.05 && t < 0.9; }"
    )
    window.page.keyboard.press("Space")
    window.page.wait_for_timeout(300)
    paused = canvas(window).get_attribute("data-time")
    window.page.wait_for_timeout(400)
    assert canvas(window).get_attribute("data-time") == paused
    assert 0 < float(paused) < 1
    picture = canvas(window).screenshot()
    scrub = window.page.locator(".st-key-walk input[type=range]")
    scrub.evaluate("(e) => { e.value = String(Math.floor(Number(e.value)) + 0.3); e.dispatchEvent(new Event('input')); }")
    window.page.wait_for_timeout(200)
    expect(canvas(window)).to_have_attribute("data-time", "0.30")
    assert canvas(window).screenshot() != picture


def test_reduced_motion_gets_still_frames(visit):
    window = visit()
    window.page.emulate_media(reduced_motion="reduce")
    window.open(f"steps?{TEXT}&head=2&stage=6")
    on(window, "products")
    whole = canvas(window).screenshot()
    scrub = window.page.locator(".st-key-walk input[type=range]")
    scrub.evaluate("(e) => { e.value = String(Number(e.value) - 0.8); e.dispatchEvent(new Event('input')); }")
    window.page.wait_for_timeout(300)
    assert part_of(window) == "products"
    assert canvas(window).screenshot() == whole


def test_a_changed_score_is_marked_and_one_click_returns(visit):
    window = visit().open(f"steps?{TEXT}&head=2&stage=9&part=weights&query=3&key=3")
    own = taken_apart(window)[1]
    window.page.get_by_text("Change something and see").click()
    box = window.page.locator("input[type=number]").last
    box.fill("400")
    box.press("Enter")
    window.page.locator(".st-key-walk .mark").wait_for()
    window.wait()
    assert window.page.locator(".st-key-walk .mark").inner_text() == "not the model's own"
    assert taken_apart(window)[1] != own
    window.page.get_by_role("button", name="Back to the model's own numbers").click()
    window.wait()
    window.page.locator(".st-key-walk .mark").wait_for(state="detached")
    assert taken_apart(window)[1] == own


def test_a_token_that_looks_like_markup_stays_text(visit):
    window = visit().open("steps?text=<img src=x onerror=alert(1)> ![x](http://evil.invalid/a.png) $x$&stage=5")
    on(window, "q")
    assert window.page.locator("img[src*=evil], img[src=x]").count() == 0


def test_chinese_dark_and_narrow(visit):
    window = visit(dark=True, width=1024).open(f"steps?{TEXT}&head=2&stage=10&lang=zh")
    on(window, "z")
    expect(window.page.get_by_text("值向量的加权和")).to_be_visible()
    assert window.page.locator(".katex-error").count() == 0
    assert json.loads(window.page.evaluate("JSON.stringify(document.documentElement.scrollWidth <= window.innerWidth)"))


def test_the_script_is_copied_and_runs_on_the_downloaded_numbers(visit, tmp_path):
    window = visit()
    window.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    window.open(f"steps?{TEXT}&head=2&stage=10")
    window.page.get_by_text("The same head on your own machine").click()
    window.page.locator(".st-key-copy button").click()
    window.page.get_by_role("button", name="Copied").wait_for()
    code = window.page.evaluate("navigator.clipboard.readText()")
    with window.page.expect_download() as download:
        window.page.get_by_role("button", name="Download the numbers").click()
    download.value.save_as(tmp_path / download.value.suggested_filename)
    (tmp_path / "head.py").write_text(code)
    done = subprocess.run([sys.executable, "-W", "ignore", "head.py"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert all(float(line.rsplit(" ", 1)[1]) < 1e-5 for line in done.stdout.splitlines())
    assert done.stdout.count("largest difference") == 2
