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
from backend.application.worker.scheduling.engine_turns import Seat
from backend.domain.errors import Cancelled, Interrupted, Superseded
from backend.domain.jobs import Awaited, Job, JobKind, JobState, Waiting

HEARTBEAT_EVERY_S = 0.1
"""A ledger write is an fsync: at 60 frames a second one a frame would cost more than the masks."""

INTERACTIVE_PATIENCE_S = 5.0
"""How long a propagation steps aside for clicks before it goes on regardless, for as long again."""

AWAITED_PATIENCE_S = 5.0
"""How long a propagation that nobody waits for stands still for those that are waited for, before it gets a share."""

FRAMES_FORGONE = 4
"""How many frames' time it then stands still after each frame of its own."""

LINGER_S = 3.0
"""How long a guest stays when nobody waits for it any more: the person may well go on from what they see."""

LOOK_AGAIN_S = 0.01


@dataclass(slots=True)
class JobWatch:
    """Progress and cancellation of one attempt; a CancelToken that the engine asks between frames.

    is_guest: whether it has come in beside the worker's own job because a person waits for it; see `guests`.
    """

    ledger: Ledger
    clock: Clock
    job: Job
    is_stopping: Callable[[], bool]
    done: int = 0
    total: int = 0
    seat: Seat = field(default_factory=Seat)
    is_guest: bool = False
    is_crowded: Callable[[], bool] = lambda: False
    told_s: float = float("-inf")
    deaf_until_s: float = float("-inf")
    aside_since_s: float | None = None
    went_on_s: float = 0.0
    awaited_s: float = field(init=False)
    waiting: Waiting = field(default_factory=Waiting)

    def __post_init__(self) -> None:
        self.awaited_s = self.went_on_s = self.clock.monotonic_s()

    def raise_if_cancelled(self) -> None:
        """Heartbeat, and let others go first. Raises Interrupted, Superseded or Cancelled if this attempt should end.

        A propagation looks who waits before each frame, which is one read; telling the ledger is a write and happens
        now and then only.
        """
        self._raise_if_stopping()
        if self.clock.monotonic_s() - self.told_s >= HEARTBEAT_EVERY_S:
            self.tell()
        if self.job.kind is JobKind.PROPAGATE:
            self._step_aside()

    def raise_if_outstayed(self) -> None:
        """Raises Interrupted for a guest that nobody waits for any more: the rest is the queue's."""
        if not self.is_guest or self.awaited is not None:
            return
        if self.is_crowded() or self.clock.monotonic_s() - self.awaited_s >= LINGER_S:
            raise Interrupted("nobody waits for it any more; the job goes back to the queue")

    @property
    def awaited(self) -> Awaited | None:
        """What a person waits for this very job for, as of the last look."""
        return next((one for one in self.waiting.awaited if one.job_id == self.job.job_id), None)

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
        self._look()
        if self.waiting.has_clicks or self._others_are_awaited():
            with self.seat.aside():
                self._let_clicks_go_first()
                self._let_awaited_go_first()
        else:
            self.aside_since_s = None
            self.seat.hand_on()
        self.went_on_s = self.clock.monotonic_s()

    def _look(self) -> None:
        self.waiting = self.ledger.waiting()
        if self.awaited is not None:
            self.awaited_s = self.clock.monotonic_s()

    def _others_are_awaited(self) -> bool:
        """Whether somebody waits for other jobs, and nobody for this one."""
        return bool(self.waiting.awaited) and self.awaited is None

    def _let_clicks_go_first(self) -> None:
        """Wait while clicks do. One that nobody answers must not hold a propagation for ever: it gets half the time."""
        now_s = self.clock.monotonic_s()
        if now_s < self.deaf_until_s:
            return
        give_up_s = now_s + INTERACTIVE_PATIENCE_S
        if self._stand_still(lambda: self.waiting.has_clicks, give_up_s):
            self.deaf_until_s = give_up_s + INTERACTIVE_PATIENCE_S

    def _let_awaited_go_first(self) -> None:
        """Wait while persons wait for other jobs; when that takes long, get on by a frame now and then."""
        if not self._others_are_awaited():
            self.aside_since_s = None
            return
        now_s = self.clock.monotonic_s()
        if self.aside_since_s is None:
            self.aside_since_s = now_s
        share_s = now_s + FRAMES_FORGONE * min(now_s - self.went_on_s, AWAITED_PATIENCE_S)
        self._stand_still(self._others_are_awaited, max(self.aside_since_s + AWAITED_PATIENCE_S, share_s))

    def _stand_still(self, has_reason: Callable[[], bool], give_up_s: float) -> bool:
        """Wait for the reason to go away; True if it is still there at that time. Raises Interrupted."""
        while has_reason():
            self._raise_if_stopping()
            if self.clock.monotonic_s() >= give_up_s:
                return True
            self.clock.sleep(LOOK_AGAIN_S)
            self._look()
        return False
