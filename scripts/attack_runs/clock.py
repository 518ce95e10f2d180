"""The wall clock is set by an hour, back or forward, while workers work, one dies, a push waits and a person waits.

The web process's part (reconciler, pusher, waiter) runs here, with `time.time` shifted. Two workers are processes of
their own: one started before the clock was set, one after. Ledger and masks are the real ones; nothing is fetched.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.application.annotation.annotation_service import AnnotationService
from backend.application.jobs.push_predictions import Pusher
from backend.application.jobs.reconcile import Reconciler
from backend.application.jobs.submit import Submitter
from backend.application.ports.notifier import NoNotifier
from backend.bootstrap.container import Container
from backend.domain.errors import LabelStudioUnavailable
from backend.domain.geometry import Point
from backend.domain.jobs import Job, JobState, PropagationRequest
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex
from backend.settings import Settings
from tests.fakes.engine import FakeVideo
from tests.fakes.queue import FakeQueue
from tests.fakes.sink import FakeSink, count_regions

HOUR_S = 3600.0
SWEEP_S = 0.25
LATE_S = 5.0
"""What may come on top of a bound before it counts as missed, on a busy machine."""

ROOT = Path(__file__).parents[2]

WORKER = """
import sys, time
from pathlib import Path
folder, shift_s, job_id, name = sys.argv[1], float(sys.argv[2]), sys.argv[3], sys.argv[4]
real = time.time
time.time = lambda: real() + shift_s
from backend.bootstrap.container import Container
from backend.settings import Settings
ledger = Container(Settings(data_dir=Path(folder))).ledger
job = ledger.job(job_id)
ledger.start(job_id, job.attempt, name)
print("started", flush=True)
while True:
    ledger.progress(job_id, job.attempt, 0, len(ledger.pending_waits().jobs))
    time.sleep(0.2)
"""
"""A worker that only works on: its heartbeats, and as `total` how many waiters it sees."""


@dataclass
class Web:
    """The web process's side of one data folder."""

    folder: Path
    ttl_s: float

    def __post_init__(self) -> None:
        self.container = Container(Settings(data_dir=self.folder, database_url="", redis_url=""))
        self.ledger: SqlLedger = self.container.ledger
        self.queue = FakeQueue()
        self.submitter = Submitter(self.ledger, self.queue)
        self.sink = FakeSink()
        self.pusher = Pusher(
            self.ledger, self.container.masks, self.sink, count_regions, self.container.clock, random=lambda: 0.0
        )
        self.reconciler = Reconciler(
            self.ledger,
            self.queue,
            self.submitter,
            self.container.clock,
            self.pusher,
            heartbeat_ttl_s=self.ttl_s,
            max_attempts=100,
        )

    def submit(self, task_id: int) -> Job:
        prompt = FramePrompt(ObjectId("Cat"), FrameIndex(0), (PointPrompt(Point(0.5, 0.5)),))
        media = MediaRef(("/data/clip.mp4",), is_pages=False)
        prompts = PromptSet.of([prompt], {})
        return self.submitter.submit(PropagationRequest(TaskKey(1, task_id), media, prompts, model_version="m"))

    def pushed_later(self) -> None:
        """A finished job whose first push fails."""
        job = self.submit(3)
        self.ledger.start(job.job_id, job.attempt, "here")
        with self.container.masks.writer("run", video=FakeVideo().info, labels={}) as writer:
            writer.commit()
        self.ledger.finish(job.job_id, job.attempt, JobState.DONE, masks_run="run", push=True)
        self.sink.errors = [LabelStudioUnavailable("503")]
        self.pusher.sweep()

    def sweep_until(self, seconds: float, is_over: object = None) -> float:
        """Sweeps for so many real seconds, or until `is_over()`; returns the seconds."""
        began_s = time.monotonic()
        while time.monotonic() - began_s < seconds:
            self.reconciler.sweep()
            if callable(is_over) and is_over():
                break
            time.sleep(SWEEP_S)
        return time.monotonic() - began_s


@contextmanager
def _worker(folder: Path, shift_s: float, job: Job, name: str) -> Iterator[subprocess.Popen[str]]:
    """A process that works on a job. shift_s: how the clock is set where and when it starts."""
    command = [sys.executable, "-c", WORKER, str(folder), str(shift_s), job.job_id, name]
    environment = {**os.environ, "DATABASE_URL": "", "REDIS_URL": ""}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def _clock_set(by_s: float) -> Iterator[None]:
    """Within, the wall clock of this process is set by so many seconds."""
    real = time.time

    def shifted() -> float:
        return real() + by_s

    with mock.patch("time.time", shifted):
        yield


def _jump(jump_s: float, ttl_s: float) -> dict[str, object]:
    """Figures of one setting of the clock."""
    with TemporaryDirectory(prefix="masklet-clock-") as name:
        web = Web(Path(name), ttl_s)
        with closing(web.ledger):
            old, new = web.submit(1), web.submit(2)
            service = AnnotationService(
                web.ledger, web.container.masks, web.submitter, web.container.clock, NoNotifier(), lambda _: None
            )
            service.add_waiter(new, for_s=ttl_s + 120)
            web.pushed_later()
            with (
                _worker(web.folder, 0.0, old, "old") as dying,
                _clock_set(jump_s),
                _worker(web.folder, jump_s, new, "new"),
            ):
                # a web process that starts now goes on with the same ledger
                late = Web(web.folder, ttl_s)
                late.sink = web.sink
                late.pusher = replace(late.pusher, sink=web.sink)
                late.reconciler = replace(late.reconciler, pusher=late.pusher)
                push_s = late.sweep_until(60.0, lambda: bool(web.sink.predictions))
                late.sweep_until(2 * ttl_s)
                abandoned = sum(late.ledger.job(job.job_id).attempt > 1 for job in (old, new))
                waiters = late.ledger.job(new.job_id).total
                dying.kill()
                dead_s = late.sweep_until(ttl_s + 60.0, lambda: late.ledger.job(old.job_id).attempt > 1)
                late.ledger.close()
    return {
        "jump_s": jump_s,
        "heartbeat_ttl_s": ttl_s,
        "false_abandonments": abandoned,
        "push_seconds": round(push_s, 1),
        "pushes_missed": int(push_s > LATE_S + 2),
        "dead_worker_seconds": round(dead_s, 1),
        "dead_worker_checks_missed": int(dead_s > ttl_s + LATE_S),
        "waiters_ended_early": 1 - min(waiters, 1),
    }


def run(quick: bool = False) -> dict[str, object]:
    """Figures of the clock set back and forward by an hour, and their sums."""
    cases = [_jump(jump_s, 5.0 if quick else 20.0) for jump_s in (-HOUR_S, HOUR_S)]
    counted = ("false_abandonments", "pushes_missed", "dead_worker_checks_missed", "waiters_ended_early")
    return {"cases": cases, **{name: sum(int(str(case[name])) for case in cases) for name in counted}}
