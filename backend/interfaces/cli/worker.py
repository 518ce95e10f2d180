"""`masklet worker KIND`: one worker process on one queue; the model is resident, but for trainings."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from backend.codecs.imports import imports_for_good
from backend.domain.errors import InvalidInput
from backend.domain.jobs import JobKind
from backend.domain.training.rows import TRAIN

if TYPE_CHECKING:
    from backend.bootstrap.container import Container


class WorkerKind(StrEnum):
    """The queues that a worker may work on."""

    INTERACTIVE = JobKind.INTERACTIVE.value
    PROPAGATE = JobKind.PROPAGATE.value
    TRAIN = TRAIN


def worker(
    kind: Annotated[WorkerKind, typer.Argument(help="Which queue to work on.")],
    *,
    name: Annotated[str | None, typer.Option(help="The worker's name; default: kind, host and process id.")] = None,
    until_idle: Annotated[bool, typer.Option(help="Of train: end when no training waits.")] = False,
    devices: Annotated[
        str, typer.Option(help="One process for each of these devices: numbers of GPUs with commas, or cpu: 0,1.")
    ] = "",
) -> None:
    """Run the jobs of one queue until stopped. SIGTERM ends it at the next frame; the job is queued again.

    With --devices the processes are restarted when they die or hang.

    A worker starts anew, with the same process id, when another model is in use, and a train worker after each
    training.
    """
    from backend.bootstrap.container import Container, keep_files_private
    from backend.bootstrap.monitoring.log_setup import set_up_logging

    if until_idle and kind is not WorkerKind.TRAIN:
        raise InvalidInput(f"--until-idle is of train workers; a worker of {kind} keeps its model for the next job")
    container = Container.from_environment()
    keep_files_private()
    set_up_logging(container.settings)
    if devices:
        _run_on(container, kind, name, devices)
        return
    from backend.bootstrap.training.model_use import start_again

    if kind is WorkerKind.TRAIN:
        from backend.bootstrap.training.worker import run_train_worker

        if run_train_worker(container, name, until_idle=until_idle):
            start_again()
        return
    with imports_for_good():
        from backend.bootstrap.worker import run_worker

    if run_worker(container, JobKind(kind), name):
        start_again()


def _run_on(container: Container, kind: WorkerKind, name: str | None, devices: str) -> None:
    """Raises InvalidInput."""
    from backend.bootstrap.cluster.device_workers import devices_of, run_device_workers
    from backend.bootstrap.stack import stop_on_signals

    if kind is WorkerKind.TRAIN:
        raise InvalidInput("--devices is of workers for jobs; a train worker runs alone: set MASKLET_DEVICE")
    run_device_workers(container, JobKind(kind), name, devices_of(devices), stop_on_signals())
