"""What every answer of the server says to the browser: nothing from elsewhere, in no foreign frame; and who a visitor is."""

import os
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any

from attnlab.ui.access import FORWARDED, is_loopback
from attnlab.ui.visits import COOKIE

Scope = MutableMapping[str, Any]
Send = Callable[[Scope], Awaitable[None]]
App = Callable[[Scope, Any, Send], Awaitable[None]]
FRAMES = "ATTNLAB_FRAMES"  # pages that may show the app in a frame, such as a course's: "https://moodle.school.example"
METRICS = "/_stcore/metrics"
# Streamlit's own pages bring scripts and styles inline and make workers of their own text; nothing comes from another server.
SOURCES = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "media-src": "'self' data: blob:",
    "frame-src": "'self' data: blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}


def headers() -> dict[str, str]:
    """The headers themselves."""
    frames = os.environ.get(FRAMES, "").replace(";", " ").split()
    policy = SOURCES | {"frame-ancestors": " ".join(["'self'", *frames])}
    said = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }
    return said if frames else said | {"X-Frame-Options": "SAMEORIGIN"}


class Headers:
    """Around the whole server: the headers on every answer, a cookie for a new browser, figures of the server for its host alone."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers().items()]

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}

        async def dressed(message: Scope) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._missing(message), *self._cookie(message, asked)]
            await send(message)

        if scope["path"].endswith(METRICS) and not from_here(scope, asked):
            await dressed({"type": "http.response.start", "status": 404, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"Not Found"})
            return
        await self.app(scope, receive, dressed)

    def _missing(self, message: Scope) -> list[tuple[bytes, bytes]]:
        there = {name.lower() for name, _ in message.get("headers", ())}
        return [(name, value) for name, value in self._headers if name not in there]

    def _cookie(self, message: Scope, asked: dict[str, str]) -> list[tuple[bytes, bytes]]:
        """A name for a browser that has none, with a page and nothing else. No script can read it."""
        kinds = [value for name, value in message.get("headers", ()) if name.lower() == b"content-type"]
        if not any(kind.startswith(b"text/html") for kind in kinds) or COOKIE in cookies(asked.get("cookie", "")):
            return []
        return [(b"set-cookie", f"{COOKIE}={secrets.token_hex(16)}; Path=/; HttpOnly; SameSite=Lax; Max-Age=86400".encode())]


def cookies(header: str) -> list[str]:
    """The names in a Cookie header; none in one that is not to be read."""
    try:
        return list(SimpleCookie(header))
    except CookieError:
        return []


def from_here(scope: Scope, asked: dict[str, str]) -> bool:
    """Whether a request comes from this machine itself, and through no proxy."""
    client = scope.get("client")
    return client is not None and is_loopback(client[0]) and not any(name in asked for name in FORWARDED)
