"""The status of a project's batch: counts of tasks per state, failures with reasons, tasks that need a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from backend.application.imports.model import BatchItem, BatchRecords
from backend.application.jobs.queries import ANY, newest_propagations
from backend.application.ports.ledger import Ledger
from backend.domain.errors import NotFound
from backend.domain.jobs import Job, JobState, PendingPush
from backend.domain.retries import FailedTry
from backend.domain.segments import NEEDS_PERSON
from backend.domain.selection import range_text
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import Verdict

COUNTED = (JobState.QUEUED, JobState.RUNNING, JobState.DONE)
RATED = 20
NOT_COMPUTING = ("wait", "look", "decode")
"""Steps of a job's time that are not computing, and decoding, which is part of another step."""


@dataclass(frozen=True, slots=True)
class ProjectStatus:
    """One project.

    states: of the newest propagation of each task. imported: count of imported tasks. unprompted: those of them without
    a job. frames_done, frames_total: of the propagations; a queued one counts as many as the others have on average.
    frames_per_s: of the running propagations together, from the time that the newest finished ones took; 0.0 before one
    has finished. reasons: of failures, with their counts. failed: the names of the failed tasks. retried: failed jobs,
    pushes and adoptions that are tried again later or were given up. redo_verdicts: count of verdicts of the player
    that ask to redo masks, outdated ones included. undecodable: imported videos with frames that are known not to
    decode, and these frames.
    """

    project_id: int
    states: dict[JobState, int]
    imported: int = 0
    unprompted: int = 0
    frames_done: int = 0
    frames_total: int = 0
    frames_per_s: float = 0.0
    reasons: tuple[tuple[str, int], ...] = ()
    failed_sources: tuple[tuple[str, str], ...] = ()
    asks_for_person: tuple[tuple[str, str], ...] = ()
    refused: tuple[tuple[str, str], ...] = field(default=())
    retried: tuple[FailedTry, ...] = ()
    failed: tuple[str, ...] = ()
    redo_verdicts: int = 0
    undecodable: tuple[tuple[str, tuple[int, ...]], ...] = ()

    @property
    def tasks(self) -> int:
        """The count of tasks that were imported or have a propagation."""
        return sum(self.states.values()) + self.unprompted

    @property
    def remaining_s(self) -> float | None:
        """The time until the open propagations are done at the present rate; None if it is not known."""
        left = self.frames_total - self.frames_done
        return left / self.frames_per_s if self.is_open and self.frames_per_s else None

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
            "tasks": self.tasks,
            "frames_done": self.frames_done,
            "frames_total": self.frames_total,
            "frames_per_s": round(self.frames_per_s, 2),
            "remaining_s": None if self.remaining_s is None else round(self.remaining_s, 1),
            "redo_verdicts": self.redo_verdicts,
            "undecodable": [{"video": name, "frames": range_text(frames)} for name, frames in self.undecodable],
            "failed_tasks": list(self.failed),
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


def project_statuses(
    ledger: Ledger,
    records: BatchRecords,
    project_id: int | None = None,
    *,
    undecodable: Callable[[str], tuple[int, ...]] = lambda _: (),
) -> list[ProjectStatus]:
    """The status of every project with jobs or imports, or of the given one, sorted by id.

    undecodable: the frames of a medium, by its id, that are known not to decode.
    Raises NotFound for a project without any, with those that there are.
    """
    newest = newest_propagations(ledger, project_id=project_id, states=ANY)
    items = records.items(project_id)
    failures = records.failures(project_id)
    projects = {job.task.project_id for job in newest} | {i.project_id for i in items} | {p for p, _ in failures}
    if project_id is not None and not projects:
        raise NotFound(_unknown_project(project_id, ledger, records))
    return [
        _status(
            number,
            [job for job in newest if job.task.project_id == number],
            [item for item in items if item.project_id == number],
            [(outcome.name or outcome.source, outcome.reason) for p, outcome in failures if p == number],
            ledger,
            undecodable,
        )
        for number in sorted(projects)
    ]


def _status(
    project_id: int,
    jobs: list[Job],
    items: list[BatchItem],
    failures: list[tuple[str, str]],
    ledger: Ledger,
    undecodable: Callable[[str], tuple[int, ...]],
) -> ProjectStatus:
    begun = {job.task for job in jobs}
    reasons = Counter(job.reason for job in jobs if job.state is JobState.FAILED)
    names = {item.task: item.name for item in items}
    asking = [(item.name, item.handover.partition(": ")[2]) for item in items if item.handover.startswith(NEEDS_PERSON)]
    return ProjectStatus(
        project_id,
        dict(Counter(job.state for job in jobs)),
        imported=len(items),
        unprompted=sum(item.task not in begun for item in items),
        frames_done=sum(job.done for job in jobs if job.state in COUNTED),
        frames_total=_frames_total(jobs),
        frames_per_s=_frames_per_s(jobs),
        reasons=tuple(reasons.most_common()),
        failed_sources=tuple(failures),
        asks_for_person=tuple(asking),
        refused=tuple(_refused(jobs, ledger.refused_pushes(project_id), names)),
        retried=ledger.failed_tries(project_id=project_id),
        failed=tuple(task_name(job.task, names) for job in jobs if job.state is JobState.FAILED),
        undecodable=tuple(_damaged(items, undecodable)),
        redo_verdicts=sum(each.given.verdict is Verdict.REDO for each in ledger.everybodys_verdicts(project_id)),
    )


def _damaged(
    items: Iterable[BatchItem], undecodable: Callable[[str], tuple[int, ...]]
) -> Iterable[tuple[str, tuple[int, ...]]]:
    """Videos with frames that do not decode. The name of a segment's video is the segment's without its number."""
    names = {item.media_id: item.name.rpartition(" [")[0] if item.count > 1 else item.name for item in items}
    for media_id, name in names.items():
        if frames := undecodable(media_id):
            yield name, frames


def task_name(task: TaskKey, names: Mapping[TaskKey, str]) -> str:
    """The name of an imported task with its number; the number alone of another one."""
    return f"{names[task]} (task {task.task_id})" if task in names else f"task {task.task_id}"


def _frames_total(jobs: Sequence[Job]) -> int:
    counted = [job for job in jobs if job.state in COUNTED]
    known = [job.total for job in counted if job.total]
    average = sum(known) / len(known) if known else 0.0
    return round(sum(job.total or average for job in counted))


def _frames_per_s(jobs: Sequence[Job]) -> float:
    """Frames over computing time of the newest finished propagations, times the count of running ones."""
    running = sum(job.state is JobState.RUNNING for job in jobs)
    done = [job for job in jobs if job.state is JobState.DONE and job.done and job.timings_s]
    newest = sorted(done, key=lambda job: job.updated_s)[-RATED:]
    seconds = sum(value for job in newest for name, value in job.timings_s.items() if name not in NOT_COMPUTING)
    return running * sum(job.done for job in newest) / seconds if seconds else 0.0


def _unknown_project(project_id: int, ledger: Ledger, records: BatchRecords) -> str:
    jobs = newest_propagations(ledger, project_id=None, states=ANY)
    known = sorted({job.task.project_id for job in jobs} | {item.project_id for item in records.items(None)})
    there = f"it knows {', '.join(map(str, known))}" if known else "it knows none"
    return f"Masklet has no tasks of project {project_id}; {there}. `masklet import` and prompts in Label Studio add it"


def _refused(
    jobs: Iterable[Job], refused: Iterable[PendingPush], names: Mapping[TaskKey, str]
) -> Iterable[tuple[str, str]]:
    """Done tasks whose prediction Label Studio refused, with the reason."""
    done = {job.task for job in jobs if job.state is JobState.DONE}
    return ((task_name(push.task, names), push.reason) for push in refused if push.task in done)
