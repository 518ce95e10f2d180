"""Wiring of a train worker: one training at a time on a machine, at the lowest priority, without a resident model."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from backend.adapters.labelstudio.api.sdk import load_sdk
from backend.adapters.machine.clocks import boot_name
from backend.adapters.queue.rq_worker import MaskletWorker
from backend.application.ports.datasets import DatasetSource
from backend.application.ports.engine import CancelToken
from backend.application.ports.measuring.log_fields import log_everywhere
from backend.application.ports.progress import work_moved
from backend.application.ports.training import Trainer
from backend.application.training.runner import TrainingRunner, tidy_ended
from backend.bootstrap.container import Container
from backend.bootstrap.heartbeat import beating, own_worker_name, start_bound_s
from backend.bootstrap.training.labels import open_labels
from backend.bootstrap.training.model_use import find_checkpoint
from backend.bootstrap.training.requests import require_label_studio
from backend.bootstrap.training.results import TrainingResults
from backend.domain.training import TrainingPlan, TrainingProgress, TrainingResult
from backend.domain.training.rows import TRAIN, Training

logger = logging.getLogger(__name__)

LOWEST_PRIORITY = 19
LOCK_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class TrainRuntime:
    """What RQ's callable needs in a train worker.

    lock: a file that the train workers of this machine share. ended: called after each training.
    """

    runner: TrainingRunner
    is_stopping: Callable[[], bool]
    lock: Path
    ended: Callable[[], None]

    def run(self, training_id: str, attempt: int) -> Training:
        """Waits until no other worker of this machine trains: two trainings might not fit into its memory."""
        with self._alone() as is_alone:
            if is_alone:
                training = self.runner.run(training_id, attempt, self.is_stopping)
                self.ended()
                return training
        return self.runner.ledger.training(training_id)

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """False if the worker is to stop before it has the lock. The system releases the lock of a killed process."""
        self.lock.parent.mkdir(parents=True, exist_ok=True)
        with self.lock.open("w") as lock:
            while not self.is_stopping():
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    work_moved()
                    time.sleep(LOCK_POLL_S)
                    continue
                yield True
                return
        yield False


_runtime: list[TrainRuntime] = []
"""The one process-wide object: RQ calls a function by name and passes only ids."""


def train_runtime() -> TrainRuntime:
    """The runtime of this train worker. Raises RuntimeError in any other process: only train workers train."""
    if not _runtime:
        raise RuntimeError("this process is not a train worker; start one with `masklet worker train`")
    return _runtime[0]


def run_train_worker(container: Container, name: str | None, *, until_idle: bool = False) -> bool:
    """Runs trainings until stopped; with until_idle until the queue is empty.

    Returns True after a training, for the process to start again: the memory of a training is the system's then.
    Raises InvalidInput if the settings name no Label Studio, ServiceUnavailable without a queue or a ledger.
    """
    require_label_studio(container)
    os.setpriority(os.PRIO_PROCESS, 0, LOWEST_PRIORITY)  # before any thread starts: threads inherit it
    load_sdk()
    worker_name = name or own_worker_name(TRAIN)
    log_everywhere(worker=worker_name)
    with beating(container, worker_name) as heartbeat:
        worker = MaskletWorker(container.queue_address, TRAIN, name=worker_name, steps=heartbeat)
        # A step of training takes several times as long as a frame.
        heartbeat.allow(start_bound_s(container))
        tidy_ended(container.folder.trainings, container.ledger)
        has_trained = threading.Event()

        def ended() -> None:
            if not worker.is_stopping():
                has_trained.set()
                worker.stop()

        _runtime.append(
            TrainRuntime(
                build_training_runner(container, worker_name, TrainerWhenNeeded(container)),
                worker.is_stopping,
                _machine_lock(container),
                ended,
            )
        )
        try:
            worker.run(burst=until_idle)
        finally:
            _runtime.clear()
    return has_trained.is_set()


@dataclass(frozen=True, slots=True)
class TrainerWhenNeeded:
    """A Trainer that imports the model's libraries once there are labels to learn from."""

    container: Container

    def train(
        self,
        plan: TrainingPlan,
        data: DatasetSource,
        name: str,
        folder: Path,
        *,
        progress: Callable[[TrainingProgress], None],
        cancel: CancelToken,
    ) -> TrainingResult:
        """See the Trainer port."""
        trainer = build_trainer(self.container)
        return trainer.train(plan, data, name, folder, progress=progress, cancel=cancel)


def build_trainer(container: Container) -> Trainer:
    """The trainer of the settings' device."""
    from backend.bootstrap.engine import model_threads
    from backend.training.sam_trainer import SamTrainer, TrainerOptions

    settings = container.settings
    threads = model_threads(settings.threads, shares_cores=True)
    options = TrainerOptions(container.model_folder, settings.device, threads, settings.image_size)
    return SamTrainer(options)


def build_training_runner(container: Container, worker_name: str, trainer: Trainer) -> TrainingRunner:
    return TrainingRunner(
        ledger=container.ledger,
        trainer=trainer,
        results=TrainingResults(container),
        open_labels=partial(open_labels, container),
        base_of=partial(base_name, container),
        clock=container.clock,
        root=container.folder.trainings,
        worker_name=worker_name,
        max_tries=container.settings.max_attempts,
    )


def base_name(container: Container, wanted: str) -> str:
    """The name of the checkpoint that a training starts from. Raises ModelError or IntegrityError without its files."""
    return find_checkpoint(container, wanted).name


def _machine_lock(container: Container) -> Path:
    """The same for all train workers of this machine, in whichever container they run."""
    machine = hashlib.sha256((boot_name() or socket.gethostname()).encode()).hexdigest()[:12]
    return container.folder.trainings / f"machine-{machine}.lock"
