"""Prompt ownership: which user's prompts count for a user task.

Label Studio names a user by the draft, which is saved seconds after the first click and gone after Submit. So prompts
may be recorded without a user; they become prompts of the user whose page has the resulting regions. A user task
without prompts that opens with our prediction starts from the prompts of that prediction.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from backend.application.annotation.annotation_service import AnnotationService, UserTask
from backend.application.annotation.superseded import is_own
from backend.application.jobs.queries import open_jobs
from backend.application.ports.key_value import KeyValueStore
from backend.application.ports.ledger import Ledger
from backend.domain.jobs import PropagationRequest, PushState
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.tasks import SEVERAL_USERS, TaskKey, is_anonymous
from backend.domain.video import FrameIndex

NEVER = float("-inf")

ObjectFrameKey = tuple[ObjectId, FrameIndex | None]
"""An object on a frame; frame None: on any frame."""


@dataclass(frozen=True, slots=True)
class ViewState:
    """What a request shows of the page.

    claims: objects on frames that belong to this user, by the stand-in name under which they were recorded.
    sees_prediction: whether the page opened with our prediction.
    """

    claims: Mapping[str, Collection[ObjectFrameKey]] = field(default_factory=dict)
    sees_prediction: bool = False


@dataclass(frozen=True, slots=True)
class PromptOwnership:
    """Assigns prompts to users, and resets them."""

    service: AnnotationService
    key_values: KeyValueStore

    def settle(self, user_task: UserTask, view: ViewState) -> None:
        """Assigns claimed prompts to the user task; called before a new prompt is added."""
        for stand_in, claimed_keys in view.claims.items():
            self._claim(user_task, stand_in, claimed_keys)
        if view.sees_prediction and not self._ledger.prompts(user_task.task, user=user_task.user):
            self._start_from_prediction(user_task)

    def reset(self, user_task: UserTask, object_id: ObjectId | None = None) -> None:
        """Deletes the user task's prompts (of one object), and cancels open jobs made of them."""
        known = self._ledger.prompts(user_task.task, user=user_task.user)
        gone = known if object_id is None else known.of_object(object_id)
        kept = known.without(gone.object_ids)
        self._write_reset(user_task)
        self._ledger.replace_prompts(user_task.task, kept, user=user_task.user)
        for job in open_jobs(self._ledger, user_task.task):
            prompts = self._ledger.request(job.job_id).prompts
            has_gone = not set(prompts.object_ids).isdisjoint(gone.object_ids)
            if has_gone and job.user != SEVERAL_USERS and is_own(job, prompts, user_task.user, known):
                self._ledger.cancel(job.job_id)

    def _claim(self, user_task: UserTask, stand_in: str, claimed_keys: Collection[ObjectFrameKey]) -> None:
        """Moves a stand-in name's prompts of these objects on these frames to the user task."""
        recorded = self._ledger.prompts(user_task.task, user=stand_in)
        if not recorded:
            return
        if not stand_in:
            self._ledger.claim_prompts(user_task.task, user=user_task.user, keys=claimed_keys)
            return
        wanted = set(claimed_keys)
        claimed = [p for p in recorded if not wanted.isdisjoint(((p.object_id, p.frame_index), (p.object_id, None)))]
        remaining = [prompt for prompt in recorded if prompt not in claimed]
        moved, kept = PromptSet.of(claimed, recorded.labels), PromptSet.of(remaining, recorded.labels)
        self._ledger.record_prompts(user_task.task, moved, user=user_task.user)
        self._ledger.replace_prompts(user_task.task, kept, user=stand_in)

    @property
    def _ledger(self) -> Ledger:
        return self.service.ledger

    def _start_from_prediction(self, user_task: UserTask) -> None:
        push = self._ledger.latest_push(user_task.task)
        if push is None or push.state is not PushState.PUSHED:
            return
        job = self._ledger.job(push.job_id)
        request = self._ledger.request(push.job_id)
        if isinstance(request, PropagationRequest) and job.created_s > self._reset_s(user_task):
            self._ledger.record_prompts(user_task.task, request.prompts, user=user_task.user)

    def _reset_s(self, user_task: UserTask) -> float:
        """Time of the user's last reset of the task (the ledger's clock); -inf without one.

        A reset of an anonymous annotator counts for every user: it may have been this one's.
        """
        resets = self._resets(user_task)
        return max(
            (at_s for user, at_s in resets.items() if is_anonymous(user) or user == user_task.user), default=NEVER
        )

    def _write_reset(self, user_task: UserTask) -> None:
        resets = {**self._resets(user_task), user_task.user: self.service.clock.now_s()}
        self.key_values.write(_reset_key(user_task), json.dumps(resets).encode())

    def _resets(self, user_task: UserTask) -> dict[str, float]:
        """Time of each user's last reset of the task. Earlier builds stored one time for all users."""
        body = self.key_values.read(_reset_key(user_task))
        stored = {} if body is None else json.loads(body)
        return stored if isinstance(stored, dict) else {"": float(stored)}


def _reset_key(user_task: UserTask) -> str:
    task: TaskKey = user_task.task
    return f"resets/{task.project_id}-{task.task_id}"
