"""Trainings on a real server and real train workers, and their recovery from kills."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from backend.adapters.queue.child_process import tied_to_parent
from backend.adapters.queue.training_queue import RqTrainingQueue
from backend.application.training.reconcile import TrainingReconciler
from backend.application.training.requests import Trainings
from backend.domain.jobs import JobKind
from backend.domain.training.rows import Training, TrainingRequest, TrainingState
from tests.fakes.eventually import eventually
from tests.integration.queue.clock import SystemClock
from tests.integration.queue.conftest import REPOSITORY, QueueStack
from tests.integration.queue.train_process import STEPS


def train_worker(stack: QueueStack, folder: Path, name: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.integration.queue.train_process"]
    started = subprocess.Popen(
        tied_to_parent([*command, stack.valkey.url, stack.ledger_url, str(folder), name]),
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    stack.workers.append(started)
    return started


def test_a_killed_training_is_resumed_and_finished(stack: QueueStack, tmp_path: Path) -> None:
    queue = RqTrainingQueue(stack.queue)
    training, _ = Trainings(stack.ledger, queue).start(TrainingRequest(7, "tiny"))
    folder = tmp_path / "trainings"
    first = train_worker(stack, folder, "first")

    def now() -> Training:
        return stack.ledger.training(training.training_id)

    eventually(lambda: now().progress.share > 0)
    assert queue.is_known(now())
    assert (queue.workers(), stack.queue.workers()) == (1, dict.fromkeys(JobKind, 0))
    first.kill()
    first.wait()
    steps = int((folder / training.training_id / "steps").read_text())
    reconciler = TrainingReconciler(stack.ledger, queue, SystemClock(), heartbeat_ttl_s=0.5, max_tries=3)
    eventually(lambda: now().attempt == 2 and queue.is_known(now()), each=reconciler.sweep)
    assert (now().state, now().reason) == (TrainingState.QUEUED, "the train worker fell silent")
    assert 0 < steps < STEPS
    second = train_worker(stack, folder, "second")
    assert second.wait(120) == 0, "it ends once no training waits"
    ended = now()
    assert (ended.state, ended.note) == (TrainingState.DONE, "It is offered.")
    assert ended.result is not None
    assert not queue.is_known(ended)
