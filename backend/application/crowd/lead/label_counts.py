"""The counts of a project's objects and masks per video and label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from backend.application.crowd.lead.project_table import LeadTask
from backend.application.ports.effort import PromptEffort
from backend.application.ports.lead_ledger import ObjectSummary, RunSummary, UserObject
from backend.domain.prompts import ObjectId
from backend.domain.tasks import SEVERAL_USERS, TaskKey

Subject = tuple[int, str, ObjectId]
"""An object of a project: the task's number, the person, the object. A TaskKey takes ten times as long to look up."""


@dataclass(frozen=True, slots=True)
class LabelCount:
    """A label in a task. objects: of all people. frames: of these objects, with masks; human_frames: drawn or approved.

    uncertainty: the largest of these masks; None if none were read. people: the count of people with such objects.
    """

    task: TaskKey
    name: str
    label: str
    objects: int
    people: int
    clicks: int
    human_frames: int
    frames: int
    uncertainty: float | None


def label_counts(
    objects: Iterable[UserObject],
    summaries: Iterable[RunSummary],
    efforts: Iterable[PromptEffort],
    tasks: Iterable[LeadTask],
) -> tuple[LabelCount, ...]:
    """By task and label."""
    names = {task.task: task.name for task in tasks}
    made = {(each.task.task_id, each.user, each.object_id): each for each in efforts}
    masks = object_summaries(summaries)
    found: dict[tuple[TaskKey, str], list[Subject]] = {}
    for each in objects:
        found.setdefault((each.task, each.label), []).append((each.task.task_id, each.user, each.object_id))
    return tuple(
        _count(task, label, names.get(task, ""), subjects, [made[key] for key in subjects if key in made], masks)
        for (task, label), subjects in sorted(found.items(), key=lambda entry: (entry[0][0].task_id, entry[0][1]))
    )


def _count(
    task: TaskKey,
    label: str,
    name: str,
    subjects: list[Subject],
    efforts: list[PromptEffort],
    masks: Mapping[Subject, ObjectSummary],
) -> LabelCount:
    read = [entry for key in subjects if (entry := masks_of(masks, key)) is not None]
    return LabelCount(
        task,
        name,
        label,
        objects=len(subjects),
        people=len({user for _, user, _ in subjects}),
        clicks=sum(each.clicks for each in efforts),
        human_frames=sum(each.mask_frames for each in efforts),
        frames=sum(entry.frames for entry in read),
        uncertainty=max((entry.uncertainty for entry in read), default=None),
    )


def object_summaries(summaries: Iterable[RunSummary]) -> Mapping[Subject, ObjectSummary]:
    """The objects of the summaries."""
    return {
        (run.figures.task.task_id, run.figures.user, entry.object_id): entry
        for run in summaries
        for entry in run.objects
    }


def masks_of(masks: Mapping[Subject, ObjectSummary], subject: Subject) -> ObjectSummary | None:
    """The summary of a person's object; of a run that several people asked for, if the person has no other."""
    task, _, object_id = subject
    return masks.get(subject) or masks.get((task, SEVERAL_USERS, object_id))
