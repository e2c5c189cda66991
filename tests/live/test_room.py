"""A room's state: what the owner may do, what followers get to see, and what is never counted twice. Both stores keep the same promises."""

import json
import threading

import numpy as np
import pytest

from attnlab.live.limits import Limit
from attnlab.live.room import State, act
from attnlab.live.rooms import Rooms, hashed
from attnlab.live.store import ROOMS, SEATS, Memory
from attnlab.live.tally import tally
from attnlab.live.views import everything, follower_view, owner_view
from attnlab.words import InputError
from tests.live.conftest import LABELS, MAP, SCRIPT, question

STEPS = SCRIPT["steps"]


def after(*actions, state=None):
    state = state or State()
    for action in actions:
        name, value = action if isinstance(action, tuple) else (action, None)
        state = act(state, name, value, STEPS)
    return state


def test_steps_go_on_and_back_and_stop_at_the_ends():
    assert after("next").step == 1
    assert after("next", "next", "next", "next").step == 2
    assert after("back").step == 0
    assert after(("go", 2)).step == 2
    assert after("next", "next").version == 3
    assert after("back").version == 1  # nothing changed


def test_opening_is_of_one_question_alone():
    state = after("open")
    assert state.open
    assert not after("second", state=state).open
    assert after("second", "second", state=state).open
    assert not after("next", "next", state=state).open
    assert after("open", state=state).version == state.version
    assert after("next", "open").version == 2  # nothing is asked there


def test_a_second_vote_closes_the_answer_again():
    state = after("open", "again")
    assert (state.round, state.open, state.vote) == (2, False, "0.0.2")
    assert after("again", state=state).round == 2


def test_frozen_followers_stand_still_until_it_is_over():
    state = after("freeze", "next", "next")
    assert (state.step, state.followed().step, state.followed().frozen) == (2, 0, True)
    assert after("freeze", state=state).followed().step == 2


@pytest.mark.parametrize("action", ["jump", ("go", "x"), ("go", True), ("point", [1]), ("point", "here")])
def test_what_a_room_does_not_know_is_refused(action):
    with pytest.raises(InputError, match="does not know"):
        after(action)


def test_a_state_survives_being_written_down():
    state = after("open", "freeze", "next", ("point", [0, 1, 2]), "black")
    assert State.from_json(json.loads(json.dumps(state.to_json()))) == state


def test_nothing_of_the_answer_is_sent_before_it_is_opened():
    votes = {"0.0.1": {"0.a": 1, "1.b": 2}}
    hidden = json.dumps(follower_view(State(), SCRIPT, votes))
    for secret in ("tallies", "best", "because", "hush", "0.8", "answered", '"here"'):
        assert secret not in hidden
    shown = follower_view(after("open"), SCRIPT, votes)
    assert shown["pictures"][0]["values"] == MAP
    assert shown["tallies"] == [{"n": 2, "counts": [0, 1, 1]}]
    assert "hush" not in json.dumps(shown)


def test_a_frozen_room_shows_nothing_of_what_the_teacher_opens():
    state = after("freeze", "open")
    assert not follower_view(state, SCRIPT, {})["open"]
    assert owner_view(state, SCRIPT, {}, 3)["open"]


def test_the_teacher_sees_counts_notes_and_what_comes():
    seen = owner_view(State(), SCRIPT, {"0.0.1": {"0.a": 1}}, 7)
    assert (seen["here"], seen["answered"], seen["next"], seen["second"]) == (7, 1, "B", True)
    assert "hush" in seen["notes"]
    assert seen["pictures"][0]["values"] is None


def test_both_votes_stand_side_by_side():
    seen = follower_view(after("again", "open"), SCRIPT, {"0.0.1": {"0.a": 0}, "0.0.2": {"0.a": 1}})
    assert [each["counts"] for each in seen["tallies"]] == [[1, 0, 0], [0, 1, 0]]


def test_what_is_taken_home_names_nobody():
    found = everything(SCRIPT, {"0.0.1": {"0.abc": 1}})
    assert found["questions"][0]["tallies"] == [{"n": 1, "counts": [0, 1, 0]}]
    assert "abc" not in json.dumps(found)


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        ("cell", [[0, 1], [0, 1], [2, 2]], {"cells": [[0, 1, 2], [2, 2, 1]]}),
        ("row", [[1, 0, 0], [0, 0.5, 0.5]], {"row": [0.5, 0.25, 0.25]}),
        ("choice", [1, 1, 0], {"counts": [1, 2]}),
        ("number", [0.05, 0.15, 0.95], {"median": 0.15}),
        ("order", [[1, 0], [1, 0], [0, 1]], {"right": 2, "orders": [[[1, 0], 2], [[0, 1], 1]]}),
    ],
)
def test_a_tally_adds_up(kind, given, told):
    asked = question(kind, asked={"options": ["x", "y"], "low": 0, "high": 1})["asked"]
    made = tally(asked, {"order": [1, 0], "value": 0.5}, {f"{i}.v": each for i, each in enumerate(given)})
    assert made["n"] == len(given)
    assert {name: made[name] for name in told} == told


def test_empty_votes_have_tallies_too():
    for kind in ("word", "cell", "row", "choice", "number", "order", "head", "bet"):
        asked = question(kind, asked={"options": ["x", "y"], "low": 0, "high": 1})["asked"]
        assert tally(asked, {"order": [0, 1], "maps": None}, {})["n"] == 0


def test_a_class_is_compared_with_every_head():
    import base64

    maps = np.stack([np.stack([np.eye(3), np.array(MAP)]), np.full((2, 3, 3), 1 / 3)]).astype("<f2")  # [2 layers, 2 heads, 3, 3]
    answer = {"maps": {"shape": [2, 2, 3, 3], "data": base64.b64encode(maps.tobytes()).decode()}}
    made = tally(question("head")["asked"], answer, {"0.a": MAP[0], "1.b": MAP[1], "4.c": MAP[1]})  # seat 4 has the second word again
    assert made["rows"] == [MAP[0], MAP[1], None]
    assert (made["nearest"][0]["layer"], made["nearest"][0]["head"]) == (0, 1)
    assert made["nearest"][0]["distance"] < 0.01


def test_the_board_ranks_by_how_far_the_row_moved():
    bets = {
        f"{i}.v": {"word": 1, "into": into, "moved": moved} for i, (into, moved) in enumerate([("dog", 0.1), ("car", 0.4), ("Dog", 0.1)])
    }
    assert [one["into"] for one in tally(question("bet")["asked"], {}, bets)["board"]] == ["car", "dog"]


# Stores


def test_a_room_is_kept_changed_and_forgotten(store, room):
    assert store.begin("AAAAA", room)
    assert not store.begin("AAAAA", room)
    assert store.room("AAAAA")["script"]["title"] == "Mini"
    assert store.change("AAAAA", lambda state: act(state, "next", None, STEPS)).step == 1
    assert (store.state("AAAAA").step, store.state("AAAAA").version) == (1, 2)
    store.end("AAAAA")
    assert store.state("AAAAA") is store.room("AAAAA") is store.seat("AAAAA") is store.change("AAAAA", lambda state: state) is None
    assert store.votes("AAAAA", ["0.0.1"]) in ({}, {"0.0.1": {}})
    assert store.vote("AAAAA", "0.0.1", "0.a", 1) == "other"
    store.present("AAAAA", {"0.a": True})
    assert store.here("AAAAA") == 0


def test_every_vote_counts_once(store, room):
    store.begin("BBBBB", room)
    assert store.vote("BBBBB", "0.0.1", "0.a", 1) == "new"
    assert store.vote("BBBBB", "0.0.1", "0.a", 1) == "same"  # sent again by a phone that heard nothing
    assert store.vote("BBBBB", "0.0.1", "0.a", 2) == "other"
    assert store.votes("BBBBB", ["0.0.1"]) == store.every_vote("BBBBB") == {"0.0.1": {"0.a": 1}}
    bets = [{"word": 0, "into": "x", "moved": moved} for moved in (0.1, 0.3, 0.2)]
    assert [store.vote("BBBBB", "b", "0.a", bet, better=True) for bet in bets] == ["new", "new", "same"]
    assert store.votes("BBBBB", ["b"])["b"]["0.a"]["moved"] == 0.3
    store.end("BBBBB")


def test_changes_and_votes_from_many_threads_are_all_there(store, room):
    store.begin("CCCCC", room)
    heard = []
    store.listen(lambda code, what: heard.append(what))

    def work(i):
        for _ in range(5):
            store.change("CCCCC", lambda state: act(state, "black", None, STEPS))
        store.vote("CCCCC", "0.0.1", f"{i}.v", i % 3)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.state("CCCCC").version == 41
    assert len(store.votes("CCCCC", ["0.0.1"])["0.0.1"]) == 8
    store.end("CCCCC")


def test_seats_are_numbered_and_bounded(store, room, monkeypatch):
    store.begin("DDDDD", room)
    assert [store.seat("DDDDD") for _ in range(3)] == [0, 1, 2]
    monkeypatch.setattr("attnlab.live.store.SEATS", 3)
    monkeypatch.setattr("attnlab.live.redis_store.SEATS", 3)
    with pytest.raises(InputError, match="full"):
        store.seat("DDDDD")
    store.end("DDDDD")
    assert SEATS >= 500


def test_rooms_are_bounded(store, room, monkeypatch):
    monkeypatch.setattr("attnlab.live.store.ROOMS", 1)
    monkeypatch.setattr("attnlab.live.redis_store.ROOMS", 1)
    store.begin("EEEEE", room)
    with pytest.raises(InputError, match="holds 1 rooms"):
        store.begin("FFFFF", room)
    store.end("EEEEE")
    assert ROOMS >= 50


def test_who_is_here_is_counted(store, room):
    store.begin("GGGGG", room)
    store.present("GGGGG", {"0.a": True, "1.b": True})
    store.present("GGGGG", {"0.a": False})
    assert store.here("GGGGG") == 1
    store.end("GGGGG")


def test_a_room_in_memory_ends_after_its_time(room, monkeypatch):
    store = Memory()
    monkeypatch.setattr("attnlab.live.store.LIFE", -1)
    store.begin("HHHHH", room)
    assert store.state("HHHHH") is None


def test_a_bucket_empties_and_fills():
    limit = Limit(2, 1, names=2)
    assert [limit.take("a", now) for now in (0, 0, 0, 1, 1)] == [True, True, False, True, False]
    assert limit.take("b", 1)
    assert limit.take("c", 1)
    assert limit.take("a", 1)  # forgotten, so full again


# What a room promises to its owner and to its followers


@pytest.fixture
def rooms(store, room):
    made = Rooms(store)
    store.begin("KKKKK", room | {"owner": hashed("secret")})
    yield made
    store.end("KKKKK")


def test_the_owner_is_known_by_the_secret(rooms):
    assert rooms.owns("KKKKK", "secret")
    assert not rooms.owns("KKKKK", "guess")
    with pytest.raises(InputError, match="There is no room"):
        rooms.owns("ZZZZZ", "secret")


def test_two_windows_do_not_go_on_twice(rooms):
    assert rooms.act("KKKKK", "next", version=1).step == 1
    assert rooms.act("KKKKK", "next", version=1).step == 1


def test_seats_are_signed(rooms):
    token = rooms.seat("KKKKK")
    voter = rooms.voter("KKKKK", token)
    assert voter.startswith("0.")
    assert rooms.voter("KKKKK", token[:-1] + ("0" if token[-1] != "0" else "1")) is None
    assert rooms.voter("KKKKK", "1.made-up.0") is None
    assert rooms.voter("KKKKK", "") is None


def test_an_answer_is_taken_for_the_question_that_is_on(rooms):
    assert rooms.answer("KKKKK", "0.a", "0.0.1", 1) == ("new", 1)
    assert rooms.mine("KKKKK", "0.a") == {"0.0.1": 1}
    for vote, given, why in (("0.1.1", 1, "is over"), ("0.0.1", 9, "cannot be an answer")):
        with pytest.raises(InputError, match=why):
            rooms.answer("KKKKK", "1.b", vote, given)
    rooms.act("KKKKK", "open")
    with pytest.raises(InputError, match="open already"):
        rooms.answer("KKKKK", "1.b", "0.0.1", 1)
    assert rooms.export("KKKKK")["questions"][0]["tallies"][0]["counts"] == [0, 1, 0]
    assert LABELS[1] == "cat"


def test_the_end_forgets_everything(rooms):
    rooms.act("KKKKK", "end")
    for ask in (lambda: rooms.act("KKKKK", "next"), lambda: rooms.seat("KKKKK"), lambda: rooms.answer("KKKKK", "0.a", "0.0.1", 1)):
        with pytest.raises(InputError, match="There is no room"):
            ask()
