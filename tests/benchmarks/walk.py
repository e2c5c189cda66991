"""Every lesson from start to end, in every language, as a class has it: python -m tests.benchmarks.walk [FOLDER] [LESSON ...].

In Chromium: a presenter, the notes, and three followers: a phone, one that comes late, one whose network goes at every step. Each step
is predicted, opened, voted on again and opened again; who does not see what is on is an error. Screenshots go to the folder. No test.
"""

import sys
import time
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from attnlab.lessons.shelf import SHIPPED, files_in
from tests.benchmarks.serving import chromium, post, serving

PATIENCE = 60_000  # milliseconds
SCREENS = {"en": ({"width": 1024, "height": 768}, "light"), "zh": ({"width": 1920, "height": 1080}, "dark")}
PHONE = {"width": 390, "height": 844}


def answer(page: Page, kind: str, seed: int) -> None:
    """What somebody answers, by hand. seed: who, so that not all say the same."""
    if kind in ("word", "choice"):
        options = page.locator(".options label")
        options.nth(seed % options.count()).click()
    elif kind in ("row", "head"):
        for i in range(2):
            track = page.locator(".track").nth(seed % 5 + i)
            box = track.bounding_box()
            assert box is not None
            track.click(position={"x": box["width"] / 2, "y": box["height"] * (0.2 + 0.4 * i)})
    elif kind == "number":
        page.locator(".scale input").fill(str(0.2 * (1 + seed)))
    elif kind == "cell":
        page.locator("canvas").first.click()
    elif kind == "bet":
        page.locator(".options label").nth(1).click()
        page.locator(".ask input[type=text]").fill(("dog", "storm", "river")[seed % 3])
    page.locator("#send").click()
    page.locator(".done").wait_for(timeout=PATIENCE)


class Walk:
    """One lesson in one language, and its windows."""

    def __init__(self, browser: Browser, server: str, name: str, language: str, folder: Path | None) -> None:
        self.browser, self.name, self.language, self.folder = browser, name, language, folder
        self.room = post(f"{server}/live", {"lesson": name, "language": language})
        self.base = f"{server}/live/{self.room['code']}"
        self.errors: list[str] = []
        size, scheme = SCREENS[language]
        self.teacher = self.window(f"/teach#{self.room['secret']}", size, scheme)
        self.notes = self.window(f"/notes#{self.room['secret']}", {"width": 900, "height": 700}, scheme)
        self.phone = self.window("", PHONE, scheme)
        self.back = self.window("", {"width": 1366, "height": 768}, "light")
        self.followers = [self.phone, self.back]

    def window(self, path: str, size: dict[str, int], scheme: str) -> Page:
        context = self.browser.new_context(viewport=size, color_scheme=scheme, locale=self.language)  # type: ignore[arg-type]
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(f"{self.base}{path}")
        page.locator("h1").wait_for()
        return page

    def everywhere(self, title: str) -> None:
        for page in (self.teacher, *self.followers):
            expect(page.locator("h1")).to_have_text(title, timeout=PATIENCE)

    def look(self, what: str) -> None:
        if self.folder is not None:
            for who, page in (("teacher", self.teacher), ("notes", self.notes), ("phone", self.phone), ("laptop", self.back)):
                page.screenshot(path=self.folder / f"{self.name[:1]}-{self.language}-{what}-{who}.png", full_page=who == "phone")

    def vote(self, kind: str, at: str) -> None:
        for i, page in enumerate(self.followers):
            answer(page, kind, i + len(at))
        expect(self.teacher.locator("#counts")).to_contain_text(str(len(self.followers)), timeout=PATIENCE)
        self.look(f"{at}-asked")
        self.teacher.keyboard.press("o")
        for page in (self.teacher, *self.followers):
            page.locator(".reveal .tally, .reveal .like").first.wait_for()
        self.teacher.wait_for_timeout(300)
        self.look(f"{at}-open")

    def step(self, number: int, step: dict) -> int:
        """Go through one step; how many votes there were."""
        if number == 3:
            self.followers.append(self.window("", {"width": 1024, "height": 768}, "dark"))  # late
        self.everywhere(step["title"])
        if step["kind"] is None:
            self.look(f"{number}")
            return 0
        self.vote(step["kind"], f"{number}a")
        self.teacher.keyboard.press("v")
        for page in self.followers:
            page.locator(".ask").wait_for()
        self.vote(step["kind"], f"{number}b")
        return 2

    def go(self, steps: list[dict]) -> int:
        votes = 0
        for number, step in enumerate(steps, 1):
            votes += self.step(number, step)
            if number < len(steps):
                self.back.context.set_offline(True)
                self.teacher.keyboard.press("PageDown")
                expect(self.phone.locator("h1")).to_have_text(steps[number]["title"], timeout=PATIENCE)
                self.back.context.set_offline(False)
        post(f"{self.base}/control", {"do": "end"}, self.room["secret"])
        for page in (self.teacher, self.notes, *self.followers):
            page.locator("body.over").wait_for()
            page.context.close()
        return votes


def outline(name: str, language: str) -> list[dict]:
    """Title and kind of question of every step, out of the file."""
    from attnlab.lessons.prose import plain
    from attnlab.lessons.shelf import find_lesson

    steps = find_lesson(name, language).steps
    return [{"title": plain(step.title), "kind": step.predict and step.predict.kind} for step in steps]


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    names = sys.argv[2:] or list(files_in(SHIPPED))
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        server = stack.enter_context(serving())
        playwright = stack.enter_context(sync_playwright())
        browser = stack.enter_context(chromium(playwright))
        for name in names:
            for language in SCREENS:
                start, steps = time.perf_counter(), outline(name, language)
                walk = Walk(browser, server, name, language, folder)
                votes = walk.go(steps)
                done = f"{len(steps)} steps, {votes} votes, {len(walk.errors)} errors, {time.perf_counter() - start:.0f} s"
                print(f"{name} {language}: {done}", *walk.errors, sep="\n  ", flush=True)


if __name__ == "__main__":
    main()
