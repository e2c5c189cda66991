"""Every page and tab in Chromium, one window for all: used without a mouse from its first stop to its saved figure, nothing wider than
the window, and axe-core finds nothing wrong but what Streamlit itself brings.

Light and dark, English and Chinese. axe-core comes with axe-playwright-python and asks no network.
"""

from pathlib import Path

import pytest

from attnlab.words import room
from tests.app.test_frame import PAGES

AXE = Path(pytest.importorskip("axe_playwright_python").__file__).parent / "axe.min.js"
# Every page and tab by its address: where the picture stands that is saved, and the bar under it; none where there is none, or where
# another stage of the walk has shown the same bar.
VIEWS = {
    "": None,
    "heads": ("map", "map"),
    "layers": ("measured", "measured"),
    "layers?part=scatter": ("scatter", "scatter"),
    "layers?part=set": ("measured", "measured"),
    "layers?part=whole": ("rollout", "rollout"),
    "layers?part=whole&whole=norm": ("norm-sent", "norm-shares"),
    "layers?part=whole&whole=distance": ("distance-chart", "distance"),
    "compare": ("compare-difference", "compare"),
    "compare?with=models": ("compare-difference", "compare"),
    "compare?with=heads": ("compare-difference", "compare"),
    "compare?with=positions": ("compare-difference", "compare"),
    "compare?with=training": ("compare-difference", "compare"),
    "atlas": None,
    "atlas?atlas_part=scatter": ("atlas-scatter", "atlas-scatter"),
    "atlas?atlas_part=pattern": None,
    "atlas?atlas_part=differences": None,
    "atlas?of=encoder.3.1": ("atlas-lengths", "atlas-lengths"),
    "steps": ("walk", "walk"),
    "steps?stage=5": None,
    "steps?stage=6": None,
    "steps?stage=9": None,
    "steps?stage=13": None,
    "positions": ("row", "row"),
    "positions?part=switch": ("switch-alibi", "switch-alibi"),
    "positions?part=longer&longest=8&n=8": ("at-length", "at-length"),
    "positions?part=without": ("moved", "moved"),
    "positions?part=scores": ("explained", "explained"),
    "variants": ("variant-map", "variant"),
    "variants?show=output": ("dz", "output"),
    "variants?show=all": None,
    "variants?show=cost": ("counted", "counted"),
    "change": None,
    "ledger": ("sources", "sources"),
    "translate": ("writing", "writing"),
    "translate?view=whole": ("alignment", "alignment"),
    "translate?view=scores": ("own-losses", "own-losses"),
    "sentiment": ("removed-words", "pooling"),
    "write": None,
    "write?view=looks": ("looks", "looks"),
    "write?view=tree": None,
    "write?view=beside": None,
    "write?view=couplets": None,
    "write?view=cache": ("cache-map", "cache"),
    "fill": None,
    "fill?view=looks": ("hole-looks", "hole-looks"),
    "fill?view=changes": ("changed-map", "changed"),
    "fill?view=likely": ("likely-1", "likely-1"),
    "train": ("learning", "loss"),
    "train?task=translate": ("learning", "loss"),
    "lessons": ("lesson-1-what-a-head-looks-at-0-0-False", "lesson-0"),
    "class": None,
}
# Streamlit's own, by rule: what its markup is, and where Streamlit speaks of it.
OWN = {
    # The file uploader's drop zone has the role "presentation" from react-dropzone, a name, and tabindex -1 since streamlit#15928;
    # no issue of Streamlit's names the conflict of these three.
    "presentation-role-conflict": "stFileUploaderDropzone",
}
SIDEWAYS = "(width) => [document.documentElement, document.querySelector('[data-testid=stMain]')].every((one) => one.scrollWidth <= width)"
GO = "(path) => { history.pushState({}, '', `/${path}`); dispatchEvent(new PopStateEvent('popstate', { state: {} })); }"
FOUND = """async (rules) => {
    const found = await axe.run(document, { resultTypes: ['violations'], ...(rules ? { runOnly: { type: 'rule', values: rules } } : {}) });
    return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => [id, html.slice(0, 200), failureSummary]));
}"""
STOP = """() => {
    let one = document.activeElement;
    while (one.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
    const said = one.tagName === 'SUMMARY' ? 'SUMMARY' : one.textContent.trim();
    const inside = [];
    for (let up = one; up; up = up.parentElement ?? up.getRootNode().host) inside.push(...up.classList);
    return { said, inside: inside.filter((name) => name.startsWith('st-key-')).map((name) => name.slice(7)) };
}"""


class Window:
    """The window that goes from view to view, in one language and then in the other."""

    def __init__(self, visit):
        self.visit, self.page, self.at = visit, visit.page, ("", "")

    def go(self, view, language, width):
        """Until the view stands in this language. What says so is in the language that was not there before: a new window where it was."""
        self.page.set_viewport_size({"width": width, "height": 800})
        if self.at == (view, language) and all(choice in self.page.url for choice in view.partition("?")[2].split("&")):
            return
        path, here = f"{view}{'&' if '?' in view else '?'}lang={language}", self.at[1]
        self.at = "", ""  # a view that does not come is no place to go on from
        computing = "part=longer" in view  # a page that works while one looks is opened as a link is, not stepped to
        if computing or here in ("", language):
            self.visit.open(path)
            self.page.evaluate(AXE.read_text("utf-8"))
        else:
            self.page.evaluate(GO, path)
        page = view.partition("?")[0]
        self.page.wait_for_selector(f'nav.pages a[aria-current="page"][data-page="{page}"]')
        self.page.locator("h1", has_text=room(language, page or "home")["title"]).wait_for()
        if VIEWS[view]:
            self.bar(view).locator("summary", has_text=room(language, "ui")["save"]).wait_for()
            drawn = self.page.locator(f".st-key-{VIEWS[view][0]}").locator("canvas, .modebar-btn, button").first
            drawn.wait_for(state="attached")  # plots come with a script of their own
        if computing:
            self.page.wait_for_selector('[class*="st-key-length-stop"] button:disabled')
        self.page.wait_for_selector('[data-test-script-state="notRunning"]')
        self.at = ("", "") if computing else (view, language)

    def bar(self, view):
        return self.page.locator(f".st-key-save-{VIEWS[view][1]}")

    def tab_to(self, stop):
        """Press Tab until one of its stops is this one; every stop on the way."""
        passed = []
        while not passed or not stop(passed[-1]):
            assert len(passed) < 150, passed
            self.page.keyboard.press("Tab")
            passed.append(self.page.evaluate(STOP))
        return passed

    def wrong(self, *rules):
        """What axe finds that is not Streamlit's own. What a late run still paints is looked at again."""
        for _ in range(2):
            found = self.page.evaluate(FOUND, list(rules) or None)
            if not (ours := [each for each in found if OWN.get(each[0], "nothing of ours") not in each[1]]):
                return []
            self.visit.wait()
        return ours


@pytest.fixture(scope="module")
def window(long_visit):
    return Window(long_visit(width=1024, height=800))


@pytest.fixture(scope="module", params=VIEWS, ids=lambda view: view or "home")
def view(request):
    """A fixture of the whole module: what is asked of one view is asked one after the other."""
    return request.param


def test_every_page_has_its_views():
    assert {view.partition("?")[0] or "home" for view in VIEWS} == set(PAGES)


def test_a_view_is_used_without_a_mouse_from_its_first_stop_to_its_saved_figure(window, view):
    window.go(view, "en", 1024)
    page = window.page
    assert page.locator("canvas.map").evaluate_all("(all) => all.every((one) => one.tabIndex === 0 && one.ariaLabel)")
    if VIEWS[view] is None:
        return
    picture, bar = VIEWS[view][0], f"save-{VIEWS[view][1]}"
    page.locator("#skip").press("Enter")
    passed = window.tab_to(lambda stop: bar in stop["inside"] and stop["said"] == "SUMMARY")
    assert any(picture in stop["inside"] for stop in passed), passed
    png = window.bar(view).get_by_role("button", name="PNG", exact=True)
    if not png.is_visible():  # on some pages what was unfolded for one view stays so for the next
        page.keyboard.press("Enter")
    png.wait_for()
    window.tab_to(lambda stop: bar in stop["inside"] and stop["said"] == "PNG")
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename.endswith(".png")


def test_axe_finds_nothing_of_ours_in_either_theme_or_language(window, view):
    """Light and dark differ in colours, the languages in everything; Chinese on a phone's screen."""
    for language, width in (("en", 1024), ("zh", 390)):
        window.go(view, language, width)
        window.page.wait_for_function(SIDEWAYS, arg=width)
        assert not (found := window.wrong()), (language, found)
        window.page.emulate_media(color_scheme="dark")
        assert not (found := window.wrong("color-contrast")), (language, "dark", found)
        window.page.emulate_media(color_scheme="light")
        window.visit.wait()  # another theme is another run, which must not meet the next view's first
