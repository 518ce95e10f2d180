"""Verdicts on a task and its objects. A verdict counts for the masks that it was given for."""

from __future__ import annotations

from dataclasses import dataclass

from backend.application.annotation.annotation_service import UserTask
from backend.application.player.timeline import Timelines, digests_of_run
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskCodec, MaskStore
from backend.application.ports.player_ledger import PlayerLedger
from backend.domain.errors import NotFound
from backend.domain.jobs import Job, PropagationRequest
from backend.domain.prompts import ObjectId
from backend.domain.verdicts import GivenVerdict, MaskDigests, MaskVerdicts, ShownVerdict, Verdict

OBJECTIONS = (Verdict.REDO, Verdict.REJECT)


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts of one user task."""

    ledger: PlayerLedger
    timelines: Timelines
    user_task: UserTask

    def all(self) -> tuple[ShownVerdict, ...]:
        """The whole task's first, then by object. Objects without prompts have none."""
        given = self.ledger.verdicts(self.user_task.task, user=self.user_task.user)
        if not given:
            return ()
        digests = self.timelines.shown_digests(self.user_task)
        return tuple(
            digests.shown(each) for each in given if each.object_id is None or each.object_id in digests.objects
        )

    def objections(self) -> tuple[GivenVerdict, ...]:
        """What others, such as a lead, said against this user's masks as they are now: redo and reject on the task."""
        on_task = self.ledger.everybodys_verdicts(self.user_task.task.project_id, task=self.user_task.task)
        others = [
            each.given
            for each in on_task
            if each.user != self.user_task.user and each.given.object_id is None and each.given.verdict in OBJECTIONS
        ]
        digests = self.timelines.digests(self.user_task) if others else MaskDigests()
        if not digests.objects:
            return ()
        return tuple(given for given in others if not digests.shown(given).is_outdated)

    def give(self, object_id: ObjectId | None, verdict: Verdict, comment: str) -> tuple[ShownVerdict, ...]:
        """Records a verdict on the current masks; it replaces the earlier one. Returns all verdicts.

        object_id: None for the whole task. Raises NotFound for an object without prompts.
        """
        digests = self.timelines.shown_digests(self.user_task)
        if object_id is not None and object_id not in digests.objects:
            raise NotFound(f"nothing is prompted for {object_id[:60]!r}")
        given = GivenVerdict(object_id, verdict, comment, digests.of_subject(object_id))
        self.ledger.set_verdict(self.user_task.task, given, user=self.user_task.user)
        return self.all()

    def take_back(self, object_id: ObjectId | None) -> tuple[ShownVerdict, ...]:
        """Removes a verdict; returns the others. Raises NotFound without one."""
        if not self.ledger.remove_verdicts(self.user_task.task, [object_id], user=self.user_task.user):
            raise NotFound("there is no such verdict of yours on this task")
        return self.all()


def run_verdicts(ledger: Ledger, masks: MaskStore, codec: MaskCodec, job: Job) -> MaskVerdicts:
    """Everybody's verdicts on the masks of a finished propagation. Raises IntegrityError for damaged masks."""
    given = ledger.everybodys_verdicts(job.task.project_id, task=job.task)
    request = ledger.request(job.job_id) if given else None
    if not isinstance(request, PropagationRequest):
        return MaskVerdicts()
    digests = digests_of_run(request.prompts, masks.records(job.masks_run), codec)
    return MaskVerdicts.of(given, digests, author=request.user)
