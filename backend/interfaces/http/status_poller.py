"""The figures that /health and /metrics tell, gathered aside so that /health never waits for anything.

A background thread polls queue, ledger and model announcement once a second; readers get the last snapshot. A service
that hangs makes the snapshot old, not the reader slow, and an old snapshot has its age.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.application.ports.clock import Clock
from backend.application.ports.engine import ModelDirectory
from backend.application.ports.ledger import Ledger
from backend.application.ports.queue import JobQueue
from backend.domain.errors import QueueUnavailable
from backend.domain.jobs import JobKind, JobState, ModelInfo
from backend.domain.retries import FailureKind

logger = logging.getLogger(__name__)

STATUS_PERIOD_S = 1.0
STALE_S = 10.0


@dataclass(frozen=True, slots=True)
class StatusSnapshot:
    """One round of answers. queue_trouble is empty while the queue answers; its counts are None while not."""

    taken_s: float
    model: ModelInfo | None = None
    depths: Mapping[JobKind, int] | None = None
    workers: Mapping[JobKind, int] | None = None
    silent_workers: Mapping[JobKind, int] | None = None
    queue_trouble: str = "the queue has not been asked yet"
    jobs: Mapping[tuple[JobKind, JobState], int] = field(default_factory=dict)
    oldest_queued_s: Mapping[JobKind, float] = field(default_factory=dict)
    """How long the longest waiting job of a kind has been queued, in seconds; 0 without one."""
    pushes_pending: int = 0
    failed_tries: Mapping[tuple[FailureKind, str, bool], int] = field(default_factory=dict)
    """The count per kind, cause and whether it was given up."""


class StatusPoller:
    """Takes status snapshots and returns the last one."""

    def __init__(self, *, ledger: Ledger, queue: JobQueue, models: ModelDirectory, clock: Clock) -> None:
        self._ledger = ledger
        self._queue = queue
        self._models = models
        self._clock = clock
        self._figures = StatusSnapshot(taken_s=clock.monotonic_s())
        self._is_taken = threading.Event()

    @property
    def snapshot(self) -> StatusSnapshot:
        return self._figures

    @property
    def age_s(self) -> float:
        return max(self._clock.monotonic_s() - self._figures.taken_s, 0.0)

    def wait_for_first(self, longest_s: float) -> bool:
        """Whether figures have been taken, waiting for the first ones at most this long."""
        return self._is_taken.wait(longest_s)

    def take(self) -> StatusSnapshot:
        """Ask everybody once. Blocks for as long as they take to answer."""
        taken_s = self._clock.monotonic_s()
        depths: Mapping[JobKind, int] | None = None
        workers: Mapping[JobKind, int] | None = None
        silent: Mapping[JobKind, int] | None = None
        trouble = ""
        try:
            counts = self._queue.workers_and_silent()
            depths = self._queue.depths()
            workers = {kind: working for kind, (working, _) in counts.items()}
            silent = {kind: quiet for kind, (_, quiet) in counts.items()}
        except QueueUnavailable as error:
            depths, trouble = None, str(error)
        self._figures = StatusSnapshot(
            taken_s=taken_s,
            model=self._models.announced(),
            depths=depths,
            workers=workers,
            silent_workers=silent,
            queue_trouble=trouble,
            jobs=self._ledger.counts(),
            oldest_queued_s=self._queue_ages(),
            pushes_pending=self._ledger.pending_pushes(),
            failed_tries=self._ledger.failure_counts(),
        )
        self._is_taken.set()
        return self._figures

    def _queue_ages(self) -> Mapping[JobKind, float]:
        now_s, since = self._clock.now_s(), self._ledger.queued_since()
        return {kind: max(now_s - since.get(kind, now_s), 0.0) for kind in JobKind}
