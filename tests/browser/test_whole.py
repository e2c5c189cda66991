"""The whole model in a browser: a row is asked about by click and by keyboard, two maps share a pin, a dot opens its head."""

from playwright.sync_api import expect


def test_another_place_is_asked_about_by_keyboard_and_kept_in_the_address(visit):
    window = visit().open("layers?part=whole&text=Dogs+bark.&token=1,0")
    expect(window.page.get_by_text("What reaches “dogs”")).to_be_visible()
    canvas = window.canvas("rollout")
    canvas.focus()
    canvas.press("ArrowDown")
    canvas.press("Enter")
    window.page.wait_for_url("**token=2%2C0**")
    window.wait()
    window.page.get_by_text("What reaches “bark”").wait_for()
    expect(window.page.get_by_test_id("stDataFrame")).to_be_visible()


def test_a_pin_on_either_map_is_a_pin_on_both(visit):
    window = visit(locale="zh-CN", dark=True).open("layers?part=whole&whole=norm&text=Dogs+bark.&layer=1&head=2")
    canvas = window.canvas("norm-sent")
    canvas.scroll_into_view_if_needed()
    canvas.focus()
    canvas.press("ArrowRight")
    canvas.press("Enter")
    window.page.wait_for_url("**cell=**")
    window.wait()
    pinned = [window.said(name).text_content().split(":")[0] for name in ("norm-raw", "norm-sent")]
    assert pinned[0] == pinned[1]
    assert "→" in pinned[0]


def test_a_dot_opens_its_head_and_back_returns_to_the_curve(visit):
    window = visit().open("layers?part=whole&whole=distance&text=Dogs+bark.")
    chart = window.page.locator(".st-key-distance-chart")
    chart.scroll_into_view_if_needed()
    dot = chart.locator(".scatterlayer .trace").first.locator("path.point").nth(12)  # the first head of layer 1
    dot.wait_for()
    window.page.wait_for_timeout(1000)  # plotly draws once more when its width is known
    box = dot.bounding_box()
    window.page.mouse.move(box["x"] + box["width"] / 2 - 2, box["y"] + box["height"] / 2)
    window.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    window.page.wait_for_url("**/heads?*")
    window.wait()
    window.holds("Layer", "1")
    window.page.go_back()
    window.page.wait_for_url("**/layers?*whole=distance*")
    window.wait()
    chart.wait_for()


def test_a_cell_of_the_field_guide_opens_its_head_and_the_way_back_stays_open(visit):
    window = visit().open("layers?text=Dogs+bark.")
    for _ in range(2):
        canvas = window.canvas("measured")
        canvas.focus()
        canvas.press("ArrowDown")
        canvas.press("ArrowDown")
        canvas.press("Enter")
        window.page.wait_for_url("**/heads?*")
        window.wait()
        window.page.go_back()
        window.page.wait_for_url("**/layers?*")
        window.wait()
        assert "/layers" in window.page.url
