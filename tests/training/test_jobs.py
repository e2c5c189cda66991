"""Trainings in the background: one at a time, in order, within limits; pausing loses nothing."""

import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from safetensors.torch import load_file

from attnlab.models.inhouse.model import InHouse
from attnlab.training import jobs as trainings
from attnlab.training.checkpoint import kept_steps
from attnlab.training.jobs import Jobs, Status, remove_leftovers
from attnlab.training.limits import Limits, limits
from attnlab.training.plan import plan
from attnlab.training.snapshots import read_snapshot, steps
from attnlab.training.worker import keep_every, train
from attnlab.words import InputError

TINY = {"d_model": 16, "d_ff": 16, "n_heads": 2, "encoder_layers": 1}
QUICK = {"warmup": 5, "batch": 200, "validate_every": 10}


@pytest.fixture(scope="module")
def jobs() -> Iterator[Jobs]:
    jobs = Jobs(Limits(steps=5000, minutes=5, parameters=200_000, megabytes=1, waiting=2))
    yield jobs
    jobs.close()


def until(jobs: Jobs, name: str, what: Callable[[Status], bool], seconds: float = 300) -> Status:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status = jobs.status(name)
        if what(status):
            return status
        time.sleep(0.05)
    raise AssertionError(f"still {jobs.status(name).state}: {jobs.status(name).why}")


def ended(status: Status) -> bool:
    return not status.busy


def test_a_training_leaves_a_model_a_card_and_snapshots(jobs):
    name = jobs.submit("copy", recipe=QUICK | {"steps": 20}, shape=TINY)
    status = until(jobs, name, ended)
    assert (status.state, status.why) == ("done", None)
    assert [progress.step for progress in status.history] == list(range(1, 21))
    assert steps(status.model) == [0, 10, 20]
    assert "0.encoder.0" in read_snapshot(status.model, 20)
    assert "copy" in (status.model / "card.md").read_text("utf-8")
    model = InHouse.load(status.model, "mine")
    assert status.parameters == sum(p.numel() for p in model.module.parameters())


def test_pausing_and_resuming_gives_the_weights_of_an_uninterrupted_training(jobs):
    recipe = QUICK | {"steps": 400, "precision": "float32"}
    whole = jobs.submit("reverse", recipe=recipe, shape=TINY)
    broken = jobs.submit("reverse", recipe=recipe, shape=TINY)
    until(jobs, broken, lambda status: bool(status.history))
    jobs.order(broken, "pause")
    status = until(jobs, broken, ended)
    assert status.state == "paused"
    assert status.resumable
    assert InHouse.load(status.model, "so far").spec.task == "tag"  # what it had learned so far can be looked at
    jobs.resume(broken)
    status = until(jobs, broken, ended)
    assert status.state == "done"
    assert [progress.step for progress in status.history] == list(range(1, 401))
    one, other = (load_file(jobs.status(each).model / "model.safetensors") for each in (whole, broken))
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_one_trains_and_the_others_see_their_place(jobs):
    first = jobs.submit("copy", recipe=QUICK | {"steps": 4000}, shape=TINY)
    until(jobs, first, lambda status: status.state != "waiting")
    second, third = (jobs.submit("copy", recipe=QUICK | {"steps": 5}, shape=TINY) for _ in range(2))
    assert [jobs.status(name).place for name in (first, second, third)] == [0, 1, 2]
    with pytest.raises(InputError, match="2 trainings are waiting"):
        jobs.submit("copy", recipe=QUICK | {"steps": 5}, shape=TINY)
    jobs.order(second, "stop")
    assert jobs.status(second).state == "stopped"
    assert jobs.status(third).place == 1
    jobs.order(first, "stop")
    assert until(jobs, first, ended).state == "stopped"
    assert until(jobs, third, ended).state == "done"


def test_what_passes_a_limit_is_refused_with_both_numbers(jobs):
    with pytest.raises(InputError, match="at most 5000 steps; 6000"):
        jobs.submit("copy", recipe={"steps": 6000}, shape=TINY)
    with pytest.raises(InputError, match="at most 200000 parameters"):
        jobs.submit("copy", recipe={"steps": 10}, shape={"d_model": 512})
    with pytest.raises(InputError, match="at most 1 megabytes"):
        jobs.submit("translate", data=b"x" * 2_000_000)


def test_a_training_on_a_file_counts_the_rows_it_leaves_out(jobs):
    rows = "".join(f"the cat {word}\tle chat {word}\n" for word in "abcdefghij" * 4) + "no tab\n"
    shape = {"d_model": 16, "d_ff": 16, "n_heads": 2, "encoder_layers": 1, "decoder_layers": 1}
    recipe = QUICK | {"steps": 10}
    status = until(jobs, jobs.submit("translate", recipe=recipe, data=rows.encode(), vocab=60, shape=shape, probes=("the cat a",)), ended)
    assert (status.state, status.why) == ("done", None)
    assert status.refused == ((41, "1 columns where 2 are needed"),)
    assert {"0.encoder.0", "0.decoder.0", "0.cross.0"} <= set(read_snapshot(status.model, 10))


def test_data_that_cannot_be_trained_on_ends_in_a_sentence(jobs):
    status = until(jobs, jobs.submit("classify", data=b"good\tfine\ngood\tnice\n", vocab=50, shape={"d_model": 16, "n_heads": 2}), ended)
    assert status.state == "failed"
    assert status.why is not None
    assert status.why.key == "error.one_class"
    assert str(jobs._root.name) not in str(status.why)


def test_time_that_is_over_ends_a_training_and_keeps_its_model():
    jobs = Jobs(Limits(minutes=1))
    try:
        jobs.bounds = Limits(minutes=0)  # one second, the least
        status = until(jobs, jobs.submit("copy", recipe=QUICK | {"steps": 20_000}, shape=TINY), ended)
        assert status.state == "stopped"
        assert status.why is not None
        assert status.why.key == "error.training_time"
        assert InHouse.load(status.model, "mine").spec.task == "tag"
    finally:
        jobs.close()


def test_limits_come_from_the_environment_before_the_file(monkeypatch):
    monkeypatch.setenv("ATTNLAB_TRAINING_STEPS", "77")
    limits.cache_clear()
    assert limits().steps == 77
    assert limits().waiting == Limits().waiting
    monkeypatch.setenv("ATTNLAB_TRAINING_STEPS", "0")
    limits.cache_clear()
    with pytest.raises(ValueError, match="at least 1"):
        limits()
    monkeypatch.undo()
    limits.cache_clear()


# Whose they are


class Guests:
    """Visitors who come and go."""

    def __init__(self) -> None:
        self.here = {"ann", "bob"}

    def submit(self, jobs: Jobs, who: str, steps: int = 5000) -> str:
        return jobs.submit("copy", recipe=QUICK | {"steps": steps}, shape=TINY, owner=who, present=lambda: who in self.here)


@pytest.fixture
def line() -> Iterator[Jobs]:
    """A queue that runs nothing: what waits, waits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Jobs, "_work", lambda self: None)
        jobs = Jobs(Limits(waiting=9))
    yield jobs
    jobs.close()


def test_a_visitor_has_two_waiting_at_most_and_visitors_take_turns(line):
    guests = Guests()
    first, second = (guests.submit(line, "ann") for _ in range(2))
    with pytest.raises(InputError, match="2 of your trainings are waiting"):
        guests.submit(line, "ann")
    third = guests.submit(line, "bob")
    assert [line.status(name).place for name in (first, third, second)] == [0, 1, 2]
    assert 0 == line.status(first).wait < line.status(third).wait < line.status(second).wait


def test_the_training_of_a_visitor_who_left_is_stopped_unless_it_is_kept(line):
    guests = Guests()
    left, kept, mine = guests.submit(line, "ann"), guests.submit(line, "ann"), guests.submit(line, "bob")
    line.keep(kept, "ann")
    guests.here.remove("ann")
    now = time.monotonic()
    line.stop_abandoned(now + 50)
    assert [line.status(name).busy for name in (left, kept, mine)] == [True, True, True]
    line.stop_abandoned(now + 70)
    assert [line.status(name).busy for name in (left, kept, mine)] == [False, True, True]


def test_only_the_owner_or_who_has_the_secret_key_may_steer(line):
    name = Guests().submit(line, "ann")
    for steer in (
        lambda: line.order(name, "stop", "bob"),
        lambda: line.resume(name, ""),
        lambda: line.keep(name, name),
        lambda: line.key(name, ""),
    ):
        with pytest.raises(InputError, match="Only the visitor who began"):
            steer()
    key = line.key(name, "ann")
    line.order(name, "pause", key)
    assert line.status(name).state == "paused"


def test_a_training_that_ended_is_forgotten_after_a_day(line):
    name = Guests().submit(line, "ann")
    line.order(name, "stop")
    line.stop_abandoned(time.monotonic() + 86_000)
    assert line.knows(name)
    line.stop_abandoned(time.monotonic() + 86_500)
    assert not line.knows(name)


def test_the_folders_of_servers_that_were_killed_are_removed_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead, mine, other = (tmp_path / name for name in (f"attnlab-{2**22 + 1}-x", f"attnlab-{os.getpid()}-x", "attnlab-notes"))
    for folder in (dead, mine, other):
        folder.mkdir()
    remove_leftovers()
    assert [folder.exists() for folder in (dead, mine, other)] == [False, True, True]


def test_a_server_has_one_queue(monkeypatch):
    monkeypatch.setattr(trainings, "_queue", [])
    monkeypatch.setattr(trainings, "Jobs", lambda: object())
    with ThreadPoolExecutor(8) as pool:
        assert len({id(each) for each in pool.map(lambda _: trainings.queue(), range(40))}) == 1


STORY = "".join(
    f"{word} said the {other} again and again\n\n" for word in ("Oh", "No", "Yes") for other in ("fox", "hen", "cat", "owl") * 4
)
WRITER = {"d_model": 16, "d_ff": 16, "n_heads": 2, "decoder_layers": 2, "max_tokens": 16}
WRITES = {"steps": 40, "validate_every": 10, "batch": 64, "warmup": 5}


@pytest.fixture(scope="module")
def written(jobs: Jobs) -> str:
    name = jobs.submit("write", recipe=WRITES, shape=WRITER, data=STORY.encode(), data_name="story.txt", vocab=60, owner="me")
    assert until(jobs, name, ended).state == "done"
    return name


def test_a_fork_goes_on_from_a_kept_state_of_its_owners_training(jobs, written):
    assert kept_steps(jobs.status(written).model) == [10, 20, 30, 40]
    fork = jobs.fork(written, 20, who="me", owner="me")
    other = jobs.fork(written, 20, who="me", owner="me", without=("L0H1",), recipe={"seed": 5})
    jobs.order(other, "stop")
    assert jobs.forks(written) == [fork, other]
    assert jobs.status(other).fork == (written, 20)
    assert (jobs.status(other).plan.without, jobs.status(other).plan.recipe.seed) == (("L0H1",), 5)
    status = until(jobs, fork, ended)
    assert status.state == "done"
    one, same = (load_file(jobs.status(name).model / "model.safetensors") for name in (written, fork))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert [progress.step for progress in status.history] == list(range(21, 41))
    assert steps(status.model) == [20, 30, 40]


def test_a_fork_that_cannot_be_is_said_in_words(jobs, written):
    with pytest.raises(InputError, match="Only the visitor who began"):
        jobs.fork(written, 20, who="a guest")
    with pytest.raises(InputError, match=r"no state of step 7.*10, 20, 30, 40"):
        jobs.fork(written, 7, who="me")


def test_a_model_that_is_larger_than_its_limit_is_refused_before_it_learns(tmp_path):
    wanted = plan("copy", recipe={"steps": 10}, shape=TINY)
    with pytest.raises(InputError, match="at most 2000 parameters"):
        train(wanted, tmp_path, io.StringIO(), 0, {"parameters": 2000, "states": 0})


@pytest.mark.parametrize(("size", "steps_", "every"), [(1000, 100, 1), (1000, 400, 4), (5_000_000, 100, 10), (9_000_000, 100, 0)])
def test_states_are_kept_as_far_as_there_is_room(size, steps_, every):
    wanted = plan("copy", recipe={"steps": steps_, "validate_every": 10})
    assert keep_every(wanted, size, 100) == every
