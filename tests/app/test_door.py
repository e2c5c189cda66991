"""A few runs at once, in the order of coming; a long one holds nobody up."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from attnlab.ui.door import Door


def test_so_many_runs_are_inside_at_once_and_everybody_comes_in():
    door, lock, inside, most = Door(most=3, long=600), threading.Lock(), [0], [0]

    def run(_):
        came = door.come_in()
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        time.sleep(0.001)
        with lock:
            inside[0] -= 1
        door.leave(came)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(run, range(200)))
    assert 1 <= most[0] <= 3
    assert not door._inside


def test_who_waits_goes_on_in_the_order_of_coming():
    door, order = Door(most=1, long=600), []
    first = door.come_in()

    def run(number):
        came = door.come_in()
        order.append(number)
        door.leave(came)

    threads = []
    for number in range(8):
        threads.append(threading.Thread(target=run, args=(number,)))
        threads[-1].start()
        while len(door._waiting) < number + 1:
            time.sleep(0.001)
    door.leave(first)
    for thread in threads:
        thread.join()
    assert order == list(range(8))


def test_a_long_run_and_one_that_never_leaves_hold_nobody_up():
    door = Door(most=2, long=0.05)
    for _ in range(6):
        door.come_in()
    assert len(door._inside) <= 4
