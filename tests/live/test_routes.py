"""The routes as a phone and a teacher use them: a real server on the loopback, a room of a lesson in miniature."""

import http.client
import io
import json
import subprocess
import sys
import threading
import time
import zipfile

import pytest

from attnlab.lessons.read import parse_lesson
from attnlab.lessons.template import ENGLISH
from attnlab.live import routes as served
from attnlab.live.address import is_loopback, own_address, reachable
from attnlab.live.limits import Limit, classroom
from attnlab.live.page import page, qr_svg, qr_text, script
from attnlab.live.rooms import Rooms, hashed
from attnlab.live.store import Memory
from attnlab.words import LANGUAGES
from tests.live.conftest import SCRIPT, free_port

STREAMS = []
CODE, SECRET = "KLMNP", "the owner's"


class Phone:
    """A browser without a screen: it keeps its cookie."""

    def __init__(self, port):
        self.port, self.cookie = port, None

    def ask(self, method, path, data=None, headers=None):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = data if data is None or isinstance(data, bytes) else json.dumps(data).encode()
        link.request(method, path, body, {"Cookie": self.cookie} if self.cookie else {} | (headers or {}))
        answer = link.getresponse()
        self.take(answer)
        text = answer.read().decode()
        link.close()
        return answer.status, json.loads(text) if answer.getheader("content-type", "").startswith("application/json") else text

    def take(self, answer):
        if found := answer.getheader("set-cookie"):
            self.cookie = found.partition(";")[0]

    def post(self, path, data):
        return self.ask("POST", f"/live/{CODE}/{path}", data)

    def events(self, owner=False, code=CODE):
        """The stream, event by event: (kind, data). The server's fixture closes it."""
        STREAMS.append(self.read_events(owner, code))
        return STREAMS[-1]

    def read_events(self, owner, code):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {SECRET}"} if owner else {"Cookie": self.cookie or ""}
        link.request("GET", f"/live/{code}/events", headers=headers)
        answer = link.getresponse()
        self.take(answer)
        assert answer.status == 200
        assert answer.getheader("content-type").startswith("text/event-stream")
        kind = "state"
        try:
            for raw in answer:
                line = raw.decode().strip()
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield kind, json.loads(line.removeprefix("data: "))
                    kind = "state"
        finally:
            answer.close()
            link.close()


class Teacher(Phone):
    def do(self, action, value=None, secret=SECRET):
        headers = {"Authorization": f"Bearer {secret}"}
        return self.ask("POST", f"/live/{CODE}/control", {"do": action, "value": value}, headers)


@pytest.fixture
def server(monkeypatch):
    """The port of a server with one room of the miniature lesson."""
    import uvicorn
    from starlette.applications import Starlette

    rooms = Rooms(Memory())
    rooms.store.begin(CODE, {"script": SCRIPT, "salt": "s", "owner": hashed(SECRET)})
    monkeypatch.setattr(served, "rooms", lambda: rooms)
    monkeypatch.setattr(served, "limits", classroom())
    port = free_port()
    config = uvicorn.Config(Starlette(routes=served.routes()), port=port, log_level="error", ws="none", timeout_graceful_shutdown=1)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.01)
    yield port
    while STREAMS:
        STREAMS.pop().close()
    rooms.store.end(CODE)
    running.should_exit = True
    thread.join(timeout=30)


def state_with(events, **wanted):
    """The next state in which these fields are so."""
    return next(data for kind, data in events if kind == "state" and all(data[name] == value for name, value in wanted.items()))


def test_a_class_goes_through_predict_reveal_and_vote_again(server):
    teacher, phone, other = Teacher(server), Phone(server), Phone(server)
    assert phone.ask("GET", f"/live/{CODE.lower()}")[0] == 200
    followed, watched = phone.events(), teacher.events(owner=True)
    assert next(followed) == ("you", {"seat": 0, "answers": {}})
    first = state_with(followed, step=0, open=False)
    assert first["pictures"][0]["values"] is None
    assert phone.post("answers", {"vote": first["vote"], "answer": 0}) == (200, {"counted": True, "again": False, "answer": 0})
    assert phone.post("answers", {"vote": first["vote"], "answer": 0})[1]["again"]
    assert phone.post("answers", {"vote": first["vote"], "answer": 1})[0] == 409
    assert other.post("answers", {"vote": first["vote"], "answer": 1})[0] == 200
    assert state_with(watched, answered=2)["here"] == 1
    assert teacher.do("open")[1]["open"]
    opened = state_with(followed, open=True)
    assert opened["tallies"][0]["counts"] == [1, 1, 0]
    teacher.do("again")
    again = state_with(followed, round=2)
    assert phone.post("answers", {"vote": again["vote"], "answer": 1})[0] == 200
    teacher.do("open")
    assert [each["counts"] for each in state_with(followed, open=True)["tallies"]] == [[1, 1, 0], [0, 1, 0]]
    teacher.do("end")
    assert next(kind for kind, _ in followed if kind == "end")
    assert phone.ask("GET", f"/live/{CODE}/events")[0] == 404


def test_late_comers_and_those_who_come_back_get_the_state_and_their_own_answers(server):
    teacher, phone = Teacher(server), Phone(server)
    followed = phone.events()
    next(followed)
    phone.post("answers", {"vote": state_with(followed, step=0)["vote"], "answer": 2})
    followed.close()
    teacher.do("next")
    teacher.do("point", [0, 1, 1])
    back = phone.events()
    assert next(back) == ("you", {"seat": 0, "answers": {"0.0.1": 2}})
    assert state_with(back, step=1)["pointer"] == [0, 1, 1]
    late = Phone(server).events()
    assert next(late)[1]["seat"] == 1
    assert state_with(late, step=1)["version"] == 3


def test_students_cannot_steer_or_see_what_is_the_teachers(server):
    student = Teacher(server)
    assert student.do("next", secret="guess")[0] == 403
    assert student.ask("POST", f"/live/{CODE}/control", {"do": "next"})[0] == 403
    assert student.ask("GET", f"/live/{CODE}/export")[0] == 403
    assert student.ask("GET", f"/live/{CODE}/events", headers={"Authorization": "Bearer guess"})[0] == 403
    student.cookie = f"attnlab-{CODE}=0.aaaaaaaaaaaaaaaa.made-up"
    assert student.post("answers", {"vote": "0.0.1", "answer": 0})[0] == 200  # a new seat, not somebody else's
    assert "0.aaaaaaaaaaaaaaaa" not in str(served.rooms().store.every_vote(CODE))


@pytest.mark.parametrize(
    ("path", "data", "status"),
    [
        ("answers", b"{", 400),
        ("answers", b"[" * 5000, 400),
        ("answers", [1], 400),
        ("answers", {}, 409),
        ("answers", {"vote": "0.0.1", "answer": "<script>"}, 400),
        ("answers", {"vote": "0.0.1", "answer": 1e9}, 400),
        ("answers", {"vote": "0.0.1", "answer": "x" * 10_000}, 413),
    ],
)
def test_bad_input_is_one_sentence(server, path, data, status):
    found, told = Phone(server).post(path, data)
    assert found == status
    assert told["error"]
    assert served.rooms().store.every_vote(CODE) == {}


def test_a_wrong_code_is_one_sentence_in_the_readers_language(server):
    phone = Phone(server)
    assert phone.ask("GET", "/live/QQQQQ/events") == (404, {"error": phone.ask("GET", "/live/qqqqq/events")[1]["error"]})
    status, text = phone.ask("GET", "/live/QQQQQ", headers={"Accept": "text/html", "Accept-Language": "zh-CN"})
    assert status == 404
    assert "没有代码为 QQQQQ 的教室" in text
    assert phone.ask("GET", "/live?code=klmnp")[0] == 303
    assert "<form" in phone.ask("GET", "/live")[1]


def test_who_votes_ten_thousand_times_is_asked_to_wait_and_counted_once(server):
    phone = Phone(server)
    assert phone.ask("GET", f"/live/{CODE}")[0] == 200
    found = [phone.post("answers", {"vote": "0.0.1", "answer": 1})[0] for _ in range(60)]
    assert 429 in found
    assert len(served.rooms().store.votes(CODE, ["0.0.1"])["0.0.1"]) == 1


def test_rooms_begin_only_with_lessons_of_the_server_or_a_whole_file(server, monkeypatch):
    phone = Phone(server)
    for name in ("nothing", "../secret", "/etc/passwd", "~/x"):
        status, told = phone.ask("POST", "/live", {"lesson": name})
        assert (status, "There is no lesson" in told["error"]) == (400, True)
    assert "line 1" in phone.ask("POST", "/live", {"text": "no lesson"})[1]["error"]
    monkeypatch.setitem(served.limits, "rooms", Limit(0, 0))
    assert phone.ask("POST", "/live", {"lesson": "x"})[0] == 429


def test_ten_thousand_votes_a_minute_of_one_leave_room_for_the_others():
    limit = classroom()["answers"]
    assert sum(limit.take("0.a", i * 60 / 10_000) for i in range(10_000)) <= 150
    assert limit.take("1.b", 60)


def test_a_lesson_of_ten_megabytes_or_in_gbk_is_one_sentence(server, tmp_path, capsys):
    from attnlab.__main__ import main

    status, told = Phone(server).ask("POST", "/live", {"text": "x" * 10_000_000})
    assert (status, "larger than" in told["error"]) == (413, True)
    assert Phone(server).ask("POST", "/live", '{"text": "标题"}'.encode("gbk"))[0] == 400
    (tmp_path / "gbk.md").write_bytes("+++\n标题\n".encode("gbk"))
    assert main(["class", str(tmp_path / "gbk.md"), "--server", f"http://127.0.0.1:{server}"]) == 2
    assert "not UTF-8" in capsys.readouterr().err


def test_a_class_is_held_without_a_view_or_a_model_that_is_gone():
    rooms, language = Rooms(Memory()), "en"
    for gone in ("layer=9", "model=nothing-here!"):
        lesson = parse_lesson(ENGLISH.replace("layer=0", gone).encode(), name="t", language=language).lesson
        script = rooms.room(rooms.begin(lesson)[0])["script"]
        assert [bool(step["pictures"]) for step in script["steps"]] == [False, True]
        assert not script["steps"][0]["questions"]
        assert script["mistakes"]


def test_two_teachers_see_the_same_and_a_third_has_no_right(server):
    one, two = Teacher(server), Teacher(server)
    first, second = one.events(owner=True), two.events(owner=True)
    assert state_with(first, step=0)["version"] == state_with(second, step=0)["version"]
    one.do("next")
    two.do("next")
    assert state_with(first, step=2)["version"] == state_with(second, step=2)["version"]
    assert Teacher(server).do("back", secret="another room's")[0] == 403


def test_the_class_goes_on_while_the_teachers_laptop_sleeps(server):
    teacher, phone = Teacher(server), Phone(server)
    watched = teacher.events(owner=True)
    state_with(watched, answered=0)
    watched.close()
    assert phone.post("answers", {"vote": "0.0.1", "answer": 1})[0] == 200
    assert state_with(phone.events(), step=0)["question"]
    assert state_with(teacher.events(owner=True), answered=1)["step"] == 0


def test_fifty_rooms_at_once_do_not_meet(server):
    rooms, codes = served.rooms(), [f"R{a}{b}XX" for a in "ABCDEFGHJK" for b in "LMNPQ"]
    for i, code in enumerate(codes):
        assert rooms.store.begin(code, {"script": SCRIPT, "salt": code, "owner": hashed(code)})
        rooms.act(code, "go", i % 3)
    heard = [Phone(server).events(code=code) for code in codes]
    for i, events in enumerate(heard):
        assert next(data["step"] for kind, data in events if kind == "state") == i % 3
    rooms.act(codes[0], "black")
    assert state_with(heard[0], black=True)
    assert rooms.voter(codes[1], rooms.seat(codes[0])) is None  # a seat of one room is none in another
    for code in codes:
        rooms.store.end(code)
    assert [next(kind for kind, _ in events if kind == "end") for events in heard] == ["end"] * 50


def test_a_room_of_a_whole_file_can_be_led_from_the_command_line(server, tmp_path):
    file = tmp_path / "mine.md"
    file.write_text(ENGLISH, "utf-8")
    command = [sys.executable, "-m", "attnlab", "class", str(file), "--server", f"http://127.0.0.1:{server}", "--json"]
    done = subprocess.run(command, input="n\nb\nq\nf\no\ne\n", capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told[0]["event"] == "room"
    assert len(told[0]["code"]) == 5
    assert told[-1]["event"] == "end"
    assert any(event.get("version") for event in told)
    assert served.rooms().store.state(told[0]["code"]) is None


def test_without_a_server_the_command_is_one_line(capsys):
    from attnlab.__main__ import main

    assert main(["class", "x", "--server", f"http://127.0.0.1:{free_port()}"]) == 2
    assert "does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["follow", "teach", "notes"])
@pytest.mark.parametrize("language", list(LANGUAGES))
def test_pages_are_light_and_call_nobody(mode, language):
    made = page(CODE, mode, language, {"weights": {"light": "0" * 1536, "dark": "0" * 1536}})
    assert len(made.encode()) <= 150_000
    assert "http://" not in made.replace("http://www.w3.org", "")
    assert "https://" not in made
    assert not [line for line in script().splitlines() if line.startswith(("import ", "export "))]
    assert "connect-src 'self'" in made


def test_the_address_is_one_that_others_can_open():
    assert reachable("http://school.example:80/live/X") == "http://school.example:80/live/X"
    own = own_address()
    assert reachable("http://localhost:8501/live/X") == f"http://{own or 'localhost'}:8501/live/X"
    assert is_loopback("127.0.0.1")
    assert not is_loopback("10.0.0.1")
    assert qr_svg("http://a/live/X").startswith(b"<svg")
    assert "█" in qr_text("http://a/live/X") or "▀" in qr_text("http://a/live/X")


def test_a_server_that_stops_does_not_wait_for_its_followers(server):
    followed = Phone(server).events()
    next(followed)
    state_with(followed, step=0)
    served.rooms().hub.stop()
    assert list(followed) == []


def test_a_stream_where_nothing_happens_shows_that_it_is_alive(server, monkeypatch):
    monkeypatch.setattr("attnlab.live.hub.ALIVE", 0.05)
    followed, watched = Phone(server).events(), Teacher(server).events(owner=True)
    for events in (followed, watched):
        assert next(kind for kind, _ in events if kind not in ("you", "state")) == "alive"


def test_being_told_to_stop_ends_the_streams_first():
    code = (
        "import signal, time\n"
        "from attnlab.live.closing import on_exit\n"
        "on_exit(lambda: print('streams', flush=True))\n"
        "signal.raise_signal(signal.SIGTERM)\n"
        "time.sleep(60)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "streams\n"
    assert done.returncode == -15


def test_the_teacher_takes_tallies_and_figures_home_as_one_file(server):
    teacher, phone = Teacher(server), Phone(server)
    assert phone.ask("GET", f"/live/{CODE}/results.zip")[0] == 403
    phone.post("answers", {"vote": "0.0.1", "answer": 1})
    made = served.rooms().results(CODE)
    assert (
        teacher.ask("GET", f"/live/{CODE}/export", headers={"Authorization": f"Bearer {SECRET}"})[1]["questions"][0]["tallies"][0]["n"] == 1
    )
    assert zipfile.ZipFile(io.BytesIO(made)).namelist() == ["results.json", "step-1.svg", "step-1.pdf", "step-1.csv"]
