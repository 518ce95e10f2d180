"""The time in which a job of a lost worker goes on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from backend.domain.jobs import Job, JobState
from scripts.container_runs.hosts.faults import Fault


@dataclass(frozen=True, slots=True)
class Recovery:
    """seconds: from the fault until another attempt was further than the job had been, or ended; None: it never was."""

    service: str
    fault: str
    job: str
    seconds: float | None


@dataclass(slots=True)
class _Waiting:
    fault: Fault
    job_id: str
    attempt: int
    done: int
    since_s: float


@dataclass(slots=True)
class Recoveries:
    """Follows the jobs that ran on a worker when a fault befell it."""

    _waiting: list[_Waiting] = field(default_factory=list)
    _found: list[Recovery] = field(default_factory=list)

    @property
    def found(self) -> list[Recovery]:
        """Those that recovered, in their order, then those that did not."""
        missing = [Recovery(each.fault.service, each.fault.name, each.job_id, None) for each in self._waiting]
        return [*self._found, *missing]

    def begin(self, fault: Fault, jobs: Sequence[Job]) -> None:
        """Notes what ran on the fault's worker. jobs: as they are at the fault."""
        self._waiting += [
            _Waiting(fault, job.job_id, job.attempt, job.done, time.monotonic())
            for job in jobs
            if fault.is_of_worker and job.state is JobState.RUNNING and f"-{fault.service}-" in job.worker
        ]

    def look(self, jobs: Sequence[Job]) -> None:
        """Compares with the jobs as they are now."""
        known = {job.job_id: job for job in jobs}
        for each in tuple(self._waiting):
            job = known[each.job_id]
            if job.state.is_final or (job.attempt > each.attempt and job.done > each.done):
                seconds = round(time.monotonic() - each.since_s, 1)
                self._found.append(Recovery(each.fault.service, each.fault.name, each.job_id, seconds))
                self._waiting.remove(each)
