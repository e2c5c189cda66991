"""The pages of a class: one light file each, with the canvas component and nothing to fetch but the room's own stream."""

import io
import json
import re
import secrets
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import segno

from attnlab.words import ASSETS, room, say

ROOM = ASSETS / "components"
IMPORT = re.compile(r"^import \{[^}]*\} from '(\./[^']+)';\n", re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class) )", re.MULTILINE)
NONCE = "NONCE-OF-THIS-PAGE"
BUTTONS = {  # what the presenter can do, and the key that does it
    "teach": ("back", "next", "open", "again", "second", "freeze", "black", "join", "window", "full", "export", "end"),
    "notes": ("back", "next", "open", "again", "second", "freeze", "black", "end"),
}


@cache
def script() -> str:
    """class.js and what it imports, as one text."""
    return joined(ROOM / "class.js", set())


def joined(file: Path, taken: set[Path]) -> str:
    """A module after those it imports, each once, without the lines that import and the words that export."""
    if file in taken:
        return ""
    taken.add(file)
    text = file.read_text("utf-8")
    before = "".join(joined((file.parent / there).resolve(), taken) for there in IMPORT.findall(text))
    return before + EXPORT.sub("", IMPORT.sub("", text))


@cache
def styles() -> str:
    return "".join((ROOM / name).read_text("utf-8") for name in ("shared.css", "bars.css", "class.css"))


def words(language: str) -> dict[str, str]:
    """What the page's script says."""
    return {key.removeprefix("live_"): sentence for key, sentence in room(language, "class").items() if key.startswith("live_")}


def page(code: str, mode: str, language: str, palette: Any, now: Mapping[str, Any] | None = None) -> str:
    """A follower's page ("follow"), the presenter's ("teach"), or the window with the notes ("notes").

    now: "state" and "you" as the stream would send them first, so that a slow phone waits for one answer and not for two.
    """
    boot = {"code": code, "mode": mode, "words": words(language), "palette": palette, "now": now}
    head = f'<header><b>{code}</b><span id="place"></span><span id="status" role="status"></span></header>'
    body = f'{head}<p id="notice" role="alert"></p><main></main>'
    if mode in BUTTONS:
        body += panel(code, mode, language)
    data = json.dumps(boot, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    boot_tag = f'<script type="application/json" id="boot">{data}</script>'
    return document(
        language, say("class.window", language), f'{boot_tag}{body}<script type="module" nonce="{NONCE}">{script()}</script>', mode
    )


def panel(code: str, mode: str, language: str) -> str:
    """What the teacher alone has: buttons, counts, and how to join."""
    keys = {"back": "←", "next": "→", "open": "O", "again": "V", "second": "S", "freeze": "F", "black": "B", "join": "C"}

    def button(action: str) -> str:
        key = f" <kbd>{keys[action]}</kbd>" if action in keys else ""
        return f'<button type="button" data-do="{action}">{escape(say(f"class.do_{action}", language))}{key}</button>'

    buttons = "".join(map(button, BUTTONS[mode]))
    facts = '<span id="counts"></span><span id="coming"></span><span id="held"></span>' + ('<b id="clock"></b>' if mode == "notes" else "")
    join = (
        f'<div id="join" hidden><p>{escape(say("class.join", language))}</p><p class="code">{code}</p>'
        f'<img alt="QR" src="qr.svg"><p id="address"></p></div>'
    )
    return f'<footer><div class="facts">{facts}</div><nav>{buttons}</nav></footer>{join if mode == "teach" else ""}'


def document(language: str, title: str, body: str, mode: str = "") -> str:
    """One HTML file. It may run its own script alone, and talk to nobody but this server."""
    nonce = secrets.token_urlsafe(12)
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'"
    )
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title><link rel="icon" href="data:,">'
        f'<style>{styles()}</style></head><body class="{mode}">{body.replace(NONCE, nonce)}</body></html>'
    )


def over(sentence: str, language: str) -> str:
    """A page that says one sentence, and where to type another code."""
    return document(language, sentence, f"<main><h1>{escape(sentence)}</h1>{form(language)}</main>", "follow")


def door(language: str) -> str:
    """Where a code is typed."""
    return document(
        language, say("class.window", language), f"<main><h1>{escape(say('class.window', language))}</h1>{form(language)}</main>", "follow"
    )


def form(language: str) -> str:
    label, go = escape(say("class.code", language)), escape(say("class.enter", language))
    return (
        f'<form method="get" action="live"><label>{label} <input name="code" maxlength="5" autocapitalize="characters" autocomplete="off" '
        f'spellcheck="false" required></label> <button class="main">{go}</button></form>'
    )


def qr_svg(address: str) -> bytes:
    """An address as a QR code that scales."""
    out = io.BytesIO()
    segno.make(address, error="m").save(out, kind="svg", scale=8, border=2, light="#fff", dark="#111", xmldecl=False)
    return out.getvalue()


def qr_text(address: str) -> str:
    """An address as a QR code for a terminal."""
    out = io.StringIO()
    segno.make(address, error="l").terminal(out=out, compact=True, border=2)
    return out.getvalue()
