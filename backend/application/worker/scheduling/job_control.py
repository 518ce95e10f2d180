"""Control of one attempt between frames: heartbeat, cancellation, and when to yield the engine.

The rules are in README.md. Every pause is bounded: clicks that no worker answers hold a propagation for half of the
time, and waiters of other jobs leave it one frame in five.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from backend.application.ports.clock import Clock
from backend.application.ports.ledger import Ledger
from backend.application.ports.progress import work_moved
from backend.application.worker.scheduling.engine_turns import EngineTurn
from backend.domain.errors import Cancelled, Interrupted, Superseded
from backend.domain.jobs import Job, JobKind, JobState, PendingWaits, WaitedJob

HEARTBEAT_EVERY_S = 0.1
"""A ledger write is an fsync: at 60 frames per second, one per frame would cost more than the masks."""

CLICK_YIELD_S = 5.0
"""The longest that a propagation yields to clicks; it then ignores clicks for as long again."""

WAITER_YIELD_S = 5.0
"""The longest that a propagation without a waiter pauses for those with one, before it gets its share."""

PAUSED_FRAMES_PER_FRAME = 4
"""The pause after each frame of its own, in frame times: a share of one in five."""

NO_WAITER_GRACE_S = 3.0
"""The longest that a priority job runs without a waiter: the person may request the next frames soon."""

WAITS_POLL_S = 0.01

WAITS_FRESH_S = 0.02
"""How long the waiters count as known after a frame: the engine's own check before the next one follows at once."""


@dataclass(slots=True)
class JobControl:
    """Progress, cancellation and yielding of one attempt; a CancelToken that the engine checks between frames.

    is_priority: the attempt runs beside the worker's own job because it has a waiter; see `priority_jobs`.
    is_full: whether other jobs with a waiter found no place in this worker.
    """

    ledger: Ledger
    clock: Clock
    job: Job
    is_stopping: Callable[[], bool]
    done: int = 0
    total: int = 0
    engine_turn: EngineTurn = field(default_factory=EngineTurn)
    is_priority: bool = False
    is_full: Callable[[], bool] = lambda: False
    heartbeat_s: float = field(init=False)
    ignore_clicks_until_s: float = float("-inf")
    yielding_since_s: float | None = None
    resumed_s: float = 0.0
    last_waiter_s: float = field(init=False)
    waiting: PendingWaits = field(default_factory=PendingWaits)
    fresh_until_s: float = float("-inf")
    """Until when the waiters that were read after the last frame count as known."""

    def __post_init__(self) -> None:
        # The start of the attempt was its first heartbeat.
        self.last_waiter_s = self.resumed_s = self.heartbeat_s = self.clock.monotonic_s()

    def raise_if_cancelled(self) -> None:
        """Writes the heartbeat and yields the engine. Raises Interrupted, Superseded or Cancelled to end the attempt.

        A propagation reads the waiters before each frame; the heartbeat is a write, at most one per HEARTBEAT_EVERY_S.
        """
        work_moved()
        self._raise_if_stopping()
        if self.clock.monotonic_s() - self.heartbeat_s >= HEARTBEAT_EVERY_S:
            self.heartbeat()
        if self.job.kind is JobKind.PROPAGATE:
            self._yield_engine()

    def raise_after_frame(self) -> None:
        """As raise_if_cancelled, after a frame. The check before the next one reads nothing, if it follows at once."""
        self.fresh_until_s = float("-inf")
        self.raise_if_cancelled()
        self.fresh_until_s = self.clock.monotonic_s() + WAITS_FRESH_S

    def raise_if_over(self) -> None:
        """Writes the heartbeat of an attempt that does not need the engine. Raises as raise_if_cancelled."""
        self._raise_if_stopping()
        self.heartbeat()

    def raise_if_no_waiter(self) -> None:
        """Raises Interrupted for a priority job without a waiter: the queue offers the rest again."""
        if not self.is_priority or self.waiter is not None:
            return
        if self.is_full() or self.clock.monotonic_s() - self.last_waiter_s >= NO_WAITER_GRACE_S:
            raise Interrupted("the job has no waiter any more; it goes back to the queue")

    @property
    def waiter(self) -> WaitedJob | None:
        """The waiter of this job, as of the last read; None without one."""
        return next((waited for waited in self.waiting.jobs if waited.job_id == self.job.job_id), None)

    @property
    def is_stopped(self) -> bool:
        """Whether the propagation is to end with the masks it has, as of the last read of the waiters."""
        return self.job.job_id in self.waiting.stopped

    def heartbeat(self) -> None:
        """Writes heartbeat and progress now. Raises Superseded or Cancelled."""
        self.heartbeat_s = self.clock.monotonic_s()
        state = self.ledger.progress(self.job.job_id, self.job.attempt, self.done, self.total)
        if state is JobState.SUPERSEDED:
            raise Superseded("a newer prompt or attempt replaced this job")
        if state.is_final:
            raise Cancelled("the job was cancelled")

    def _raise_if_stopping(self) -> None:
        if self.is_stopping():
            raise Interrupted("the worker is stopping; the job goes back to the queue")

    def _yield_engine(self) -> None:
        if self.clock.monotonic_s() < self.fresh_until_s:
            return
        self._read_waits()
        if self.waiting.has_clicks or self._others_have_waiters():
            with self.engine_turn.released():
                self._yield_to_clicks()
                self._yield_to_waiters()
        else:
            self.yielding_since_s = None
            self.engine_turn.yield_turn()
        self.resumed_s = self.clock.monotonic_s()

    def _read_waits(self) -> None:
        self.waiting = self.ledger.pending_waits()
        if self.waiter is not None:
            self.last_waiter_s = self.clock.monotonic_s()

    def _others_have_waiters(self) -> bool:
        """Whether other jobs have waiters and this one has none."""
        return bool(self.waiting.jobs) and self.waiter is None

    def _yield_to_clicks(self) -> None:
        """Pauses while clicks are queued. A click that no worker answers holds it for at most half of the time."""
        now_s = self.clock.monotonic_s()
        if now_s < self.ignore_clicks_until_s:
            return
        give_up_s = now_s + CLICK_YIELD_S
        if self._pause_while(lambda: self.waiting.has_clicks, give_up_s):
            self.ignore_clicks_until_s = give_up_s + CLICK_YIELD_S

    def _yield_to_waiters(self) -> None:
        """Pauses while other jobs have waiters; after WAITER_YIELD_S it computes its share of frames."""
        if not self._others_have_waiters():
            self.yielding_since_s = None
            return
        now_s = self.clock.monotonic_s()
        if self.yielding_since_s is None:
            self.yielding_since_s = now_s
        share_s = now_s + PAUSED_FRAMES_PER_FRAME * min(now_s - self.resumed_s, WAITER_YIELD_S)
        self._pause_while(self._others_have_waiters, max(self.yielding_since_s + WAITER_YIELD_S, share_s))

    def _pause_while(self, has_reason: Callable[[], bool], give_up_s: float) -> bool:
        """Pauses until has_reason is false; True if it still holds at give_up_s. Raises Interrupted."""
        while has_reason() and not self.is_stopped:
            self._raise_if_stopping()
            if self.clock.monotonic_s() >= give_up_s:
                return True
            self.clock.sleep(WAITS_POLL_S)
            work_moved()  # a pause is no hang
            self._read_waits()
        return False
