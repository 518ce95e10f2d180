"""Retries of what failed for a cause outside of Masklet: how long a failed try waits for the next, and for how long.

Waits grow with the time since the first failure, from seconds to an hour. A shutdown of thirty minutes is followed by
a try within two minutes of its end. A cause that looks final (a refusal) is retried for a day.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from backend.domain.tasks import TaskKey

FIRST_WAIT_S = 2.0
EARLY_WAIT_S = 10.0
"""The longest wait while the failure is young."""

AGE_SHARE = 1 / 20
"""A later wait, as a share of the time since the first failure."""

LONGEST_WAIT_S = 3600.0
JITTER = 0.2
"""The largest share by which a wait is shortened at random: many failures of one moment do not return in one moment."""

GIVE_UP_S = 24 * 3600.0
"""How long a cause that looks final is retried."""


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed tries in a row for one cause.

    cause: the error's class, empty without a failure. tries: the count of failures for this cause. since_s: when the
    first one happened, in seconds of the ledger's clock.
    """

    cause: str = ""
    tries: int = 0
    since_s: float = 0.0

    def after(self, error: BaseException, now_s: float) -> Failures:
        """With one more failure. Another cause is counted from one."""
        cause = type(error).__name__
        if cause != self.cause:
            return Failures(cause, 1, now_s)
        return Failures(cause, self.tries + 1, self.since_s)

    def wait_s(self, now_s: float, random: float, *, longest_s: float = LONGEST_WAIT_S) -> float:
        """Seconds until the next try. random: 0 to 1, shortens the wait by up to JITTER."""
        age_s = max(now_s - self.since_s, 0.0)
        early_s = min(FIRST_WAIT_S * 2.0 ** min(max(self.tries - 1, 0), 10), EARLY_WAIT_S)
        return min(max(early_s, age_s * AGE_SHARE), longest_s) * (1 - JITTER * random)

    def is_given_up(self, now_s: float) -> bool:
        """Whether a cause that looks final has been retried for long enough."""
        return now_s - self.since_s >= GIVE_UP_S


class FailureKind(StrEnum):
    """What is tried again: a job, the push of a prediction, the adoption of a submitted annotation, the write of masks
    into an annotation, a step of routing in a crowd."""

    JOB = "job"
    PUSH = "push"
    ADOPTION = "adoption"
    WRITE = "write"
    ROUTE = "route"


@dataclass(frozen=True, slots=True)
class FailedTry:
    """A row of the ledger: what failed, how often, and when it is tried again.

    subject: the job id, or the ledger's name of a push or an adoption. next_try_s: in seconds of the ledger's clock.
    is_given_up: it is not tried again by itself. reason: of the last failure (domain.errors.reason_of).
    """

    kind: FailureKind
    subject: str
    task: TaskKey
    failures: Failures = field(default_factory=Failures)
    next_try_s: float = 0.0
    is_given_up: bool = False
    reason: str = ""
