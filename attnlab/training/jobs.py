"""Trainings in the background, one at a time: each is a process of its own, which others wait for and which a page only looks at.

A training belongs to the visitor who began it: anybody who has its link may look, its owner may pause, resume and stop it. It ends when
its owner has been gone for a minute, unless they asked to keep it. What it made stays for a day. Visitors take turns.
"""

import atexit
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from attnlab.files import safe_name
from attnlab.models.inhouse.model import InHouse
from attnlab.training import births
from attnlab.training.checkpoint import kept_name, kept_steps
from attnlab.training.limits import Limits, limits
from attnlab.training.loop import Progress
from attnlab.training.plan import Kind, Plan, parameters, plan
from attnlab.training.run import TEACHER
from attnlab.training.worker import PARENT
from attnlab.words import PACKAGE, InputError

State = Literal["waiting", "starting", "running", "paused", "stopped", "done", "failed"]
Order = Literal["pause", "stop"]
ROOT = PACKAGE.parent  # where a process of its own finds attnlab
ENDED: tuple[State, ...] = ("paused", "stopped", "done", "failed")
KEPT, DAY = 60, 86_400.0  # trainings that have ended and whose folders are still there, and for how many seconds
ABSENT = 60.0  # seconds after which a visitor has left
USUAL = 120.0  # seconds that a training takes while nothing is known of any
PREFIX = "attnlab-"  # of this server's folder; its process follows


@dataclass(frozen=True)
class Status:
    """How a training stands. place: 0 it is its turn, 1 next, ...; history: every step so far; why: what went wrong, if anything did.

    model: the folder with the model, snapshots and card so far. examples: rows trained on, 0 for a generated task; refused: rows left
    out, with what is wrong with them.
    """

    id: str
    plan: Plan
    state: State
    place: int
    model: Path
    history: tuple[Progress, ...]
    why: InputError | None = None
    parameters: int = 0
    examples: int = 0
    refused: tuple[tuple[int, str], ...] = ()
    wait: float = 0.0  # seconds until its turn, guessed
    kept: bool = False  # goes on without its owner
    fork: tuple[str, int] | None = None  # the training that it went on from, and at which step

    @property
    def busy(self) -> bool:
        return self.state not in ENDED

    @property
    def last(self) -> Progress | None:
        return self.history[-1] if self.history else None

    @property
    def resumable(self) -> bool:
        """Whether it was ended before its last step."""
        return self.state in ("paused", "stopped") and self.last is not None and self.last.step < self.plan.recipe.steps


@dataclass
class Job:
    """One training as the server knows it. Only `Jobs` changes it, under its lock."""

    id: str
    plan: Plan
    folder: Path
    state: State = "waiting"
    read: int = 0  # bytes of the events that were read
    history: list[Progress] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    why: InputError | None = None
    spent: float = 0.0  # seconds of computing
    owner: str = ""
    present: Callable[[], bool] = lambda: True  # whether its owner is still here
    seen: float = field(default_factory=time.monotonic)  # when that was last so
    key: str = field(default_factory=lambda: secrets.token_hex(16))  # opens it to its owner elsewhere
    kept: bool = False
    ended: float = 0.0
    fork: tuple[str, int] | None = None


class Jobs:
    """A queue of trainings and the one that is running. Safe to call from any thread."""

    def __init__(self, bounds: Limits | None = None) -> None:
        self.bounds = limits() if bounds is None else bounds
        self._lock, self._waiting = threading.Condition(threading.RLock()), list[Job]()
        self._jobs: dict[str, Job] = {}
        self._running: tuple[Job, subprocess.Popen[bytes] | None] | None = None
        self._turns: dict[str, int] = {}  # when each visitor last had a turn
        self._took: deque[float] = deque(maxlen=8)  # seconds of the last trainings
        remove_leftovers()
        self._root = tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", ignore_cleanup_errors=True)
        self._closed = threading.Event()
        threading.Thread(target=self._work, daemon=True, name="trainings").start()
        threading.Thread(target=self._watch, daemon=True, name="visitors of trainings").start()
        atexit.register(self.close)

    def submit(
        self,
        kind: Kind,
        *,
        recipe: dict[str, Any] | None = None,
        data: bytes | None = None,
        data_name: str = "data.tsv",
        owner: str = "",
        present: Callable[[], bool] | None = None,
        teacher: InHouse | str | None = None,
        **rest: Any,
    ) -> str:
        """Put a training into the queue and return its name. data: the content of a TSV file. present: whether its owner is still here.

        teacher: a model to learn from, or the name of a shipped one. Raises InputError for choices that cannot be, that pass a limit, and
        when too many are waiting.
        """
        name, bounds = secrets.token_hex(8), self.bounds
        if data is not None and len(data) > bounds.megabytes * 1e6:
            raise InputError("error.training_limit", what="megabytes", given=f"{len(data) / 1e6:.1f}", limit=bounds.megabytes)
        folder = Path(self._root.name) / name
        own = safe_name(data_name.removesuffix(".tsv"), otherwise="data")
        learned = str(folder / TEACHER) if isinstance(teacher, InHouse) else teacher
        wanted = plan(kind, recipe=recipe, data=None if data is None else folder / f"{own}.tsv", teacher=learned, **rest)

        def lay() -> None:
            if data is not None and wanted.data is not None:
                wanted.data.write_bytes(data)
            if isinstance(teacher, InHouse):
                teacher.save(folder / TEACHER, precision="float32")

        return self._admit(Job(name, wanted, folder, owner=owner, present=present or (lambda: True)), lay)

    def fork(
        self,
        name: str,
        step: int,
        *,
        who: str,
        owner: str = "",
        present: Callable[[], bool] | None = None,
        recipe: Mapping[str, Any] | None = None,
        **change: Any,
    ) -> str:
        """Put a training into the queue that goes on from a kept state of another one, with a change of its plan, and return its name.

        who: what proves that the other is the asker's. Raises InputError where it is not, for a state that was not kept, and as `submit`.
        """
        other = secrets.token_hex(8)
        with self._lock:
            self._check(name, who)
            parent, folder = self._jobs[name], Path(self._root.name) / other
            steps = kept_steps(parent.folder / "model")
            if step not in steps:
                raise InputError("error.fork", folder=name, step=step, steps=", ".join(map(str, steps)) or "-")
            paths: dict[str, Any] = {"data": None if parent.plan.data is None else folder / parent.plan.data.name}
            own_teacher = (parent.folder / TEACHER).is_dir()
            if own_teacher:
                paths["teacher"] = str(folder / TEACHER)
            wanted = replace(parent.plan, recipe=replace(parent.plan.recipe, **(recipe or {})), **change, **paths)

        def lay() -> None:
            (folder / PARENT).mkdir()
            for file in (kept_name(step), births.NAME):
                if (parent.folder / "model" / file).is_file():
                    shutil.copyfile(parent.folder / "model" / file, folder / PARENT / file)
            if parent.plan.data is not None:
                shutil.copyfile(parent.plan.data, paths["data"])
            if own_teacher:
                shutil.copytree(parent.folder / TEACHER, folder / TEACHER)

        job = Job(other, wanted, folder, owner=owner, present=present or (lambda: True), fork=(name, step))
        return self._admit(job, lay)

    def forks(self, name: str) -> list[str]:
        """The trainings that went on from a state of this one, the oldest first."""
        with self._lock:
            return [job.id for job in self._jobs.values() if job.fork is not None and job.fork[0] == name]

    def _admit(self, job: Job, lay: Callable[[], None]) -> str:
        """Put a job into the queue, within the limits. lay: puts into its folder what it reads."""
        bounds, wanted, owner = self.bounds, job.plan, job.owner
        size = 0 if wanted.init is not None else parameters(wanted)  # of one that begins as another only its process knows the size
        for what, given, limit in (("steps", wanted.recipe.steps, bounds.steps), ("parameters", size, bounds.parameters)):
            if given > limit:
                raise InputError("error.training_limit", what=what, given=given, limit=limit)
        with self._lock:
            if len(self._waiting) >= bounds.waiting:
                raise InputError("error.training_queue", limit=bounds.waiting)
            if owner and sum(job.owner == owner for job in self._waiting) >= bounds.each:
                raise InputError("server.two_waiting", limit=bounds.each)
            job.folder.mkdir()
            lay()
            self._jobs[job.id] = job
            self._enqueue(job)
        return job.id

    def status(self, name: str) -> Status:
        """How a training stands now. Raises KeyError for one that is not, or no longer, here."""
        with self._lock:
            job = self._jobs[name]
            self._read(job)
            place = self._line().index(job) + (self._running is not None) if job in self._waiting else 0
            return Status(
                job.id, job.plan, job.state, place, job.folder / "model", tuple(job.history), job.why,
                job.facts.get("parameters", 0), job.facts.get("examples", 0), tuple((n, why) for n, why in job.facts.get("refused", ())),
                self._wait(place), job.kept, job.fork,
            )  # fmt: skip

    def knows(self, name: str) -> bool:
        with self._lock:
            return name in self._jobs

    def busy(self) -> int:
        """How many trainings are running or waiting."""
        with self._lock:
            return len(self._waiting) + (self._running is not None)

    def owns(self, name: str, who: str) -> bool:
        """Whether this is the visitor who began a training, or somebody who has its secret key."""
        with self._lock:
            job = self._jobs.get(name)
            return job is not None and any(secrets.compare_digest(who.encode(), known.encode()) for known in (job.owner, job.key) if known)

    def keep(self, name: str, who: str) -> None:
        """Let a training go on without its owner. Raises InputError for anybody else."""
        with self._lock:
            self._check(name, who)
            self._jobs[name].kept = True

    def key(self, name: str, who: str) -> str:
        """What opens a training to its owner elsewhere. Raises InputError for anybody else."""
        with self._lock:
            self._check(name, who)
            return self._jobs[name].key

    def _check(self, name: str, who: str | None) -> None:
        if who is not None and not self.owns(name, who):
            raise InputError("server.not_yours")

    def order(self, name: str, what: Order, who: str | None = None) -> None:
        """Let a training end after the step it is at: its checkpoint and its model are kept. One that waits never begins.

        who: the visitor who asks, None for the server itself. Raises InputError for one whose training it is not.
        """
        with self._lock:
            self._check(name, who)
            job = self._jobs[name]
            if job in self._waiting:
                self._waiting.remove(job)
                job.state, job.ended = "paused" if what == "pause" else "stopped", time.monotonic()
            elif job.state in ("starting", "running"):
                (job.folder / "order").write_text(what)
            elif job.state == "paused" and what == "stop":
                job.state = "stopped"

    def resume(self, name: str, who: str | None = None) -> None:
        """Go on where a training was paused or stopped, when its turn comes. Raises InputError as `order` does."""
        with self._lock:
            self._check(name, who)
            job = self._jobs[name]
            if job.state in ("paused", "stopped"):
                (job.folder / "order").unlink(missing_ok=True)
                self._enqueue(job)

    def close(self) -> None:
        """End everything; called when the server ends."""
        with self._lock:
            self._closed.set()
            self._waiting.clear()
            process = None if self._running is None else self._running[1]
            self._lock.notify_all()
        if process is not None and process.poll() is None:
            process.kill()  # checkpoints are written all at once or not at all
            process.wait()
        self._root.cleanup()

    def _enqueue(self, job: Job) -> None:
        job.state, job.seen = "waiting", time.monotonic()
        self._waiting.append(job)
        self._lock.notify_all()

    def _work(self) -> None:
        while True:
            with self._lock:
                while not self._waiting and not self._closed.is_set():
                    self._lock.wait()
                if self._closed.is_set():
                    return
                job = self._line()[0]
                self._waiting.remove(job)
                self._turns.pop(job.owner, None)  # said again, it stands last
                self._turns[job.owner] = next(reversed(self._turns.values()), 0) + 1
                job.state = "starting"
                process = self._start(job)
                self._running = (job, process)
            began = time.monotonic()
            code = process.wait()
            with self._lock:
                self._running = None
                if self._closed.is_set():
                    return
                job.ended = time.monotonic()
                job.spent += job.ended - began
                self._took.append(job.ended - began)
                self._read(job)
                if job.state not in ENDED:
                    job.state, job.why = "failed", InputError("error.training_died", why=last_line(job.folder / "stderr", code))
                self._tidy(time.monotonic())

    def _start(self, job: Job) -> "subprocess.Popen[bytes]":
        left = max(1.0, self.bounds.minutes * 60 - job.spent)
        most = self.bounds.parameters if job.plan.init is None else self.bounds.begun
        asked: dict[str, Any] = {"plan": asdict(job.plan), "seconds": left, "parameters": most, "states": self.bounds.states}
        asked["fork"] = None if job.fork is None else job.fork[1]
        (job.folder / "job.json").write_text(json.dumps(asked, default=str), "utf-8")
        threads = str(max(1, (os.cpu_count() or 2) - 1))  # one core is left to those who look at pages
        paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        environment = os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "PYTHONPATH": paths}
        with (job.folder / "stderr").open("wb") as errors:
            command = [sys.executable, "-m", "attnlab.training.worker", str(job.folder)]
            return subprocess.Popen(command, env=environment, cwd=job.folder, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)

    def _read(self, job: Job) -> None:
        """Take in what the process has told since the last time; a line that is not whole yet is left for the next."""
        file = job.folder / "events"
        if not file.is_file():
            return
        with file.open("rb") as stream:
            stream.seek(job.read)
            fresh = stream.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        job.read += len(whole)
        for line in whole.splitlines():
            told = json.loads(line)
            if told["event"] == "step":
                job.history.append(Progress(**told["progress"]))
            elif told["event"] == "material":
                job.facts = told
                job.state = "running"
            else:
                job.state = told["state"]
                job.why = InputError(told["key"], **told["facts"]) if told.get("key") else None

    def _line(self) -> list[Job]:
        """Those who wait, in the order of their turns: whose last turn is longest ago goes first, one training of each after the other."""
        before: dict[str, int] = {}
        rounds = []
        for job in self._waiting:
            rounds.append(before.get(job.owner, 0))
            before[job.owner] = rounds[-1] + 1
        last = [self._turns.get(job.owner, 0) for job in self._waiting]
        order = sorted(range(len(rounds)), key=lambda i: (rounds[i], last[i], i))
        return [self._waiting[i] for i in order]

    def _wait(self, place: int) -> float:
        """Seconds until the turn of the one in this place: what is left of the one that runs, and as long as the last ones took."""
        each = min(sum(self._took) / len(self._took) if self._took else USUAL, self.bounds.minutes * 60)
        running = None if self._running is None else self._running[0]
        left = each if running is None or not running.history else running.history[-1].seconds_left
        return 0.0 if place == 0 else max(0.0, left) + (place - 1) * each

    def _watch(self) -> None:
        """Stop what nobody waits for any more."""
        while not self._closed.wait(ABSENT / 12):
            self.stop_abandoned(time.monotonic())

    def stop_abandoned(self, now: float) -> None:
        """Stop the trainings whose owner has been gone for ABSENT seconds and did not ask to keep them; forget what is a day old."""
        with self._lock:
            for job in [job for job in self._jobs.values() if job.state not in ENDED]:
                if job.kept or job.present():
                    job.seen = now
                elif now - job.seen >= ABSENT:
                    self.order(job.id, "stop")
            self._tidy(now)

    def _tidy(self, now: float) -> None:
        """Forget trainings that ended a day ago, and the oldest of the others when there are many."""
        ended = sorted((job for job in self._jobs.values() if job.state in ENDED), key=lambda job: job.ended)
        for place, job in enumerate(ended):
            if place < len(ended) - KEPT or now - job.ended > DAY:
                shutil.rmtree(job.folder, ignore_errors=True)
                del self._jobs[job.id]
        for owner in list(self._turns)[:-1000]:
            del self._turns[owner]


_queue: list[Jobs] = []
_queue_lock = threading.Lock()


def queue() -> Jobs:
    """The queue of this server's trainings, the same for every visitor: here, because any visitor may clear Streamlit's caches."""
    with _queue_lock:
        if not _queue:
            _queue.append(Jobs())
        return _queue[0]


def remove_leftovers() -> None:
    """Remove the folders of servers that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}[0-9]*-*"):
        process = folder.name.removeprefix(PREFIX).partition("-")[0]
        if process.isdecimal() and not is_alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def is_alive(process: int) -> bool:
    """Whether there is a process of this number."""
    with suppress(ProcessLookupError, OverflowError):
        with suppress(PermissionError):  # somebody else's
            os.kill(process, 0)
        return True
    return False


def last_line(file: Path, code: int) -> str:
    lines = [line for line in file.read_text("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else f"exit status {code}"
