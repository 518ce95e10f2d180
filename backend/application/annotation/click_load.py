"""The load of clicks: whether a new click can be answered before its deadline."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field

from backend.application.annotation.annotation_service import UserTask
from backend.application.ports.clock import Clock
from backend.application.ports.ledger import Ledger
from backend.application.ports.queue import JobQueue
from backend.domain.errors import Overloaded, QueueUnavailable
from backend.domain.jobs import JobKind, JobState, person_of

MEASURED_CLICKS = 8
"""The count of done clicks whose mean duration is the estimate."""

VALID_S = 0.5
"""How long one measurement is used: a click does not pay for it."""

STALL_S = 2.0
"""A click that runs for less may have met a pause of the machine, and says nothing of the clicks after it."""

LONGEST_RETRY_S = 60


@dataclass(frozen=True, slots=True)
class Load:
    """persons: those with a waited click. click_s: duration of a click, 0 if unknown. workers: at least 1."""

    measured_s: float
    persons: frozenset[str] = frozenset()
    click_s: float = 0.0
    workers: int = 1

    def wait_s(self, person: str) -> float:
        """The estimated wait of this person's click: each other person's turn comes first, then its own duration."""
        turns = len(self.persons - {person})
        return math.ceil(turns / self.workers) * self.click_s + self.click_s


@dataclass(slots=True)
class ClickLoad:
    """Measures the load and refuses clicks whose wait is hopeless. Safe to share between threads."""

    ledger: Ledger
    queue: JobQueue
    clock: Clock
    _load: Load | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def require_capacity(self, user_task: UserTask, *, deadline_s: float) -> None:
        """Raises Overloaded, with the seconds after which to retry, if the estimated wait is over the deadline."""
        load, person = self._current(), person_of(user_task.task, user_task.user)
        wait_s, turns = load.wait_s(person), len(load.persons - {person})
        if wait_s <= deadline_s:
            return
        retry_after_s = min(max(math.ceil(wait_s - deadline_s), 1), LONGEST_RETRY_S)
        raise Overloaded(
            f"{turns} other people wait for their clicks: the answer would take {wait_s:.0f} s; nothing was recorded, "
            f"try again in {retry_after_s} s",
            retry_after_s,
        )

    def _current(self) -> Load:
        with self._lock:
            now_s = self.clock.monotonic_s()
            if self._load is None or not 0 <= now_s - self._load.measured_s < VALID_S:
                self._load = self._measured(now_s)
            return self._load

    def _measured(self, measured_s: float) -> Load:
        now_s = self.clock.now_s()
        persons = frozenset(click.person for click in self.ledger.queued_clicks() if click.until_s > now_s)
        if not persons:
            return Load(measured_s)
        done = self.ledger.jobs(kind=JobKind.INTERACTIVE, states=(JobState.DONE,), limit=MEASURED_CLICKS)
        durations_s = [sum(s for name, s in job.timings_s.items() if name not in ("wait", "look")) for job in done]
        running = self.ledger.jobs(kind=JobKind.INTERACTIVE, states=(JobState.RUNNING,))
        # A click that takes longer than the done ones shows a slower worker before it is done.
        elapsed_s = min((now_s - job.heartbeat_s for job in running), default=0.0)
        mean_s = sum(durations_s) / max(len(durations_s), 1)
        click_s = max(mean_s, elapsed_s) if elapsed_s >= STALL_S or not durations_s else mean_s
        try:
            workers = self.queue.workers().get(JobKind.INTERACTIVE, 0)
        except QueueUnavailable:
            workers = 1
        return Load(measured_s, persons, click_s, max(workers, 1))
