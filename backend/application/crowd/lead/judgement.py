"""A lead's verdicts on whole tasks: on the masks that the people of the task have now.

A verdict names these masks, so exports with `--verdict` respect it for each of these people, and it is outdated once
the masks change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backend.application.jobs.queries import open_jobs
from backend.application.player.project_verdicts import judged_task
from backend.application.player.timeline import Timelines
from backend.application.ports.ledger import Ledger
from backend.domain.errors import IntegrityError, NotFound
from backend.domain.jobs import JobKind
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import GivenVerdict, MaskDigests, Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """A task, and why it got no verdict; empty if it got one."""

    task: TaskKey
    refused: str = ""


@dataclass(frozen=True, slots=True)
class LeadVerdicts:
    """The verdicts of one lead."""

    ledger: Ledger
    timelines: Timelines
    user: str

    def give(self, tasks: Sequence[TaskKey], verdict: Verdict, comment: str) -> tuple[Judged, ...]:
        """Records a verdict on each whole task; it replaces the lead's earlier one. A refused task changes nothing."""
        return tuple(Judged(task, self._give(task, verdict, comment)) for task in tasks)

    def take_back(self, tasks: Iterable[TaskKey]) -> tuple[Judged, ...]:
        """Removes the lead's verdicts on these whole tasks."""
        return tuple(
            Judged(
                task,
                ""
                if self.ledger.remove_verdicts(task, [None], user=self.user)
                else "You have given no verdict on this task.",
            )
            for task in tasks
        )

    def _give(self, task: TaskKey, verdict: Verdict, comment: str) -> str:
        if any(job.kind is JobKind.PROPAGATE for job in open_jobs(self.ledger, task)):
            return "Masks are being made; wait until the propagation has ended, or cancel it."
        try:
            digests = self._digests(task)
        except (NotFound, IntegrityError) as error:
            return f"Its masks cannot be read: {error}."
        if not digests:
            return "It has no masks yet; process it first."
        self.ledger.set_verdict(task, GivenVerdict(None, verdict, comment, "\n".join(digests)), user=self.user)
        return ""

    def _digests(self, task: TaskKey) -> tuple[str, ...]:
        """Of everybody who has masks on the task."""
        found = set()
        for count in self.ledger.prompt_counts(task.project_id, task=task):
            lanes = self.timelines.of(judged_task(self.ledger, task, count.user)).lanes
            if any(lane.present for lane in lanes.values()):
                found.add(MaskDigests.of({object_id: lane.digest for object_id, lane in lanes.items()}).task)
        return tuple(sorted(found))
