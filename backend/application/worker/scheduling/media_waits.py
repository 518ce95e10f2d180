"""Jobs that wait for media: claimed by this worker, with a heartbeat, and without its engine.

A job whose media are not here leaves its place to others. It goes back to the queue when they are, and no attempt is
counted. It ends early if it is cancelled, replaced by a newer one, or if the worker stops.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from backend.application.ports.media import MediaFetch
from backend.application.worker.scheduling.job_control import JobControl
from backend.domain.errors import Cancelled, Interrupted, MaskletError, ServiceUnavailable
from backend.domain.jobs import Job

logger = logging.getLogger(__name__)

MAX_WAITS = 256
HEARTBEAT_EVERY_S = 1.0

Recorded = Callable[[Job], AbstractContextManager[None]]
"""Inside, an error is recorded in the ledger as the end of the job's attempt."""


@dataclass(frozen=True, slots=True)
class MediaWait:
    """A job that waits. recorded: how its attempt ends."""

    control: JobControl
    fetch: MediaFetch
    recorded: Recorded

    @property
    def job(self) -> Job:
        return self.control.job


@dataclass(slots=True)
class MediaWaits:
    """The waiting jobs of a worker. `poll` is called from one thread. ended: called with the id of a job."""

    ended: Callable[[str], None] = lambda _: None
    _waits: list[MediaWait] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def __len__(self) -> int:
        return len(self._waits)

    def add(self, wait: MediaWait) -> None:
        """Takes a job over. Raises ServiceUnavailable if too many wait."""
        with self._changed:
            if len(self._waits) >= MAX_WAITS:
                wait.fetch.cancel()
                raise ServiceUnavailable(f"{MAX_WAITS} jobs of this worker wait for media already")
            self._waits.append(wait)
            self._changed.notify_all()
        logger.info("job %s waits for its media", wait.job.job_id)

    def wait_for_some(self, timeout_s: float) -> bool:
        """Waits until a job waits; False after timeout_s without one."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._waits), timeout_s)

    def poll(self) -> int:
        """Ends the waits whose media are here, or whose job is over; returns how many remain. Never raises."""
        with self._changed:
            waits = list(self._waits)
        for wait in waits:
            if not self._still_waits(wait):
                wait.fetch.cancel()
                with self._changed:
                    self._waits.remove(wait)
                self.ended(wait.job.job_id)
        return len(self._waits)

    def _still_waits(self, wait: MediaWait) -> bool:
        if not wait.fetch.is_done and not self._is_over(wait):
            return True
        try:
            with wait.recorded(wait.job):
                wait.control.raise_if_over()
                wait.fetch.raise_error()
                raise Interrupted("the media are here; the job goes on")
        except MaskletError as error:  # the ledger does not answer: the heartbeat expires, and the job is offered again
            logger.warning("job %s: its wait for media ended without a record: %s", wait.job.job_id, error)
        return False

    def _is_over(self, wait: MediaWait) -> bool:
        control = wait.control
        try:
            if control.clock.monotonic_s() - control.heartbeat_s >= HEARTBEAT_EVERY_S or control.is_stopping():
                control.raise_if_over()
        except Cancelled:
            return True
        except MaskletError as error:
            logger.warning("job %s: no heartbeat was written: %s", wait.job.job_id, error)
        return False
