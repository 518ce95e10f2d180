"""Propagations that a person waits for, taken in by a worker that is at work on another one.

The queue would let them wait until that one is done. They are found in the ledger, which is the truth, and claimed
there like any other attempt: what the queue says of them later is stale. Each has a thread of its own, and the engine
in turns, frame by frame (see rota). When nobody waits for it any more, what is left of it goes back to the queue.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from backend.application.ports.ledger import Ledger
from backend.domain.errors import MaskletError
from backend.domain.jobs import Job, JobState, WaitedJob

logger = logging.getLogger(__name__)

MAX_PRIORITY_JOBS = 8
"""Each holds some frames, and its objects' memories on the device."""


class AttemptRunner(Protocol):
    """The worker's job runner, as far as it is used here."""

    @property
    def ledger(self) -> Ledger: ...

    def run(
        self,
        job_id: str,
        attempt: int,
        is_stopping: Callable[[], bool],
        *,
        is_crowded: Callable[[], bool] | None = None,
    ) -> Job: ...


@dataclass(slots=True)
class PriorityJobs:
    """Use `look` from one thread. ended: told the id of a job whose attempt is over."""

    runner: AttemptRunner
    is_stopping: Callable[[], bool]
    ended: Callable[[str], None] = lambda _: None
    is_full: bool = False
    """Whether somebody found no place at the last look: who needs theirs no longer leaves at once."""

    _threads: dict[tuple[str, int], threading.Thread] = field(default_factory=dict)

    def poll(self) -> int:
        """Take in who waits in the queue and is waited for; returns how many are here. Raises nothing."""
        self._threads = {key: thread for key, thread in self._threads.items() if thread.is_alive()}
        try:
            wanted = [one for one in self.runner.ledger.pending_waits().jobs if one.state is JobState.QUEUED]
        except MaskletError as error:
            logger.warning("who is waited for is not known: %s", error)
            return len(self._threads)
        new = [one for one in wanted if (one.job_id, one.attempt) not in self._threads]
        free = max(MAX_PRIORITY_JOBS - len(self._threads), 0)
        self.is_full = len(new) > free
        for one in new[:free]:
            self._start(one)
        return len(self._threads)

    def join(self, timeout_s: float) -> None:
        """Wait for those who are here, each at most this long: a stopping worker's guests end at their next frame."""
        for thread in self._threads.values():
            thread.join(timeout_s)

    def _start(self, one: WaitedJob) -> None:
        logger.info("job %s is waited for and goes first", one.job_id)
        thread = threading.Thread(target=self._run, args=(one,), name=f"guest-{one.job_id[:10]}", daemon=True)
        self._threads[one.job_id, one.attempt] = thread
        thread.start()

    def _run(self, one: WaitedJob) -> None:
        try:
            self.runner.run(one.job_id, one.attempt, self.is_stopping, is_crowded=lambda: self.is_full)
        except Exception:  # a ledger that is away, for one: silence is noticed, and the job is offered again
            logger.exception("job %s attempt %d ended without a record", one.job_id, one.attempt)
        self.ended(one.job_id)
