"""The effort of people in a project: by person, object size and phase.

Clicks and frames are those of the prompts in the ledger; time is that of the beats. Objects whose prompts were deleted
keep their time and have no clicks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from backend.application.crowd.lead.label_counts import Subject, masks_of, object_summaries
from backend.application.ports.effort import ActiveTime, EffortLedger, PromptEffort
from backend.application.ports.lead_ledger import LeadLedger, ObjectSummary, RunSummary
from backend.domain.crowd.effort import Effort, ObjectSize, size_of
from backend.domain.prompts import ObjectId

PROJECT_PHASE = "project"
"""The phase of a project of no crowd."""

_Subject = tuple[int, str, ObjectId | None]


@dataclass(frozen=True, slots=True)
class EffortRow:
    """A person's effort on objects of one size in one phase. tasks: on how many tasks."""

    user: str
    phase: str
    size: ObjectSize
    tasks: int
    effort: Effort

    def document(self) -> dict[str, object]:
        """As JSON, without the person."""
        return {"phase": self.phase, "size": self.size.value, **effort_document(self.effort, self.tasks)}


@dataclass(frozen=True, slots=True)
class PersonEffort:
    """A person's effort in a project, and its parts by size, the smallest first."""

    user: str
    tasks: int
    effort: Effort
    rows: tuple[EffortRow, ...]

    def document(self) -> dict[str, object]:
        """As JSON."""
        sizes = [row.document() for row in self.rows]
        return {"user": self.user, **effort_document(self.effort, self.tasks), "sizes": sizes}


def effort_document(effort: Effort, tasks: int) -> dict[str, object]:
    """Sums as JSON. tasks: on how many tasks."""
    return {
        "tasks": tasks,
        "objects": effort.objects,
        "clicks": effort.clicks,
        "clicked_frames": effort.clicked_frames,
        "edited_frames": effort.edited_frames,
        "frames": effort.frames,
        "edited_share": _rounded(effort.edited_share),
        "clicks_per_clicked_frame": _rounded(effort.clicks_per_clicked_frame),
        "active_s": round(effort.seconds, 1),
        "seconds_per_frame": _rounded(effort.seconds_per_frame),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def project_effort(
    ledger: EffortLedger, lead: LeadLedger, project_id: int, *, phase: str = ""
) -> tuple[PersonEffort, ...]:
    """Everybody's effort, by name. phase: the crowd's stage; empty: no crowd."""
    prompts, times = ledger.prompt_efforts(project_id), ledger.active_times(project_id)
    return effort_of(lead.summaries(project_id), prompts, times, phase=phase)


def effort_of(
    summaries: Iterable[RunSummary], prompts: Iterable[PromptEffort], times: Iterable[ActiveTime], *, phase: str = ""
) -> tuple[PersonEffort, ...]:
    """By name. Without a phase it is the project itself. Objects that a program prompted alone are left out."""
    masks = object_summaries(summaries)
    by_subject: dict[_Subject, Effort] = {}
    for subject, effort in (*_of_prompts(prompts, masks), *_of_times(times)):
        known = by_subject.get(subject)
        by_subject[subject] = effort if known is None else known + effort
    by_user: dict[str, dict[_Subject, Effort]] = {}
    for subject, effort in by_subject.items():
        by_user.setdefault(subject[1], {})[subject] = effort
    return tuple(_person(user, own, masks, phase or PROJECT_PHASE) for user, own in sorted(by_user.items()))


def _of_prompts(
    prompts: Iterable[PromptEffort], masks: Mapping[Subject, ObjectSummary]
) -> Iterator[tuple[_Subject, Effort]]:
    for each in prompts:
        if not each.clicks and not each.mask_frames:
            continue
        subject = (each.task.task_id, each.user, each.object_id)
        summary = masks_of(masks, subject)
        frames = max(summary.frames if summary else 0, each.clicked_frames + each.mask_frames)
        yield subject, Effort(1, each.clicks, each.clicked_frames, each.mask_frames, frames)


def _of_times(times: Iterable[ActiveTime]) -> Iterator[tuple[_Subject, Effort]]:
    for each in times:
        yield (each.task.task_id, each.user, each.object_id), Effort(seconds=each.seconds)


def _person(
    user: str,
    own: Mapping[_Subject, Effort],
    masks: Mapping[Subject, ObjectSummary],
    phase: str,
) -> PersonEffort:
    by_size: dict[ObjectSize, list[_Subject]] = {}
    for task, _, object_id in own:
        summary = None if object_id is None else masks_of(masks, (task, user, object_id))
        size = size_of(summary.area_px if summary else None)
        by_size.setdefault(size, []).append((task, user, object_id))
    rows = tuple(
        EffortRow(
            user,
            phase,
            size,
            len({task for task, _, _ in by_size[size]}),
            Effort.sum(own[subject] for subject in by_size[size]),
        )
        for size in ObjectSize
        if size in by_size
    )
    tasks = len({task for task, _, _ in own})
    return PersonEffort(user, tasks, Effort.sum(own.values()), rows)
