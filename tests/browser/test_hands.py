"""Without a mouse, with a finger, on a small screen: every page is used from its first control to its saved figure."""

from playwright.sync_api import expect

PAINTED = """
const own = CanvasRenderingContext2D.prototype;
const { clearRect, fillText } = own;
own.clearRect = function (...given) { this.canvas.texts = []; return clearRect.apply(this, given); };
own.fillText = function (text, x, y, ...rest) {
  const wide = this.measureText(text).width;
  const left = this.textAlign === 'center' ? x - wide / 2 : this.textAlign === 'right' ? x - wide : x;
  const high = this.textBaseline === 'alphabetic' ? y - 9 : y - 5;
  if (this.globalAlpha > 0.5 && text) (this.canvas.texts ??= []).push({ text, left, right: left + wide, top: high, bottom: high + 9 });
  return fillText.call(this, text, x, y, ...rest);
};
"""
WRITTEN = """(canvas) => {
  const all = canvas.texts;
  const touch = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  const over = all.flatMap((a, i) => all.slice(i + 1).filter((b) => touch(a, b)).map((b) => `${a.text} / ${b.text}`));
  return { numbers: all.filter(({ text }) => /^−?\\d+\\.\\d+$/.test(text)).length, over };
}"""


def test_the_walk_loses_no_number_and_nothing_lies_on_another_on_a_projector_and_at_200_percent(visit):
    window = visit(width=1024, height=768)
    window.page.add_init_script(PAINTED)
    for width, height in ((1024, 768), (683, 384)):
        window.page.set_viewport_size({"width": width, "height": height})
        for stage, cells in ((5, 3 * 8 + 13 * 8 + 8 * 8 + 13 * 8), (6, 3 * 8 + 13 * 8 + 8 * 13 + 13 * 13)):
            window.open(f"steps?layer=3&head=1&stage={stage}&query=8&key=2")
            canvas = window.page.locator(".st-key-walk canvas")
            canvas.wait_for(state="visible")
            found = canvas.evaluate(WRITTEN)
            assert found["numbers"] >= cells, (width, stage, found["numbers"])
            assert not found["over"], (width, stage, found["over"])
            if width == 1024:
                play = window.page.locator(".st-key-walk button.main").bounding_box()
                assert play["y"] + play["height"] <= height, "Play is in view"


def test_an_address_without_a_head_opens_the_one_it_always_opened_and_a_bare_one_our_first_look(visit):
    window = visit()
    for path, layer, head in (("heads?text=Dogs+bark.", "0", "2"), ("heads", "3", "1")):
        window.open(path)
        window.holds("Layer", layer)
        window.holds("Head", head)
        window.page.wait_for_url(f"**layer={layer}&head={head}*")


def test_a_finger_enlarges_a_head_first_and_opens_it_then(visit):
    window = visit(width=390, height=844).open("layers")
    canvas = window.canvas("mosaic")
    tap = """(canvas) => {
        const { left, top } = canvas.getBoundingClientRect();
        const at = { clientX: left + 60, clientY: top + 60, bubbles: true, pointerType: 'touch' };
        canvas.dispatchEvent(new PointerEvent('click', at));
    }"""
    canvas.evaluate(tap)
    window.page.locator(".st-key-mosaic .tip").wait_for(state="visible")
    assert "/layers" in window.page.url
    canvas.evaluate(tap)
    window.page.wait_for_url("**/heads?*")


def test_a_question_mark_lists_the_keys_and_rows_are_one_stop_each(visit):
    window = visit().open("translate")
    page = window.page
    page.locator("h1").click()
    page.keyboard.press("?")
    page.get_by_text("Step by step, Translate").wait_for(state="visible")
    page.keyboard.press("Escape")
    page.get_by_text("Step by step, Translate").wait_for(state="hidden")
    rows = page.locator(".st-key-writing .list button")
    assert rows.evaluate_all("(all) => all.filter((one) => !one.disabled && one.tabIndex === 0).length") == 1
    tree = page.locator(".st-key-writing .scrolls")
    tree.press("ArrowDown")
    expect(page.locator(".st-key-writing g.node.at")).to_have_count(1)
    told = page.locator(".st-key-writing .about")
    before = told.text_content()
    tree.press("ArrowDown")
    assert told.text_content() != before


def test_a_row_is_heard_when_listening_is_on(visit):
    window = visit()
    window.page.add_init_script("""
        window.tones = [];
        const knot = () => ({ connect: (next) => next, disconnect() {}, start() {}, stop() {}, frequency: {}, gain: {
          setValueAtTime() {}, linearRampToValueAtTime: (loud) => loud && window.tones.push(loud) } });
        window.AudioContext = class { currentTime = 0; destination = {}; createGain = knot; createOscillator = knot; };
    """)
    window.open("heads?layer=3&head=1&listen=true")
    canvas = window.canvas("map")
    canvas.press("ArrowDown")
    tones = window.page.evaluate("window.tones")
    assert len(tones) == 13, "a tone for each key"
    assert max(tones) <= 0.25


def test_no_cell_is_minus_zero_and_the_files_of_the_walk_stand_below_it_on_a_projector(visit):
    window = visit(width=1024, height=768)
    window.page.add_init_script(PAINTED)
    window.open("positions?part=scores")
    canvas = window.canvas("explained")
    window.page.wait_for_function("(canvas) => canvas.texts?.some(({ text }) => text === '0.00')", arg=canvas.element_handle())
    assert "−0.00" not in canvas.evaluate("(canvas) => canvas.texts.map(({ text }) => text)")
    window.open("steps?stage=6")
    files = window.page.locator(".st-key-save-walk summary")
    files.wait_for()
    assert window.page.locator(".st-key-walk canvas").bounding_box()["y"] < files.bounding_box()["y"]


def test_where_the_system_decides_the_colours_the_chosen_part_and_the_track_of_a_slider_are_seen(visit):
    page = visit().open("translate").page
    page.emulate_media(forced_colors="active")
    outlines = "(all) => all.map((one) => getComputedStyle(one).outlineStyle)"
    assert page.locator('[data-testid="stButtonGroup"] button').evaluate_all(outlines) == ["solid", "none", "none"]
    assert page.locator('[data-testid="stSlider"]').evaluate_all(
        "(all) => all.every((one) => getComputedStyle(one).borderBottomWidth === '2px')"
    )
