"""A class in Chromium: a teacher with three followers, a phone, one late, one who comes back; the class as a head; the teacher's page."""

import json
import re
import urllib.request

import pytest
from playwright.sync_api import expect

from attnlab.figures.components import script as component
from tests.browser.conftest import PATIENCE


def post(address, data, secret=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {secret}"} if secret else {})
    request = urllib.request.Request(address, json.dumps(data).encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=PATIENCE / 1000) as answer:
        return json.loads(answer.read())


def first_event(address, secret):
    """The state as the teacher's stream has it first."""
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {secret}"})
    with urllib.request.urlopen(request, timeout=PATIENCE / 1000) as stream:
        return next(line for line in stream if line.startswith(b"data: ")) + b"\n"


class Room:
    """A room of a shipped lesson, its teacher's window, and followers."""

    def __init__(self, visit, server, lesson, **teacher):
        found = post(f"{server}/live", {"lesson": lesson})
        self.visit, self.base, self.secret = visit, f"{server}/live/{found['code']}", found["secret"]
        self.teacher = self.window(f"/teach#{self.secret}", **teacher)

    def window(self, path="", **size):
        page = self.visit(**size).page
        page.goto(f"{self.base}{path}")
        page.locator("h1").wait_for()
        return page

    def do(self, action, value=None):
        return post(f"{self.base}/control", {"do": action, "value": value}, self.secret)


def sees(pages, text):
    for page in pages:
        expect(page.locator("h1")).to_have_text(text, timeout=PATIENCE)


def vote(page, word):
    page.get_by_role("radio", name=word, exact=True).check()
    page.locator("#send").click()
    page.locator(".done").wait_for()


def test_predict_reveal_vote_again_freeze_and_the_end(visit, server):
    room = Room(visit, server, "1-what-a-head-looks-at", width=1024)
    teacher, phone, back = room.teacher, room.window(width=390, height=844), room.window(dark=True)
    teacher.keyboard.press("PageDown")
    sees((teacher, phone, back), "Predict a row")
    vote(phone, "fox")
    vote(back, "over")
    late = room.window()
    vote(late, "fox")
    back.reload()
    expect(back.locator(".done")).to_contain_text("over", timeout=PATIENCE)  # what was answered is still there
    expect(teacher.locator("#counts")).to_contain_text("3 answered", timeout=PATIENCE)
    assert phone.locator(".reveal, .tally").count() == 0
    teacher.keyboard.press("o")
    for page in (phone, late, back):
        expect(page.locator(".reveal .key.class")).to_have_text(re.compile(r"answers: 3"), timeout=PATIENCE)
    expect(phone.locator(".line.right.mine .name")).to_have_text("fox")
    expect(back.locator(".line.mine .name")).to_have_text("over")
    teacher.keyboard.press("v")
    back.get_by_role("heading", name="Vote again").wait_for()
    vote(back, "fox")
    teacher.keyboard.press("o")
    names = [re.compile("First vote.*3"), re.compile("Second vote.*1"), "The model"]
    expect(late.locator(".reveal .key")).to_have_text(names, timeout=PATIENCE)
    teacher.keyboard.press("f")
    expect(teacher.locator("#held")).not_to_be_empty()
    teacher.keyboard.press("PageDown")
    sees((teacher,), "Another head, another habit")
    sees((phone, late, back), "Predict a row")
    teacher.keyboard.press("f")
    sees((phone, late, back), "Another head, another habit")
    teacher.keyboard.press("b")
    expect(phone.locator("body")).to_have_class(re.compile("black"), timeout=PATIENCE)
    teacher.keyboard.press("b")
    track = phone.locator(".track").nth(9)
    track.focus()
    track.press("ArrowUp")
    phone.locator("#send").click()
    expect(phone.locator(".done")).to_contain_text("100%")
    room.do("end")
    for page in (teacher, phone, late, back):
        expect(page.locator("body")).to_have_class(re.compile("over"), timeout=PATIENCE)


def test_the_class_is_a_head(visit, server):
    room = Room(visit, server, "7-the-class-as-a-head")
    notes = room.window(f"/notes#{room.secret}", width=900)
    for query in ("the", "cat"):
        page = room.window(width=390, height=844)
        expect(page.locator(".query b")).to_have_text(query, timeout=PATIENCE)
        track = page.locator(".track").nth(1)
        track.focus()
        track.press("ArrowUp")
        page.locator("#send").click()
        page.locator(".done").wait_for()
    expect(notes.locator("#counts")).to_contain_text("2 answered", timeout=PATIENCE)
    alive = [b"retry: 1000\n\n", first_event(f"{room.base}/events", room.secret), b"event: alive\ndata: {}\n\n"]
    notes.route("**/events", lambda route: route.fulfill(body=b"".join(alive), content_type="text/event-stream"))
    with notes.expect_response("**/events"):
        notes.reload()
    expect(notes.locator("#counts")).to_contain_text("2 answered", timeout=PATIENCE)  # a sign of life changes nothing
    expect(notes.locator("h1")).to_have_text("You are a word")
    room.do("open")
    expect(room.teacher.locator(".like")).to_have_text(re.compile(r"attends like L\dH\d"), timeout=PATIENCE)
    expect(room.teacher.locator(".map-root")).to_have_count(3)  # the class, the nearest head, and their difference
    room.do("end")


EVIL = "http://evil.example/x.png"
HOSTILE = f"""+++
title = "<script>window.ran = 1</script>"
minutes = 5
audience = "<img src={EVIL}>"
objective = "see"
models = ["bert"]
+++

# <b onclick="window.ran = 1">Title</b> ![t]({EVIL})

<script>window.ran = 1</script> <img src={EVIL} onerror="window.ran = 1"> <iframe src="{EVIL}"></iframe> ![p]({EVIL})
[l](javascript:window.ran=1) [ok](https://school.example) <svg onload="window.ran=1"><image href="{EVIL}"/></svg> $x <script> y$

```view
heads?text=<img+src={EVIL}>&layer=0&head=2
```

```notes
<script>window.ran = 1</script> ![n]({EVIL})
```
"""
MARKUP = f"""<p onclick="window.ran=1" style="background:url({EVIL})">kept<script>window.ran=1</script>
<img src={EVIL} onerror="window.ran=1">
<a href="javascript:window.ran=1">a</a><a href="https://school.example">b</a><iframe src={EVIL}></iframe><style>@import '{EVIL}'</style>
<svg viewBox="0 0 1 1" onload="window.ran=1" style="width:1em;background:url({EVIL})"><path d="M0 0"/><image href="{EVIL}"/>
<foreignObject><img src={EVIL}></foreignObject><use href="{EVIL}#a"/></svg><math><mtext><img src={EVIL}></mtext></math></p>"""


def test_nothing_of_a_hostile_lesson_runs_or_is_fetched(visit, server):
    found = post(f"{server}/live", {"text": HOSTILE})
    for path in ("", f"/teach#{found['secret']}", f"/notes#{found['secret']}"):
        page = visit().page  # what is called outside fails the test
        page.goto(f"{server}/live/{found['code']}{path}")
        page.locator(".prose").first.wait_for()
        assert page.evaluate("window.ran") is None
        assert page.locator("main").locator("img, iframe, script, image, [onclick], [onerror]").count() == 0
    post(f"{server}/live/{found['code']}/control", {"do": "end"}, found["secret"])


def test_prose_is_made_of_what_is_known_whatever_the_server_sends(visit):
    page = visit().page
    page.goto("about:blank")
    read = "async ([code, html]) => document.body.append((await import(`data:text/javascript,${encodeURIComponent(code)}`)).prose(html))"
    page.evaluate(read, [component("page", "prose").replace("export default mount(prose)", "export { prose }"), MARKUP])
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.ran") is None
    names = page.evaluate("[...document.querySelectorAll('body *')].flatMap((e) => [e.localName, ...e.getAttributeNames()])")
    assert set(names) == {*("div", "class", "p", "a", "href", "target", "rel"), *("svg", "viewBox", "style", "path", "d")}
    assert page.evaluate("[...document.querySelectorAll('a')].map((a) => a.getAttribute('href'))") == [None, "https://school.example"]
    assert page.evaluate("document.querySelector('svg').getAttribute('style')") == "width: 1em;"


WORDS = {"en-US": ("Start a room", "Presenter's view", "End the class"), "zh-CN": ("开启教室", "演示窗口", "下课")}


@pytest.mark.parametrize("locale", WORDS)
def test_the_teachers_page_opens_the_presenters_view(visit, locale):
    start, presenter, end = WORDS[locale]
    window = visit(locale=locale)
    window.open("class")
    window.page.get_by_role("button", name=start).click()
    code = window.page.locator("[data-testid=stCode]")
    expect(code).to_have_text(re.compile(r"/live/[A-Z]{5}"), timeout=PATIENCE)
    with window.page.expect_popup() as opened:
        window.page.get_by_role("link", name=presenter).click()
    expect(opened.value.locator("#counts")).not_to_be_empty(timeout=PATIENCE)
    opened.value.close()
    window.page.get_by_role("button", name=end).click()
    window.page.get_by_role("button", name=start).wait_for()
