"""Everybody's verdicts in a project, compared with each person's masks of now: for people who lead a project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from backend.application.annotation.annotation_service import UserTask
from backend.application.player.timeline import Timelines
from backend.application.ports.ledger import Ledger
from backend.domain.jobs import JobKind, PropagationRequest
from backend.domain.prompts import ObjectId
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.verdicts import (
    NO_MASKS,
    STRICTEST_FIRST,
    MaskDigests,
    ObjectState,
    ShownVerdict,
    UserVerdict,
    Verdict,
)

JOBS_LOOKED_AT = 40
ORDER = (Verdict.REDO, *(verdict for verdict in STRICTEST_FIRST if verdict is not Verdict.REDO))


@dataclass(frozen=True, slots=True)
class ReportedVerdict:
    """A person's verdict. label: the object's; empty for the whole task, and if it is the object's id."""

    task: TaskKey
    user: str
    shown: ShownVerdict
    label: str = ""

    @property
    def subject(self) -> str:
        """What the verdict is on, for people."""
        object_id = self.shown.given.object_id
        if object_id is None:
            return "whole task"
        return f"{object_id} ({self.label})" if self.label else str(object_id)

    @property
    def state(self) -> ObjectState:
        return ObjectState.OUTDATED if self.shown.is_outdated else ObjectState(self.shown.given.verdict.value)


@dataclass(frozen=True, slots=True)
class ProjectVerdicts:
    """Reads verdicts. A verdict is outdated as the player says it: that person's masks are other ones now."""

    ledger: Ledger
    timelines: Timelines

    def of(self, project_id: int, *, task: TaskKey | None = None) -> tuple[ReportedVerdict, ...]:
        """The verdicts on a task, or on all tasks of a project: what is to be redone first, outdated ones last."""
        by_user_task: dict[tuple[TaskKey, str], list[UserVerdict]] = {}
        for each in self.ledger.everybodys_verdicts(project_id, task=task):
            by_user_task.setdefault((each.task, each.user), []).append(each)
        found = [shown for key, given in by_user_task.items() for shown in self._shown(*key, given)]
        return tuple(sorted(found, key=_rank))

    def _shown(self, task: TaskKey, user: str, given: Iterable[UserVerdict]) -> list[ReportedVerdict]:
        digests = self.timelines.shown_digests(judged_task(self.ledger, task, user))
        labels = self.ledger.prompts(task, user=user).labels
        return [ReportedVerdict(task, user, self._compared(each, digests), _label(each, labels)) for each in given]

    def _compared(self, verdict: UserVerdict, own: MaskDigests) -> ShownVerdict:
        """With the person's own masks; of a person who has none there, with those of the others."""
        shown = own.shown(verdict.given)
        if not shown.is_outdated or own.objects or verdict.given.masks == NO_MASKS:
            return shown
        others = (
            self.timelines.digests(judged_task(self.ledger, verdict.task, count.user)).shown(verdict.given)
            for count in self.ledger.prompt_counts(verdict.task.project_id, task=verdict.task)
        )
        return next((other for other in others if not other.is_outdated), shown)


def judged_task(ledger: Ledger, task: TaskKey, user: str) -> UserTask:
    """With the media and model of the user's newest propagation, or of one that no person started."""
    found = UserTask(task, MediaRef((), is_pages=False), "", "", user)
    for job in ledger.jobs(task=task, kind=JobKind.PROPAGATE, limit=JOBS_LOOKED_AT):
        request = ledger.request(job.job_id)
        if not isinstance(request, PropagationRequest) or request.user not in (user, ""):
            continue
        if request.user == user or not found.model_version:
            found = replace(found, media=request.media, model_version=job.model_version)
        if request.user == user:
            break
    return found


def counts_of(verdicts: Iterable[ReportedVerdict]) -> Mapping[str, int]:
    """The count of each verdict, and of outdated ones."""
    return Counter(each.state.value for each in verdicts)


def _label(verdict: UserVerdict, labels: Mapping[ObjectId, str]) -> str:
    object_id = verdict.given.object_id
    label = "" if object_id is None else labels.get(object_id, "")
    return "" if label == object_id else label


def _rank(verdict: ReportedVerdict) -> tuple[bool, int, int]:
    given = verdict.shown.given
    return verdict.shown.is_outdated, ORDER.index(given.verdict), verdict.task.task_id
