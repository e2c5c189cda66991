"""The routes of a class, beside the app: a page for phones, the stream of the room's state, and the answers."""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from attnlab.lessons.read import LARGEST, read_lesson
from attnlab.lessons.shelf import find_file, name_of, read_bytes
from attnlab.live.address import reachable
from attnlab.live.limits import classroom
from attnlab.live.page import door, over, page, qr_svg
from attnlab.live.rooms import rooms
from attnlab.words import LANGUAGES, InputError

SMALL = 8_000  # bytes of an answer or a command
STATUS = {
    "class.no_room": 404,
    "class.full": 503,
    "class.no_seat": 503,
    "class.too_often": 429,
    "class.no_owner": 403,
    "class.too_large": 413,
}
CONFLICT = ("class.not_on", "class.closed", "class.answered")
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"}

limits = classroom()
slow = ThreadPoolExecutor(1, thread_name_prefix="class")  # forward passes: the class's own do not take the app's threads
waiting: set[str] = set()  # voters whose entry is being computed

Handler = Callable[[Request], Awaitable[Response]]


def told(handler: Handler) -> Handler:
    """A mistake becomes one sentence in the reader's language: a page for a browser, JSON for a script."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except InputError as error:
            status, sentence = status_of(error), error.say(language_of(request))
            if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
                return HTMLResponse(over(sentence, language_of(request)), status, HEADERS)
            return JSONResponse({"error": sentence}, status, HEADERS)

    return answered


def status_of(error: InputError) -> int:
    return STATUS.get(error.key, 409 if error.key in CONFLICT else 400)


def language_of(request: Request) -> str:
    """The language asked for in the address, else the browser's."""
    asked = request.query_params.get("lang", "")
    return asked if asked in LANGUAGES else "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"


def address_of(request: Request) -> str:
    return request.client.host if request.client else "?"


def limited(name: str, who: str) -> None:
    """Raises InputError when somebody asks too often."""
    if not limits[name].take(who):
        raise InputError("class.too_often")


def code_of(request: Request) -> str:
    """The room's code out of the path. Raises InputError for no room; whoever guesses codes is soon asked to wait."""
    code = str(request.path_params["code"]).upper()
    try:
        rooms().room(code)
    except InputError:
        limited("wrong", address_of(request))
        raise InputError("class.no_room", code=code[:12]) from None
    return code


def cookie_of(code: str) -> str:
    return f"attnlab-{code}"


def voter_of(request: Request, code: str) -> tuple[str, str | None]:
    """Who asks, and the token to hand out when they are new."""
    token = request.cookies.get(cookie_of(code))
    known = rooms().voter(code, token) if token else None
    if known is not None:
        return known, None
    limited("seats", address_of(request))
    token = rooms().seat(code)
    return token.rpartition(".")[0], token


def with_cookie(response: Response, code: str, token: str | None) -> Response:
    if token is not None:
        response.set_cookie(cookie_of(code), token, max_age=3 * 3600, httponly=True, samesite="lax")
    return response


async def body_of(request: Request, limit: int) -> Any:
    """JSON of a bounded size. Raises InputError for anything else."""
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > limit:
            raise InputError("class.too_large", limit=limit // 1000)
    with suppress(ValueError, RecursionError):
        found = json.loads(data)
        if isinstance(found, dict):
            return found
    raise InputError("class.no_json")


def owned(request: Request, code: str) -> None:
    """Raises InputError unless the owner asks."""
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not rooms().owns(code, secret.strip()):
        limited("wrong", address_of(request))
        raise InputError("class.no_owner")


async def enter(request: Request) -> Response:
    """GET /live: where a code is typed; with ?code= it leads there."""
    code = request.query_params.get("code", "").strip().upper()
    if code.isalnum():
        return RedirectResponse(f"live/{code}", 303, HEADERS)
    return HTMLResponse(door(language_of(request)), headers=HEADERS)


async def begin(request: Request) -> Response:
    """POST /live {"lesson": name or "text": a whole file, "language"}: a new room. Answers with its code and the owner's secret."""
    limited("rooms", address_of(request))
    asked = await body_of(request, LARGEST + SMALL)
    language = asked.get("language") if asked.get("language") in LANGUAGES else "en"
    if isinstance(asked.get("text"), str):
        lesson = read_lesson(asked["text"].encode("utf-8", "replace"), name="lesson", language=str(language))
    else:
        name = str(asked.get("lesson", ""))
        if "/" in name or "\\" in name or name.startswith((".", "~")):  # a path of the server is nobody's business
            raise InputError("class.no_lesson", given=name[:60])
        file = find_file(name, str(language))
        lesson = read_lesson(read_bytes(file), name=name_of(file), language=str(language))
    code, secret = await asyncio.get_running_loop().run_in_executor(slow, rooms().begin, lesson)
    address = reachable(f"{str(request.url).rstrip('/')}/{code}")
    made = {"code": code, "secret": secret, "address": address, "title": lesson.title, "steps": len(lesson.steps)}
    return JSONResponse(made, 201, HEADERS)


async def follow(request: Request) -> Response:
    """GET /live/<code>: the page of a follower."""
    code = code_of(request)
    voter, token = voter_of(request, code)
    state, you = await asyncio.to_thread(rooms().hub.now, code), await known(code, voter)
    now = None if state is None else {"state": state, "you": you}
    return with_cookie(written(request, page_of(code, "follow", now)), code, token)


async def teach(request: Request) -> Response:
    """GET /live/<code>/teach and /live/<code>/notes: the presenter's windows. The secret is behind # in the address and is not sent."""
    code, view = code_of(request), request.url.path.rsplit("/", 1)[-1]
    return written(request, page_of(code, view))


def page_of(code: str, mode: str, now: Mapping[str, Any] | None = None) -> str:
    script = rooms().room(code)["script"]
    return page(code, mode, script["language"], script["palette"], now)


def written(request: Request, made: str) -> Response:
    """A page, compressed for who can read it: a slow phone waits for a third of the bytes."""
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return HTMLResponse(made, headers=HEADERS)
    headers = HEADERS | {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return HTMLResponse(gzip.compress(made.encode(), 6, mtime=0), headers=headers)


async def known(code: str, voter: str) -> dict[str, Any]:
    """What a follower's page has to know of itself."""
    return {"seat": int(voter.partition(".")[0]), "answers": await asyncio.to_thread(rooms().mine, code, voter)}


async def events(request: Request) -> Response:
    """GET /live/<code>/events: server-sent events. With the owner's secret: the teacher's."""
    code = code_of(request)
    headers = HEADERS | {"X-Accel-Buffering": "no"}
    if "authorization" in request.headers:
        owned(request, code)
        return StreamingResponse(rooms().hub.stream(code, None), media_type="text/event-stream", headers=headers)
    voter, token = voter_of(request, code)
    hello = b"event: you\ndata: " + json.dumps(await known(code, voter), ensure_ascii=False).encode() + b"\n"
    stream = rooms().hub.stream(code, voter, hello)
    return with_cookie(StreamingResponse(stream, media_type="text/event-stream", headers=headers), code, token)


async def answer(request: Request) -> Response:
    """POST /live/<code>/answers {"vote", "answer"}: counted once. The same again is answered alike, another one is refused."""
    limited("posts", address_of(request))
    code = code_of(request)
    voter, token = voter_of(request, code)
    limited("answers", voter)
    asked = await body_of(request, SMALL)
    if voter in waiting:
        raise InputError("class.waiting")
    waiting.add(voter)
    try:
        bet = isinstance(asked.get("answer"), dict)
        run = asyncio.get_running_loop().run_in_executor
        counted, kept = await run(slow if bet else None, rooms().answer, code, voter, str(asked.get("vote")), asked.get("answer"))
    finally:
        waiting.discard(voter)
    if counted == "other":
        raise InputError("class.answered")
    made = {"counted": True, "again": counted == "same", "answer": kept}
    return with_cookie(JSONResponse(made, headers=HEADERS), code, token)


async def control(request: Request) -> Response:
    """POST /live/<code>/control {"do", "value", "version"}, by the owner alone."""
    code = code_of(request)
    owned(request, code)
    limited("control", code)
    asked = await body_of(request, SMALL)
    version = asked.get("version")
    wanted = version if isinstance(version, int) else None
    state = await asyncio.to_thread(rooms().act, code, str(asked.get("do")), asked.get("value"), wanted)
    made = {"version": state.version, "step": state.step, "open": state.open, "frozen": state.frozen, "ended": state.ended}
    return JSONResponse(made, headers=HEADERS)


async def export(request: Request) -> Response:
    """GET /live/<code>/export: every tally as one JSON file, for the owner."""
    code = code_of(request)
    owned(request, code)
    return JSONResponse(await asyncio.to_thread(rooms().export, code), headers=HEADERS)


async def results(request: Request) -> Response:
    """GET /live/<code>/results.zip: tallies and figures as one file, for the owner."""
    code = code_of(request)
    owned(request, code)
    made = await asyncio.get_running_loop().run_in_executor(slow, rooms().results, code)
    return Response(made, media_type="application/zip", headers=HEADERS)


async def qr(request: Request) -> Response:
    """GET /live/<code>/qr.svg: the room's address as a QR code."""
    code_of(request)
    return Response(qr_svg(reachable(str(request.url).rsplit("/", 1)[0])), media_type="image/svg+xml", headers=HEADERS)


def routes() -> list[Route]:
    """What app.py gives to the server."""
    table: Mapping[tuple[str, str], Handler] = {
        ("/live", "GET"): enter,
        ("/live", "POST"): begin,
        ("/live/{code}", "GET"): follow,
        ("/live/{code}/teach", "GET"): teach,
        ("/live/{code}/notes", "GET"): teach,
        ("/live/{code}/events", "GET"): events,
        ("/live/{code}/answers", "POST"): answer,
        ("/live/{code}/control", "POST"): control,
        ("/live/{code}/export", "GET"): export,
        ("/live/{code}/results.zip", "GET"): results,
        ("/live/{code}/qr.svg", "GET"): qr,
    }
    return [Route(path, told(handler), methods=[method]) for (path, method), handler in table.items()]
