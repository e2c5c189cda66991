"""What every answer says to the browser, what a visitor sees of an error, and that what was typed never becomes a link."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from streamlit.testing.v1 import AppTest

from attnlab.ui.headers import Headers, headers
from attnlab.ui.language import md_escape
from tests.app.conftest import opened


def finish(coroutine):
    """Run a coroutine in a thread of its own: a browser test of the same process may have left a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, coroutine).result()


def answer(path="/", client="127.0.0.1", kind=b"text/html", **asked):
    """Status and headers of one request; the app inside says that it is fine."""

    async def inside(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind), (b"x-frame-options", b"DENY")]})

    said = []

    async def send(message):
        said.append(message)

    scope = {"type": "http", "path": path, "client": (client, 1), "headers": [(n.encode(), v.encode()) for n, v in asked.items()]}
    finish(Headers(inside)(scope, None, send))
    return said[0]["status"], [(name.decode(), value.decode()) for name, value in said[0]["headers"]]


def test_every_answer_keeps_other_servers_out():
    found = dict(answer(kind=b"image/png")[1])
    assert "http:" not in found["content-security-policy"]
    assert "frame-ancestors 'self'" in found["content-security-policy"]
    assert (found["x-content-type-options"], found["referrer-policy"]) == ("nosniff", "same-origin")
    assert found["x-frame-options"] == "DENY"  # what an answer says itself is left alone


def test_the_host_says_who_may_show_the_app_in_a_frame(monkeypatch):
    monkeypatch.setenv("ATTNLAB_FRAMES", "https://moodle.school.example")
    said = headers()
    assert "frame-ancestors 'self' https://moodle.school.example" in said["Content-Security-Policy"]
    assert "X-Frame-Options" not in said


def test_a_new_browser_gets_a_name_with_a_page_and_keeps_it():
    given = [value for name, value in answer()[1] if name == "set-cookie"]
    assert len(given) == 1
    assert "HttpOnly" in given[0]
    assert "SameSite=Lax" in given[0]
    again = answer(cookie=given[0].partition(";")[0])[1]
    assert "set-cookie" not in dict(again)
    assert "set-cookie" not in dict(answer(kind=b"image/png")[1])
    assert "set-cookie" in dict(answer(cookie="a\x01=;;=b")[1])


def test_figures_of_the_server_are_for_its_host_alone():
    assert answer("/_stcore/metrics")[0] == 200
    assert answer("/lab/_stcore/metrics", client="10.0.0.7")[0] == 404
    assert answer("/_stcore/metrics", **{"x-forwarded-for": "10.0.0.7"})[0] == 404


def test_what_is_not_http_goes_through():
    async def inside(scope, receive, send):
        await send({"type": "websocket.accept"})

    said = []

    async def send(message):
        said.append(message)

    finish(Headers(inside)({"type": "websocket"}, None, send))
    assert said == [{"type": "websocket.accept"}]


@pytest.mark.parametrize("text", ["see www.evil.example/zq", "https://evil.example", "WWW.evil.example", "me@evil.example", "ftp://x"])
def test_what_was_typed_never_becomes_a_link(text):
    plain = md_escape(text).replace("\\", "").lower()
    assert not any(part in plain for part in ("www.", "://", "@evil"))
    assert plain.replace("\u2060", "") == text.lower()


def test_a_name_that_is_no_address_stays_as_it_is():
    assert md_escape("bert@untrained").replace("\\", "") == "bert@untrained"


def page():
    from attnlab.ui.errors import note_error

    note_error(ValueError("/srv/secret is the place"))


def test_an_error_is_a_number_for_the_visitor_and_everything_for_the_log(caplog):
    with caplog.at_level(logging.ERROR, logger="attnlab"):
        app = AppTest.from_function(page, default_timeout=300).run()
    said = app.error[0].value
    assert "secret" not in said
    number = caplog.records[-1].args[0]
    assert number in said
    assert "/srv/secret" in caplog.text


def test_an_address_in_a_link_is_no_link_in_what_the_page_says():
    app = opened("look/heads.py", layer="see www.evil.example/zq", model="see https://evil.example now!")
    assert not app.exception
    for said in [*app.toast, *app.error]:
        plain = said.value.replace("\\", "")
        assert "www." not in plain
        assert "://" not in plain
