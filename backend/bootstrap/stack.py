"""Wiring of `masklet up`: queue server, web process and workers under one supervisor."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import IO

from backend.adapters.machine.stack_lock import take_stack_lock
from backend.adapters.queue.heartbeat_file import AnswerWatch, announce_start, heartbeat_folder, is_overdue
from backend.adapters.queue.probe import answers
from backend.adapters.queue.process_spec import Exit, ProcessSpec
from backend.adapters.queue.rq_queue import RqQueue
from backend.adapters.queue.supervisor import Supervisor
from backend.adapters.queue.valkey import EmbeddedValkey
from backend.application.jobs.reconcile import Reconciler
from backend.application.training.reconcile import TrainingReconciler
from backend.bootstrap.cluster.device_workers import WORKER_IMPORTS
from backend.bootstrap.cluster.requeuing import open_requeuer
from backend.bootstrap.container import Container
from backend.bootstrap.heartbeat import start_bound_s, web_name
from backend.bootstrap.training.requests import has_open_training, open_training_reconciler
from backend.codecs.atomic_file import write_atomically
from backend.domain.errors import QueueUnavailable
from backend.domain.jobs import JobKind
from backend.domain.training.rows import TRAIN

logger = logging.getLogger(__name__)

READY_S = 120.0
WARM_READY_S = 1800.0
"""For a worker that compiles its steps before it registers. READY_S covers a large checkpoint on a slow disk."""

PORTS_TO_TRY = 50
ORPHAN_GRACE_S = 15.0
"""How long the queue server of a killed stack may take to end, in seconds."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack and its address."""

    url: str
    supervisor: Supervisor
    run_file: Path
    lock: IO[str]

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Supervises, restarts processes that die, and records their ids, until `should_stop`."""

        noted: dict[str, int] = {}

        def watched() -> bool:
            nonlocal noted
            if noted != self.supervisor.pids or not self.run_file.exists():
                noted = self.supervisor.pids
                self._note(noted)
            return should_stop()

        try:
            self.supervisor.run(watched)
        finally:
            self.run_file.unlink(missing_ok=True)
            self.lock.close()

    def _note(self, pids: dict[str, int]) -> None:
        text = json.dumps({"url": self.url, "supervisor": os.getpid(), "pids": pids})
        write_atomically(self.run_file, text.encode())


def start_stack(container: Container, should_stop: Callable[[], bool]) -> Stack:
    """Start everything and wait until it answers.

    Raises NotAllowed if another stack uses the data folder, ServiceUnavailable if a part does not come up.
    """
    lock = take_stack_lock(container.folder.root)
    try:
        return _start_locked(container, should_stop, lock)
    except BaseException:
        lock.close()
        raise


def _start_locked(container: Container, should_stop: Callable[[], bool], lock: IO[str]) -> Stack:
    folder = container.folder
    server = None if container.settings.redis_url else EmbeddedValkey(folder.root)
    if server is not None:
        _wait_gone(server)
    redis_url = container.settings.redis_url or (server.url if server else "")
    port = free_port(container.settings.host, container.settings.port)
    url = f"http://{container.settings.host}:{port}"
    specs = [
        _web(container, redis_url, container.settings.host, port),
        *(_worker(container, redis_url, kind) for kind in JobKind),
        *([_train_worker(container, redis_url)] if container.settings.label_studio_url else []),
    ]
    if server is not None:
        specs.insert(0, _valkey(container, server))
    # The announcement of an earlier stack is stale until a worker of this one announces its model.
    folder.model_announcement.unlink(missing_ok=True)
    reconciler = open_requeuer(container, RqQueue(redis_url))
    for kind in JobKind:
        # A killed stack's workers died with it, and no process was left to record that.
        reconciler.worker_died(worker_name(kind, folder.root))
    trainings = open_training_reconciler(container, RqQueue(redis_url))
    trainings.worker_died(worker_name(TRAIN, folder.root))
    supervisor = Supervisor(specs, partial(_requeue_work_of, reconciler, trainings, folder.root))
    supervisor.start(should_stop=should_stop)
    return Stack(url, supervisor, folder.run_file, lock)


def _wait_gone(server: EmbeddedValkey) -> None:
    """Waits for the server of a killed stack to end. Raises QueueUnavailable if it does not."""
    give_up_s = time.monotonic() + ORPHAN_GRACE_S
    while server.is_ready():
        if time.monotonic() > give_up_s:
            raise QueueUnavailable(f"a queue server answers at {server.url} without a `masklet up`; stop it")
        time.sleep(0.1)


def stop_on_signals() -> Callable[[], bool]:
    """A flag that Ctrl-C and SIGTERM raise; a second one does nothing, for stopping is under way."""
    stopping = threading.Event()

    def stop(signum: int, frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    return stopping.is_set


def free_port(host: str, wanted: int) -> int:
    """The wanted port, or the next free one. Raises QueueUnavailable if PORTS_TO_TRY ports are taken."""
    for port in range(wanted, min(wanted + PORTS_TO_TRY, 65536)):
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise QueueUnavailable(f"no port from {wanted} on is free on {host}; set MASKLET_PORT")


def worker_name(kind: str, root: Path) -> str:
    """The name of a stack's worker of a kind; the same after a restart. root: the stack's data folder.

    Stacks with different data folders may share the queue and the database: their workers have different names.
    """
    folder = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:8]
    return f"{kind}-{socket.gethostname()}-{folder}"


def _valkey(container: Container, server: EmbeddedValkey) -> ProcessSpec:
    watch = AnswerWatch(server.answers, bound_s=container.settings.hang_timeout_s)

    def prepare() -> None:
        watch.reset()
        server.prepare()

    return ProcessSpec(
        "queue",
        tuple(server.argv),
        log=container.folder.logs / "queue.log",
        prepare=prepare,
        is_ready=server.is_ready,
        is_hung=watch.is_overdue,
        tier=0,
    )


def _web(container: Container, redis_url: str, host: str, port: int) -> ProcessSpec:
    folder = container.folder
    heartbeat = heartbeat_folder(folder.root) / web_name(port)
    return ProcessSpec(
        "web",
        (sys.executable, "-m", "backend.interfaces.cli", "serve", "--host", host, "--port", str(port)),
        env={"REDIS_URL": redis_url, "MASKLET_DATA_DIR": str(folder.root)},
        log=folder.logs / "web.log",
        prepare=partial(announce_start, heartbeat, bound_s=start_bound_s(container)),
        is_ready=partial(answers, f"http://{host}:{port}/health", timeout_s=2.0),
        is_hung=partial(is_overdue, heartbeat),
        tier=1,
        ready_s=READY_S,
    )


def _worker(container: Container, redis_url: str, kind: JobKind) -> ProcessSpec:
    return replace(
        _worker_process(container, redis_url, kind),
        is_ready=partial(_worker_seen, redis_url, kind),
        ready_s=READY_S if container.settings.compile == "off" else WARM_READY_S,
    )


def _train_worker(container: Container, redis_url: str) -> ProcessSpec:
    """Runs while a training is open, and holds no memory otherwise."""
    process = _worker_process(container, redis_url, TRAIN, "--until-idle")
    return replace(process, is_wanted=partial(has_open_training, container))


def _worker_process(container: Container, redis_url: str, kind: str, *options: str) -> ProcessSpec:
    folder = container.folder
    name = worker_name(kind, folder.root)
    heartbeat = heartbeat_folder(folder.root) / name
    return ProcessSpec(
        str(kind),
        (sys.executable, "-m", "backend.interfaces.cli", "worker", str(kind), "--name", name, *options),
        env={"REDIS_URL": redis_url, "MASKLET_DATA_DIR": str(folder.root)},
        log=folder.logs / f"{kind}.log",
        imports=WORKER_IMPORTS,
        prepare=partial(announce_start, heartbeat, bound_s=start_bound_s(container)),
        is_hung=partial(is_overdue, heartbeat),
        tier=1,
    )


def _worker_seen(redis_url: str, kind: JobKind) -> bool:
    queue = RqQueue(redis_url)
    try:
        return queue.workers()[kind] > 0
    except QueueUnavailable:
        return False
    finally:
        queue.close()


def _requeue_work_of(reconciler: Reconciler, trainings: TrainingReconciler, root: Path, ended: Exit) -> None:
    """Requeues the job of a worker that died at once, not after its heartbeat expired."""
    if ended.name == TRAIN:
        trainings.worker_died(worker_name(TRAIN, root))
    elif ended.name in set(JobKind):
        reconciler.worker_died(worker_name(JobKind(ended.name), root))
