"""Every page and tab in Chromium: nothing wider than its window, and axe-core finds nothing wrong but what Streamlit itself brings.

Light and dark, English and Chinese. axe-core comes with axe-playwright-python and asks no network.
"""

from pathlib import Path

import pytest

from tests.app.test_frame import PAGES

AXE = Path(pytest.importorskip("axe_playwright_python").__file__).parent / "axe.min.js"
TABS = {
    "layers": [f"part={part}" for part in ("scatter", "set", "whole", "whole&whole=norm", "whole&whole=distance")],
    "compare": [f"with={kind}" for kind in ("models", "heads", "positions", "training")],
    "steps": ["stage=5", "stage=6", "stage=9", "stage=13"],
    "positions": [f"part={part}" for part in ("switch", "without", "scores", "longer")],
    "variants": [f"show={part}" for part in ("output", "all", "cost")],
    "translate": ["view=whole", "view=scores"],
    "train": ["task=translate"],
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


def wrong(page, *rules):
    return [each for each in page.evaluate(FOUND, list(rules) or None) if OWN.get(each[0], "nothing of ours") not in each[1]]


@pytest.mark.parametrize(("width", "locale", "dark"), [(1024, "en-US", False), (390, "zh-CN", True)], ids=["en", "zh"])
def test_axe_finds_nothing_of_ours_on_any_page(visit, width, locale, dark):
    """English with every tab, first light then dark; Chinese page by page on a phone's screen, dark."""
    window = visit(width=width, height=800, locale=locale, dark=dark).open()
    page = window.page
    page.evaluate(AXE.read_text("utf-8"))
    for name in PAGES:
        for tab in ["", *(TABS.get(name, []) if locale == "en-US" else [])]:
            path = f"{'' if name == 'home' else name}{'?' if tab else ''}{tab}"
            page.evaluate(GO, path)
            page.wait_for_selector(f'nav.pages a[aria-current="page"][data-page="{"" if name == "home" else name}"]')
            window.wait()
            page.wait_for_function(SIDEWAYS, arg=width)
            assert not wrong(page), (path, wrong(page))
            if not dark:
                page.emulate_media(color_scheme="dark")
                assert not wrong(page, "color-contrast"), (path, "dark", wrong(page, "color-contrast"))
                page.emulate_media(color_scheme="light")
