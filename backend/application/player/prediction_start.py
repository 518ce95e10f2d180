"""The start of a person without prompts of their own: the masks of the task's prediction that no person made.

Such masks are of a batch or a job without a user. They are shown until the person's first edit. Then their prompts
become the person's own, and their masks lie below the person's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from backend.application.annotation.annotation_service import UserTask
from backend.application.player.current_masks import CurrentMasks
from backend.domain.jobs import JobState

UNNAMED = ""
"""The user of masks that no person made."""


@dataclass(frozen=True, slots=True)
class PredictionStart:
    """Whose masks a person sees, and when they become the person's own."""

    masks: CurrentMasks

    def view_of(self, user_task: UserTask) -> UserTask:
        """The user task to show: the unnamed user's while the person has no prompts, has edited nothing, and there is
        a finished run."""
        return self._unnamed(user_task) if self._is_at_start(user_task) else user_task

    def take_over(self, user_task: UserTask) -> None:
        """Makes the shown prompts the person's own, before the first edit. Does nothing later."""
        if not self._is_at_start(user_task):
            return
        ledger = self.masks.service.ledger
        ledger.record_prompts(user_task.task, ledger.prompts(user_task.task, user=UNNAMED), user=user_task.user)
        self.masks.records.change(
            user_task.task, user_task.user, lambda record: replace(record, starts_from_prediction=True)
        )

    def _is_at_start(self, user_task: UserTask) -> bool:
        if user_task.user == UNNAMED or self.masks.records.read(user_task.task, user_task.user).revision:
            return False
        unnamed = self._unnamed(user_task)
        if self.masks.indices.of(user_task).object_ids or not self.masks.indices.of(unnamed).object_ids:
            return False
        return any(run.job.state is JobState.DONE for run in self.masks.runs.of(unnamed))

    @staticmethod
    def _unnamed(user_task: UserTask) -> UserTask:
        return replace(user_task, user=UNNAMED)
