"""All heads in a real browser."""

from playwright.sync_api import expect


def test_hover_enlarges_and_a_click_opens_the_head(visit):
    window = visit().open("layers?text=The+cat+sat.")
    canvas = window.canvas("mosaic")
    box = canvas.bounding_box()
    window.page.mouse.move(box["x"] + 60, box["y"] + 60)
    expect(window.page.locator(".st-key-mosaic .tip")).to_be_visible()
    assert window.said("mosaic").text_content().startswith("L0H0")
    window.page.mouse.click(box["x"] + 60, box["y"] + 60)
    window.page.wait_for_url("**/heads?*")
    window.wait()
    window.holds("Text", "The cat sat.")
    window.page.go_back()
    window.page.wait_for_url("**/layers?*")
    window.wait()
    window.canvas("mosaic")


def test_the_keyboard_walks_the_heads_and_opens_one(visit):
    window = visit().open("layers")
    canvas = window.canvas("mosaic")
    canvas.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight"):
        canvas.press(key)
    assert window.said("mosaic").text_content().startswith("L1H3")
    canvas.press("Enter")
    window.page.wait_for_url("**/heads?*")
    window.wait()
    window.holds("Layer", "1")
    window.holds("Head", "3")


def test_all_heads_are_on_one_narrow_screen_in_chinese(visit):
    window = visit(locale="zh-CN", width=1024, height=640).open("layers")
    box = window.canvas("mosaic").bounding_box()
    assert box["x"] + box["width"] <= 1024
    assert "个头" in window.page.locator(".stApp").inner_text()


def test_each_heads_own_scale_is_kept_in_the_address(visit):
    window = visit().open("layers")
    window.page.get_by_text("Own scale", exact=True).click()
    window.page.wait_for_url("**own=true*")
    window.wait()
    assert "each head's largest" in window.page.locator(".st-key-mosaic .high").text_content()
