"""What a maker made on a task: prompts, and the masks of the submitted annotation."""

from __future__ import annotations

from dataclasses import dataclass

from backend.application.annotation.annotation_service import AnnotationService
from backend.application.annotation.change_detection import last_adoption
from backend.application.jobs.queries import ANY, propagations
from backend.application.player.user_record import UserRecords
from backend.application.ports.key_value import KeyValueStore
from backend.domain.crowd.routing import Answer, Source, Start
from backend.domain.crowd.routing_rules import edited_frames
from backend.domain.jobs import JobState
from backend.domain.retries import FailureKind
from backend.domain.tasks import TaskKey


@dataclass(frozen=True, slots=True)
class Made:
    """source: for the next step. edited_frames: the most that were prompted of one object."""

    source: Source
    edited_frames: int


@dataclass(frozen=True, slots=True)
class NotMade:
    """reason: a sentence for the lead. is_soon: whether it needs no person, only time."""

    reason: str
    is_soon: bool


@dataclass(frozen=True, slots=True)
class MadeMasks:
    """Finds what makers made."""

    service: AnnotationService
    records: UserRecords
    key_values: KeyValueStore

    def of(self, task: TaskKey, answer: Answer, start: Start) -> Made | NotMade:
        """What the author of an annotation made, as far as the next step begins with it."""
        if not answer.user:
            return NotMade(f"Label Studio does not name the author of annotation {answer.annotation_id}", is_soon=False)
        unread = self._unread(task, answer)
        if unread is not None:
            return unread
        prompts = self.service.ledger.prompts(task, user=answer.user)
        source = Source(task, answer.user)
        if start is Start.EMPTY:
            return Made(source, edited_frames(prompts))
        if not prompts:
            return NotMade(
                f"annotation {answer.annotation_id} of {answer.user} has no prompts: open the task, prompt the objects "
                "in the player, and press Update",
                is_soon=False,
            )
        if start is Start.PROMPTS:
            return Made(source, edited_frames(prompts))
        run = self._run(task, answer)
        if isinstance(run, NotMade):
            return run
        return Made(Source(task, answer.user, run), edited_frames(prompts))

    def _unread(self, task: TaskKey, answer: Answer) -> NotMade | None:
        """Why what was drawn in an annotation is not among the prompts yet; None if it is."""
        if last_adoption(self.key_values, task)[1] >= answer.updated_at:
            return None
        failed = self.service.ledger.failed_try(FailureKind.ADOPTION, str(task))
        reason = "" if failed is None else f": {failed.reason}"
        return NotMade(f"annotation {answer.annotation_id} is yet to be read{reason}", is_soon=True)

    def _run(self, task: TaskKey, answer: Answer) -> str | NotMade:
        """The stored run of an annotation's masks. They are written into it once, when they are all made."""
        soon = NotMade(f"the masks of annotation {answer.annotation_id} are being made", is_soon=True)
        written = self.service.ledger.written_masks(answer.annotation_id)
        if written is not None and (written.is_pending or written.seen < answer.updated_at):
            return soon
        if written is not None and written.masks_run:
            return written.masks_run
        if written is None and self.records.read(task, answer.user).revision > 0:
            return soon
        return self._newest(task, answer, soon)

    def _newest(self, task: TaskKey, answer: Answer, soon: NotMade) -> str | NotMade:
        """The newest masks of a person who did not use the player."""
        for job in propagations(self.service.ledger, task, states=ANY):
            if job.user == answer.user and not job.state.is_final:
                return soon
            if job.user == answer.user and job.state is JobState.DONE:
                return job.masks_run
        return NotMade(
            f"annotation {answer.annotation_id} of {answer.user} has no masks yet: open the task, propagate in the "
            "player, and press Update",
            is_soon=False,
        )
