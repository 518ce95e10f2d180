"""Propagations that a lead orders for many tasks at once: placed in the ledger, submitted beside the requests.

An order outlives every process. Submitting it twice makes one job, so a kill between the job and its mark doubles
nothing.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from backend.application.ports.lead_ledger import Order, OrderState
from backend.application.ports.ledger import Ledger
from backend.domain.errors import LabelStudioUnavailable, MaskletError, NotFound, ServiceUnavailable, reason_of
from backend.domain.jobs import Job, JobState
from backend.domain.tasks import TaskKey

logger = logging.getLogger(__name__)

AT_ONCE = 20
"""Orders of one sweep: a cancellation is noticed between two sweeps."""

NOTHING_PROMPTED = "NotFound: nothing usable is prompted; click or box an object first"

Submit = Callable[[TaskKey, str], Job | None]
"""Submits the propagation of a person's prompts of a task; None without usable prompts."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The orders of a project. waiting: not submitted, or queued. done, total: frames of the jobs that began.

    failures: task, person and sentence of each that failed or was refused.
    """

    orders: int = 0
    waiting: int = 0
    running: int = 0
    finished: int = 0
    cancelled: int = 0
    failures: tuple[tuple[TaskKey, str, str], ...] = ()
    done: int = 0
    total: int = 0

    @property
    def is_open(self) -> bool:
        return bool(self.waiting + self.running)

    @property
    def share(self) -> float:
        """0..1: final orders, and the part of each running one that is done. 1 without orders."""
        if not self.orders:
            return 1.0
        part = self.done / self.total if self.total else 0.0
        return min((self.finished + self.cancelled + len(self.failures) + part * self.running) / self.orders, 1.0)


@dataclass(frozen=True, slots=True)
class Processing:
    """Places, submits and cancels orders."""

    ledger: Ledger
    submit: Submit

    def place(self, project_id: int, wanted: Sequence[tuple[TaskKey, str]]) -> int:
        """Orders propagations; returns the count of new orders. What is ordered already is not ordered again."""
        return self.ledger.place_orders(project_id, wanted)

    def progress(self, project_id: int) -> Progress:
        return progress_of(self.ledger.orders(project_id))

    def cancel(self, project_id: int) -> Progress:
        """Takes back what is not submitted, and ends the jobs that are: a running one keeps the masks that it made."""
        for order in self.ledger.cancel_orders(project_id):
            if order.job_state is JobState.RUNNING:
                self.ledger.stop(order.job_id)
            elif order.job_state is JobState.QUEUED:
                self.ledger.cancel(order.job_id)
        return self.progress(project_id)

    def sweep(self) -> int:
        """Submits the oldest pending orders; returns their count. An outage leaves them pending."""
        submitted = 0
        for order in self.ledger.pending_orders(limit=AT_ONCE):
            try:
                job = self.submit(order.task, order.user)
            except (LabelStudioUnavailable, ServiceUnavailable) as error:
                logger.info("the order for task %s waits: %s", order.task, error)
                break
            except MaskletError as error:
                self.ledger.settle_order(order, job_id="", reason=reason_of(error))
                continue
            self._settle(order, job)
            submitted += 1
        return submitted

    def _settle(self, order: Order, job: Job | None) -> None:
        is_settled = self.ledger.settle_order(
            order, job_id=job.job_id if job else "", reason="" if job else NOTHING_PROMPTED
        )
        if job is not None and not is_settled:  # cancelled meanwhile
            try:
                self.ledger.cancel(job.job_id)
            except NotFound:
                logger.info("job %s of a cancelled order is gone", job.job_id)


def progress_of(orders: Sequence[Order]) -> Progress:
    counts: Mapping[str, int] = Counter(map(_stage, orders))
    running = [order for order in orders if order.job_state is JobState.RUNNING]
    failed = [order for order in orders if _stage(order) == "failed"]
    return Progress(
        len(orders),
        counts.get("waiting", 0),
        counts.get("running", 0),
        counts.get("finished", 0),
        counts.get("cancelled", 0),
        tuple((order.task, order.user, _sentence(order)) for order in failed),
        sum(order.done for order in running),
        sum(order.total for order in running),
    )


def _stage(order: Order) -> str:
    if order.state is OrderState.REFUSED or order.job_state is JobState.FAILED:
        return "failed"
    if order.state is OrderState.CANCELLED or order.job_state in (JobState.CANCELLED, JobState.SUPERSEDED):
        return "cancelled"
    if order.job_state is JobState.RUNNING:
        return "running"
    if order.state is OrderState.PENDING or order.job_state is JobState.QUEUED:
        return "waiting"
    return "finished"  # done, or its job was removed since


def _sentence(order: Order) -> str:
    """The reason without its class name."""
    return order.reason.partition(": ")[2] or order.reason or "The propagation failed."
