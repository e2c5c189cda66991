"""Heavy work of many visitors: one piece at a time, visitor after visitor, and nothing for those who have left."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from streamlit.testing.v1 import AppTest

from attnlab.ui.turns import EACH, Kept, Turns
from attnlab.words import InputError


class Gone(Exception):
    pass


def test_one_piece_at_a_time_whoever_works():
    turns, inside, most = Turns(), [0], [0]

    def work(number):
        with turns.work(str(number)) as breathe:
            for share in range(5):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1
                breathe(share / 5)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert most == [1]


def test_a_short_work_goes_before_the_rest_of_a_long_one():
    turns, begun, order = Turns(), threading.Event(), []

    def long():
        with turns.work("ann") as breathe:
            for piece in range(100):
                order.append(piece)
                begun.set()
                if piece == 3:
                    arrived.wait(60)
                breathe(piece / 100)

    def short():
        begun.wait(60)
        with turns.work("bob", wait=lambda share: arrived.set()):
            order.append("bob")

    arrived = threading.Event()
    threads = [threading.Thread(target=each) for each in (long, short)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order.index("bob") <= 5
    assert len(order) == 101


def test_who_has_three_works_does_not_hold_up_who_has_one(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("attnlab.ui.turns.time.monotonic", lambda: clock[0])
    turns, order, first = Turns(), [], threading.Event()
    everybody = threading.Barrier(5)

    def work(who):
        with turns.work(who) as breathe:
            for piece in range(4):
                order.append(who)
                clock[0] += 1  # only who has the turn lets time pass
                breathe(piece / 4)

    def hold():
        with turns.work("host"):
            first.set()
            everybody.wait(60)
            while len(turns._works) < 5:
                pass

    def arrive(who):
        first.wait(60)
        everybody.wait(60)
        work(who)

    threads = [threading.Thread(target=hold), *(threading.Thread(target=arrive, args=(who,)) for who in ("ann", "ann", "ann", "bob"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(order[:8]) == ["ann"] * 4 + ["bob"] * 4  # each got as much of the time as long as both wanted any


def test_a_fourth_work_of_one_visitor_is_refused_and_another_visitors_is_not():
    turns, hold, full = Turns(), threading.Event(), threading.Semaphore(0)

    def work():
        with turns.work("ann", wait=lambda share: full.release()):
            full.release()
            hold.wait(60)

    threads = [threading.Thread(target=work) for _ in range(EACH)]
    for thread in threads:
        thread.start()
        full.acquire(timeout=60)
    with pytest.raises(InputError, match="under way already"), turns.work("ann"):
        pass
    hold.set()
    with turns.work("bob"):
        pass
    for thread in threads:
        thread.join()


def test_the_work_of_who_left_ends_with_its_piece_and_the_next_begins():
    turns, pieces = Turns(), []

    def gone(share):
        if len(pieces) == 2:
            raise Gone

    def work():
        with turns.work("ann", wait=gone) as breathe:
            for piece in range(100):
                pieces.append(piece)
                breathe(piece / 100)

    with pytest.raises(Gone):
        work()
    assert pieces == [0, 1]
    with turns.work("bob"):
        pass


def test_what_fails_gives_its_turn_back():
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns.work("ann"):
        1 / 0  # noqa: B018
    with turns.work("ann"):
        pass


def test_the_same_thing_is_not_made_by_two_at_once():
    turns, kept, made = Turns(), Kept[str](2), []

    def work(who):
        with turns.work(who, "heads of a text") as breathe:
            if kept.get("heads of a text") is None:
                made.append(who)
                for piece in range(10):
                    breathe(piece / 10)
                kept.put("heads of a text", who)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, "abcd"))
    assert len(made) == 1


def test_the_oldest_of_what_is_kept_goes_first():
    kept = Kept[int](2)
    for number in (1, 2):
        kept.put(number, number)
    assert kept.get(1) == 1
    kept.put(3, 3)
    assert [kept.get(number) for number in (1, 2, 3)] == [1, None, 3]


def page():
    import streamlit as st

    from attnlab.ui import turns

    drawn = []
    kept = turns.Kept[int](1)
    for _ in range(2):
        st.markdown(turns.made_in_turn(kept, "text", lambda breathe: (drawn.append(breathe(0.5)), "made")[1]))
    st.markdown(f"{len(drawn)} time")


def test_a_page_computes_once_and_says_how_far_it_is(monkeypatch):
    monkeypatch.setattr("attnlab.ui.turns.SHOWN", -1.0)
    app = AppTest.from_function(page, default_timeout=300).run()
    assert not app.exception
    assert [each.value for each in app.markdown] == ["made", "made", "1 time"]


def page_of_who_left():
    import streamlit as st

    from attnlab.ui import turns

    with turns.my_turn() as breathe:
        st.write("one piece")
        breathe(0.5)
        st.write("another")


def test_a_page_ends_where_its_visitor_left(monkeypatch):
    from attnlab.ui import turns

    monkeypatch.setattr(turns, "still_here", lambda: lambda: False)
    app = AppTest.from_function(page_of_who_left, default_timeout=300).run()
    assert not app.exception
    assert [each.value for each in app.markdown] == ["one piece"]


def test_a_file_of_who_left_is_not_drawn_to_its_end(monkeypatch):
    from attnlab.ui import turns

    monkeypatch.setattr(turns, "still_here", lambda: lambda: False)
    monkeypatch.setattr(turns, "visitor", lambda: "ann")
    with pytest.raises(turns.LeftError), turns.file_turn()() as breathe:
        breathe(0.1)
