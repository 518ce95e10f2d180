"""`masklet worker KIND --devices 0,1`: one worker process for each device, restarted when it dies or hangs."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from functools import partial

from backend.adapters.queue.heartbeat_file import announce_start, heartbeat_folder, is_overdue
from backend.adapters.queue.process_spec import Exit, ProcessSpec
from backend.adapters.queue.rq_queue import RqQueue
from backend.adapters.queue.supervisor import Supervisor
from backend.bootstrap.cluster.requeuing import open_requeuer
from backend.bootstrap.container import Container
from backend.bootstrap.heartbeat import own_worker_name, start_bound_s
from backend.domain.errors import InvalidInput, MaskletError
from backend.domain.jobs import JobKind

logger = logging.getLogger(__name__)

WORKER_IMPORTS = ("backend.bootstrap.cluster.worker_imports", "backend.interfaces.cli")
"""The modules that the worker processes of a supervisor share by a fork."""

DRAIN_S = 60.0
"""The longest end of a worker: it finishes its frame, writes a snapshot and gives its job back."""


def devices_of(text: str) -> tuple[str, ...]:
    """The devices of a list such as 0,1 or cuda:0,cpu. A device may be there twice. Raises InvalidInput."""
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise InvalidInput(f"--devices {text!r} names no device; give numbers of GPUs with commas, or cpu: 0,1")
    return tuple(f"cuda:{name}" if name.isdecimal() else name for name in names)


def device_workers(container: Container, kind: JobKind, base: str, devices: tuple[str, ...]) -> tuple[ProcessSpec, ...]:
    """The processes. base: what their names begin with, unique among live workers."""
    return tuple(_process(container, kind, f"{base}-{number}", device) for number, device in enumerate(devices))


def run_device_workers(
    container: Container, kind: JobKind, name: str | None, devices: tuple[str, ...], should_stop: Callable[[], bool]
) -> None:
    """Supervises the workers until should_stop. SIGTERM is passed on to all of them.

    Raises ServiceUnavailable if there is no queue.
    """
    base = name or own_worker_name(kind)
    specs = device_workers(container, kind, base, devices)
    supervisor = Supervisor(specs, partial(_give_back_work_of, container))
    supervisor.start(should_stop=should_stop)
    supervisor.run(should_stop)


def _process(container: Container, kind: JobKind, name: str, device: str) -> ProcessSpec:
    heartbeat = heartbeat_folder(container.folder.root) / name
    return ProcessSpec(
        name,
        (sys.executable, "-m", "backend.interfaces.cli", "worker", str(kind), "--name", name),
        env={
            "MASKLET_DEVICE": device,
            "REDIS_URL": container.queue_address,
            "MASKLET_DATA_DIR": str(container.folder.root),
        },
        imports=WORKER_IMPORTS,
        prepare=partial(announce_start, heartbeat, bound_s=start_bound_s(container)),
        is_hung=partial(is_overdue, heartbeat),
        grace_s=DRAIN_S,
    )


def _give_back_work_of(container: Container, ended: Exit) -> None:
    """Requeues the job of a worker that died at once; of one that stopped there is none."""
    queue = RqQueue(container.queue_address)
    try:
        open_requeuer(container, queue).worker_died(ended.name)
    except MaskletError as error:
        logger.warning("the job of %s is queued again when its heartbeat is over: %s", ended.name, error)
    finally:
        queue.close()
