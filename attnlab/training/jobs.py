"""Trainings in the background, one at a time: each is a process of its own, which others wait for and which a page only looks at.

A training survives whatever its page does. It can be paused, resumed and stopped, and ends when the server ends.
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
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from attnlab.files import safe_name
from attnlab.training.limits import Limits, limits
from attnlab.training.loop import Progress
from attnlab.training.plan import Kind, Plan, parameters, plan
from attnlab.words import PACKAGE, InputError

State = Literal["waiting", "starting", "running", "paused", "stopped", "done", "failed"]
Order = Literal["pause", "stop"]
ROOT = PACKAGE.parent  # where a process of its own finds attnlab
ENDED: tuple[State, ...] = ("paused", "stopped", "done", "failed")
KEPT = 24  # trainings that have ended and whose folders are still there


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


class Jobs:
    """A queue of trainings and the one that is running. Safe to call from any thread."""

    def __init__(self, bounds: Limits | None = None) -> None:
        self.bounds = limits() if bounds is None else bounds
        self._lock, self._waiting = threading.Condition(threading.RLock()), list[Job]()
        self._jobs: dict[str, Job] = {}
        self._running: tuple[Job, subprocess.Popen[bytes] | None] | None = None
        self._root = tempfile.TemporaryDirectory(prefix="attnlab-", ignore_cleanup_errors=True)
        self._closed = False
        threading.Thread(target=self._work, daemon=True, name="trainings").start()
        atexit.register(self.close)

    def submit(
        self, kind: Kind, *, recipe: dict[str, Any] | None = None, data: bytes | None = None, data_name: str = "data.tsv", **rest: Any
    ) -> str:
        """Put a training at the end of the queue and return its name. data: the content of a TSV file.

        Raises InputError for choices that cannot be, that pass a limit, and when too many are waiting.
        """
        name, bounds = secrets.token_hex(8), self.bounds
        if data is not None and len(data) > bounds.megabytes * 1e6:
            raise InputError("error.training_limit", what="megabytes", given=f"{len(data) / 1e6:.1f}", limit=bounds.megabytes)
        folder = Path(self._root.name) / name
        own = safe_name(data_name.removesuffix(".tsv"), otherwise="data")
        wanted = plan(kind, recipe=recipe, data=None if data is None else folder / f"{own}.tsv", **rest)
        for what, given, limit in (
            ("steps", wanted.recipe.steps, bounds.steps),
            ("parameters", parameters(wanted), bounds.parameters),
        ):
            if given > limit:
                raise InputError("error.training_limit", what=what, given=given, limit=limit)
        with self._lock:
            if len(self._waiting) >= bounds.waiting:
                raise InputError("error.training_queue", limit=bounds.waiting)
            folder.mkdir()
            if data is not None and wanted.data is not None:
                wanted.data.write_bytes(data)
            self._jobs[name] = Job(name, wanted, folder)
            self._enqueue(self._jobs[name])
        return name

    def status(self, name: str) -> Status:
        """How a training stands now. Raises KeyError for one that is not, or no longer, here."""
        with self._lock:
            job = self._jobs[name]
            self._read(job)
            place = self._waiting.index(job) + (self._running is not None) if job in self._waiting else 0
            return Status(
                job.id, job.plan, job.state, place, job.folder / "model", tuple(job.history), job.why,
                job.facts.get("parameters", 0), job.facts.get("examples", 0), tuple((n, why) for n, why in job.facts.get("refused", ())),
            )  # fmt: skip

    def knows(self, name: str) -> bool:
        with self._lock:
            return name in self._jobs

    def busy(self) -> int:
        """How many trainings are running or waiting."""
        with self._lock:
            return len(self._waiting) + (self._running is not None)

    def order(self, name: str, what: Order) -> None:
        """Let a training end after the step it is at: its checkpoint and its model are kept. One that waits never begins."""
        with self._lock:
            job = self._jobs[name]
            if job in self._waiting:
                self._waiting.remove(job)
                job.state = "paused" if what == "pause" else "stopped"
            elif job.state in ("starting", "running"):
                (job.folder / "order").write_text(what)
            elif job.state == "paused" and what == "stop":
                job.state = "stopped"

    def resume(self, name: str) -> None:
        """Go on where a training was paused or stopped, when its turn comes."""
        with self._lock:
            job = self._jobs[name]
            if job.state in ("paused", "stopped"):
                (job.folder / "order").unlink(missing_ok=True)
                self._enqueue(job)

    def close(self) -> None:
        """End everything; called when the server ends."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            process = None if self._running is None else self._running[1]
            self._lock.notify_all()
        if process is not None and process.poll() is None:
            process.kill()  # checkpoints are written all at once or not at all
            process.wait()
        self._root.cleanup()

    def _enqueue(self, job: Job) -> None:
        job.state = "waiting"
        self._waiting.append(job)
        self._lock.notify_all()

    def _work(self) -> None:
        while True:
            with self._lock:
                while not self._waiting and not self._closed:
                    self._lock.wait()
                if self._closed:
                    return
                job = self._waiting.pop(0)
                job.state = "starting"
                process = self._start(job)
                self._running = (job, process)
            began = time.monotonic()
            code = process.wait()
            with self._lock:
                self._running = None
                if self._closed:
                    return
                job.spent += time.monotonic() - began
                self._read(job)
                if job.state not in ENDED:
                    job.state, job.why = "failed", InputError("error.training_died", why=last_line(job.folder / "stderr", code))
                self._tidy()

    def _start(self, job: Job) -> "subprocess.Popen[bytes]":
        left = max(1.0, self.bounds.minutes * 60 - job.spent)
        asked = {"plan": asdict(job.plan), "seconds": left, "parameters": self.bounds.parameters}
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

    def _tidy(self) -> None:
        """Forget the oldest of the trainings that have ended, when there are many."""
        ended = [job for job in self._jobs.values() if job.state in ENDED]
        for job in ended[: max(0, len(ended) - KEPT)]:
            shutil.rmtree(job.folder, ignore_errors=True)
            del self._jobs[job.id]


def last_line(file: Path, code: int) -> str:
    lines = [line for line in file.read_text("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else f"exit status {code}"
