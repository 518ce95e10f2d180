"""One attempt's eye on the world: whether it should go on, how far it is, and whether clicks are to go first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backend.application.ports import Clock, Ledger
from backend.application.requests import Job, JobKind, JobState
from backend.domain.errors import Cancelled, Interrupted, Superseded

HEARTBEAT_EVERY_S = 0.1
"""A ledger write is an fsync: at 60 frames a second one a frame would cost more than the masks."""

INTERACTIVE_PATIENCE_S = 5.0
"""How long a propagation steps aside for clicks before it goes on regardless, for as long again."""

LOOK_AGAIN_S = 0.01


@dataclass(slots=True)
class JobWatch:
    """Progress and cancellation of one attempt; a CancelToken that the engine asks between frames."""

    ledger: Ledger
    clock: Clock
    job: Job
    is_stopping: Callable[[], bool]
    done: int = 0
    total: int = 0
    told_s: float = float("-inf")
    deaf_until_s: float = float("-inf")

    def raise_if_cancelled(self) -> None:
        """Heartbeat, and let clicks go first. Raises Interrupted, Superseded or Cancelled if this attempt should end.

        The device is shared frame by frame, so a propagation looks for clicks before each, which is one read;
        telling the ledger is a write and happens now and then only.
        """
        self._raise_if_stopping()
        if self.clock.monotonic_s() - self.told_s >= HEARTBEAT_EVERY_S:
            self.tell()
        if self.job.kind is JobKind.PROPAGATE:
            self._step_aside()

    def tell(self) -> None:
        """Heartbeat, at once. Raises Superseded or Cancelled."""
        self.told_s = self.clock.monotonic_s()
        state = self.ledger.progress(self.job.job_id, self.job.attempt, self.done, self.total)
        if state is JobState.SUPERSEDED:
            raise Superseded("a newer prompt or attempt replaced this job")
        if state.is_final:
            raise Cancelled("the job was cancelled")

    def _raise_if_stopping(self) -> None:
        if self.is_stopping():
            raise Interrupted("the worker is stopping; the job goes back to the queue")

    def _step_aside(self) -> None:
        """Wait while clicks do. One that nobody answers must not hold a propagation for ever: it gets half the time."""
        now_s = self.clock.monotonic_s()
        if now_s < self.deaf_until_s:
            return
        give_up_s = now_s + INTERACTIVE_PATIENCE_S
        while self.ledger.has_open(JobKind.INTERACTIVE):
            self._raise_if_stopping()
            if self.clock.monotonic_s() >= give_up_s:
                self.deaf_until_s = give_up_s + INTERACTIVE_PATIENCE_S
                return
            self.clock.sleep(LOOK_AGAIN_S)
