"""One attempt's eye on the world: whether it should go on, how far it is, and who is to go first.

The device is shared frame by frame. A click goes before everything; a propagation that a person waits for goes before
those that nobody waits for; two that are waited for go in turns. Nobody is held up for ever: clicks that nobody
answers get half of the time, and however long persons go on, one frame in five is still made in the background.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from backend.application.ports.clock import Clock
from backend.application.ports.ledger import Ledger
from backend.application.worker.scheduling.engine_turns import EngineTurn
from backend.domain.errors import Cancelled, Interrupted, Superseded
from backend.domain.jobs import Job, JobKind, JobState, PendingWaits, WaitedJob

HEARTBEAT_EVERY_S = 0.1
"""A ledger write is an fsync: at 60 frames a second one a frame would cost more than the masks."""

CLICK_YIELD_S = 5.0
"""How long a propagation steps aside for clicks before it goes on regardless, for as long again."""

WAITER_YIELD_S = 5.0
"""How long a propagation that nobody waits for stands still for those that are waited for, before it gets a share."""

PAUSED_FRAMES_PER_FRAME = 4
"""How many frames' time it then stands still after each frame of its own."""

NO_WAITER_GRACE_S = 3.0
"""How long a guest stays when nobody waits for it any more: the person may well go on from what they see."""

WAITS_POLL_S = 0.01


@dataclass(slots=True)
class JobControl:
    """Progress and cancellation of one attempt; a CancelToken that the engine asks between frames.

    is_guest: whether it has come in beside the worker's own job because a person waits for it; see `guests`.
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
    heartbeat_s: float = float("-inf")
    ignore_clicks_until_s: float = float("-inf")
    yielding_since_s: float | None = None
    resumed_s: float = 0.0
    last_waiter_s: float = field(init=False)
    waiting: PendingWaits = field(default_factory=PendingWaits)

    def __post_init__(self) -> None:
        self.last_waiter_s = self.resumed_s = self.clock.monotonic_s()

    def raise_if_cancelled(self) -> None:
        """Heartbeat, and let others go first. Raises Interrupted, Superseded or Cancelled if this attempt should end.

        A propagation looks who waits before each frame, which is one read; telling the ledger is a write and happens
        now and then only.
        """
        self._raise_if_stopping()
        if self.clock.monotonic_s() - self.heartbeat_s >= HEARTBEAT_EVERY_S:
            self.heartbeat()
        if self.job.kind is JobKind.PROPAGATE:
            self._yield_engine()

    def raise_if_no_waiter(self) -> None:
        """Raises Interrupted for a guest that nobody waits for any more: the rest is the queue's."""
        if not self.is_priority or self.waiter is not None:
            return
        if self.is_full() or self.clock.monotonic_s() - self.last_waiter_s >= NO_WAITER_GRACE_S:
            raise Interrupted("nobody waits for it any more; the job goes back to the queue")

    @property
    def waiter(self) -> WaitedJob | None:
        """What a person waits for this very job for, as of the last look."""
        return next((one for one in self.waiting.jobs if one.job_id == self.job.job_id), None)

    def heartbeat(self) -> None:
        """Heartbeat, at once. Raises Superseded or Cancelled."""
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
        """Whether somebody waits for other jobs, and nobody for this one."""
        return bool(self.waiting.jobs) and self.waiter is None

    def _yield_to_clicks(self) -> None:
        """Wait while clicks do. One that nobody answers must not hold a propagation for ever: it gets half the time."""
        now_s = self.clock.monotonic_s()
        if now_s < self.ignore_clicks_until_s:
            return
        give_up_s = now_s + CLICK_YIELD_S
        if self._pause_while(lambda: self.waiting.has_clicks, give_up_s):
            self.ignore_clicks_until_s = give_up_s + CLICK_YIELD_S

    def _yield_to_waiters(self) -> None:
        """Wait while persons wait for other jobs; when that takes long, get on by a frame now and then."""
        if not self._others_have_waiters():
            self.yielding_since_s = None
            return
        now_s = self.clock.monotonic_s()
        if self.yielding_since_s is None:
            self.yielding_since_s = now_s
        share_s = now_s + PAUSED_FRAMES_PER_FRAME * min(now_s - self.resumed_s, WAITER_YIELD_S)
        self._pause_while(self._others_have_waiters, max(self.yielding_since_s + WAITER_YIELD_S, share_s))

    def _pause_while(self, has_reason: Callable[[], bool], give_up_s: float) -> bool:
        """Wait for the reason to go away; True if it is still there at that time. Raises Interrupted."""
        while has_reason():
            self._raise_if_stopping()
            if self.clock.monotonic_s() >= give_up_s:
                return True
            self.clock.sleep(WAITS_POLL_S)
            self._read_waits()
        return False
