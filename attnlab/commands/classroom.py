"""attnlab class: lead a class from a terminal, for a teacher without a second window and for scripts."""

import json
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from attnlab.words import InputError, say

app = typer.Typer()

KEYS = {"n": "next", "b": "back", "o": "open", "v": "again", "s": "second", "f": "freeze", "e": "end"}
HEAVY = ("pictures", "html", "explain", "notes")  # of an event: what a screen shows and a script does not need
PATIENCE = 300  # seconds: the models of a lesson may have to be loaded first

Data = dict[str, Any]


@app.command(name="class")
def class_(
    lesson: Annotated[str, typer.Argument(help="A lesson's name on the server, or the path of a file here.", show_default=False)],
    server: Annotated[str, typer.Option(help="Where the app runs.")] = "http://localhost:8501",
    language: Annotated[Literal["en", "zh"], typer.Option(help="en or zh.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", help="Print every event as a line of JSON.")] = False,
) -> None:
    """Open a room on a server; print its code, address and QR code; then take n, b, o, v, s, f and e.

    n next, b back, o open the answer, v vote again, s second question, f freeze, e end the class. Without a terminal: one a line.
    """
    server = server.rstrip("/")
    asked: Data = {"lesson": lesson, "language": language}
    if Path(lesson).is_file():
        asked["text"] = text_of(Path(lesson), language)
    room = send(f"{server}/live", asked)
    base = f"{server}/live/{room['code']}"
    teacher = {"Authorization": f"Bearer {room['secret']}"}
    presenter = f"{base}/teach#{room['secret']}"
    print(json.dumps({"event": "room", "presenter": presenter, **room}) if as_json else welcome(room, presenter), flush=True)
    ended = threading.Event()
    watcher = threading.Thread(target=watch, args=(base, teacher, printer(as_json), ended), daemon=True)
    watcher.start()
    with keys() as pressed:
        for key in pressed:
            if key not in KEYS:
                print(say("class.keys"), file=sys.stderr)
                continue
            try:
                send(f"{base}/control", {"do": KEYS[key]}, teacher)
            except InputError as error:
                if key != "e" and not ended.is_set():
                    print(str(error), file=sys.stderr)
            if key == "e" or ended.is_set():
                watcher.join(timeout=10)
                return
    print(say("class.goes_on", address=presenter), file=sys.stderr)


def text_of(file: Path, language: str) -> str:
    """A lesson's file as it is sent. Raises InputError with its first mistake: nobody waits for a server to say so."""
    from attnlab.lessons.read import read_lesson
    from attnlab.lessons.shelf import name_of, read_bytes

    data = read_bytes(file)
    read_lesson(data, name=name_of(file), language=language)
    return data.decode("utf-8-sig")


def welcome(room: Mapping[str, Any], presenter: str) -> str:
    from attnlab.live.page import qr_text

    facts = {"code": room["code"], "address": room["address"], "presenter": presenter}
    return f"{qr_text(str(room['address']))}\n{say('class.welcome', **facts)}\n{say('class.keys')}"


def send(address: str, data: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Data:
    """POST JSON and read JSON. Raises InputError with the server's own sentence, or one about the server."""
    body = json.dumps(data).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json", **(headers or {})}, method="POST")
    server = address.partition("/live")[0]
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            found: Data = json.loads(answer.read())
            return found
    except urllib.error.HTTPError as error:
        try:
            why = json.loads(error.read())["error"]
        except (ValueError, KeyError, TypeError):
            raise InputError("class.no_server", server=server, why=error) from None
        raise InputError("class.server_said", why=why) from None
    except (OSError, ValueError) as error:
        raise InputError("class.no_server", server=server, why=getattr(error, "reason", error)) from None


def watch(base: str, headers: Mapping[str, str], tell: Callable[[Data], None], ended: threading.Event) -> None:
    """Tell every event of the teacher's stream until the room ends or the server goes."""
    request = urllib.request.Request(f"{base}/events", headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as stream:
            kind = "state"
            for raw in stream:
                line = raw.decode().rstrip("\n")
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: ") and kind != "alive":
                    tell({"event": kind, **json.loads(line.removeprefix("data: "))})
                    if kind == "end":
                        break
                elif not line:
                    kind = "state"
    except OSError as error:
        print(say("class.no_server", server=base, why=error), file=sys.stderr)
    ended.set()


def printer(as_json: bool) -> Callable[[Data], None]:
    """How an event is printed: as JSON, or as a line that a teacher can read."""

    def tell(event: Data) -> None:
        if as_json:
            print(json.dumps({name: value for name, value in event.items() if name not in HEAVY}, ensure_ascii=False), flush=True)
        elif event["event"] == "end":
            print(say("class.live_over"), flush=True)
        else:
            print(line(event), flush=True)

    return tell


def line(event: Mapping[str, Any]) -> str:
    """Where the class is, in one line."""
    facts = [f"{event['step'] + 1}/{event['steps']} {event['title']}", say("class.live_here", n=event["here"])]
    if event["question"]:
        facts.append(say("class.live_answers", n=event["answered"]))
    if event["open"]:
        facts.append(json.dumps(event["tallies"][-1], ensure_ascii=False))
    if event["frozen"]:
        facts.append(say("class.live_frozen_at", step=event["followed"] + 1))
    return " · ".join(facts)


@contextmanager
def keys() -> Iterator[Iterator[str]]:
    """What is typed: single keys of a terminal, else the first letter of each line."""
    if not sys.stdin.isatty():
        yield (text.strip()[:1].lower() for text in sys.stdin if text.strip())
        return
    try:
        import termios
        import tty
    except ImportError:  # Windows: with Enter
        yield (text.strip()[:1].lower() for text in sys.stdin if text.strip())
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield iter(lambda: sys.stdin.read(1).lower(), "\x04")
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
