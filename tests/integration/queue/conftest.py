"""A real Valkey server, real worker processes and a ledger in a file, fresh for each test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.adapters.queue import request_channel, rq_queue, signals
from backend.adapters.queue.child_process import tied_to_parent
from backend.adapters.queue.rq_queue import RqQueue
from backend.adapters.queue.valkey import EmbeddedValkey
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.application.jobs.reconcile import Reconciler
from backend.application.jobs.submit import Submitter
from backend.domain.geometry import Point
from backend.domain.jobs import Job, JobKind, JobState, PropagationRequest
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex
from tests.integration.queue.clock import SystemClock

REPOSITORY = Path(__file__).parents[3]


TIMEOUT_S = 120.0


@pytest.fixture(autouse=True)
def long_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the server is slow: a timeout would lose an entry or a prewarm request."""
    for module in (signals, rq_queue, request_channel):
        monkeypatch.setattr(module, "REPLY_TIMEOUT_S", TIMEOUT_S)


def request_of(task_id: int, *, project_id: int = 1) -> PropagationRequest:
    prompt = FramePrompt(ObjectId("cat"), FrameIndex(0), (PointPrompt(Point(0.5, 0.5)),))
    return PropagationRequest(
        TaskKey(project_id, task_id), MediaRef(("clip.mp4",), is_pages=False), PromptSet.of([prompt], {})
    )


class QueueStack:
    """Server, ledger, queue, submitter and worker processes of one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.valkey = EmbeddedValkey(folder)
        self.valkey.start()
        self.ledger_url = f"sqlite:///{folder}/ledger.sqlite"
        self.ledger: SqlLedger = open_ledger(self.ledger_url, SystemClock())
        self.queue = RqQueue(self.valkey.url)
        self.submitter = Submitter(self.ledger, self.queue)
        self.workers: list[subprocess.Popen[bytes]] = []

    def reconciler(self, *, heartbeat_ttl_s: float = 0.5) -> Reconciler:
        return Reconciler(
            self.ledger,
            self.queue,
            self.submitter,
            SystemClock(),
            pusher=None,
            heartbeat_ttl_s=heartbeat_ttl_s,
            max_attempts=3,
        )

    def worker(self, name: str = "worker-1", kind: JobKind = JobKind.PROPAGATE) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.integration.queue.worker_process"]
        started = subprocess.Popen(
            tied_to_parent([*command, self.valkey.url, self.ledger_url, kind, name]),
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
        self.workers.append(started)
        return started

    def submit(self, task_id: int, *, project_id: int = 1) -> Job:
        return self.submitter.submit(request_of(task_id, project_id=project_id))

    def state(self, job: Job) -> JobState:
        return self.ledger.job(job.job_id).state

    def end(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.queue.close()
        self.ledger.close()
        self.valkey.stop()


@pytest.fixture
def stack(tmp_path: Path, long_timeouts: None) -> Iterator[QueueStack]:
    opened = QueueStack(tmp_path)
    yield opened
    opened.end()
