"""The status of a project's batch: counts of tasks per state, failures with reasons, tasks that need a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from backend.application.imports.model import BatchItem, BatchRecords
from backend.application.imports.segment_handover import NEEDS_PERSON
from backend.application.jobs.queries import ANY, newest_propagations
from backend.application.ports.ledger import Ledger
from backend.domain.jobs import Job, JobState, PushState
from backend.domain.retries import FailedTry


@dataclass(frozen=True, slots=True)
class ProjectStatus:
    """One project.

    states: of the newest propagation of each task. imported: count of imported tasks. unprompted: those of them without
    a job. reasons: of failures, with their counts. retried: failed jobs, pushes and adoptions that are tried again
    later or were given up.
    """

    project_id: int
    states: dict[JobState, int]
    imported: int = 0
    unprompted: int = 0
    frames_done: int = 0
    reasons: tuple[tuple[str, int], ...] = ()
    failed_sources: tuple[tuple[str, str], ...] = ()
    asks_for_person: tuple[tuple[str, str], ...] = ()
    refused: tuple[tuple[str, str], ...] = field(default=())
    retried: tuple[FailedTry, ...] = ()

    @property
    def is_open(self) -> bool:
        return bool(self.states.get(JobState.QUEUED, 0) + self.states.get(JobState.RUNNING, 0))

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {
            "project": self.project_id,
            **{state.value: self.states.get(state, 0) for state in JobState},
            "imported": self.imported,
            "unprompted": self.unprompted,
            "frames_done": self.frames_done,
            "failed_because": [{"reason": reason, "tasks": count} for reason, count in self.reasons],
            "failed_sources": [{"source": name, "reason": reason} for name, reason in self.failed_sources],
            "asks_for_person": [{"task": name, "reason": reason} for name, reason in self.asks_for_person],
            "refused_by_label_studio": [{"task": name, "reason": reason} for name, reason in self.refused],
            "retried": [
                {
                    "kind": failed.kind.value,
                    "task": str(failed.task),
                    "reason": failed.reason,
                    "tries": failed.failures.tries,
                    "given_up": failed.is_given_up,
                }
                for failed in self.retried
            ],
        }


def project_statuses(ledger: Ledger, records: BatchRecords, project_id: int | None = None) -> list[ProjectStatus]:
    """The status of every project with jobs or imports, or of the given one, sorted by id."""
    newest = newest_propagations(ledger, project_id=project_id, states=ANY)
    items = records.items(project_id)
    failures = records.failures(project_id)
    projects = {job.task.project_id for job in newest} | {i.project_id for i in items} | {p for p, _ in failures}
    wanted = projects if project_id is None else {project_id}
    return [
        _status(
            number,
            [job for job in newest if job.task.project_id == number],
            [item for item in items if item.project_id == number],
            [(outcome.name or outcome.source, outcome.reason) for p, outcome in failures if p == number],
            ledger,
        )
        for number in sorted(wanted)
    ]


def _status(
    project_id: int, jobs: list[Job], items: list[BatchItem], failures: list[tuple[str, str]], ledger: Ledger
) -> ProjectStatus:
    begun = {job.task for job in jobs}
    reasons = Counter(job.reason for job in jobs if job.state is JobState.FAILED)
    asking = [(item.name, item.handover.partition(": ")[2]) for item in items if item.handover.startswith(NEEDS_PERSON)]
    return ProjectStatus(
        project_id,
        dict(Counter(job.state for job in jobs)),
        imported=len(items),
        unprompted=sum(item.task not in begun for item in items),
        frames_done=sum(job.done for job in jobs),
        reasons=tuple(reasons.most_common()),
        failed_sources=tuple(failures),
        asks_for_person=tuple(asking),
        refused=tuple(_refused(jobs, ledger)),
        retried=ledger.failed_tries(project_id=project_id),
    )


def _refused(jobs: Iterable[Job], ledger: Ledger) -> Iterable[tuple[str, str]]:
    """Done tasks whose prediction Label Studio refused, with the reason."""
    for job in jobs:
        push = ledger.latest_push(job.task) if job.state is JobState.DONE else None
        if push is not None and push.state is PushState.REFUSED:
            yield str(job.task), push.reason
