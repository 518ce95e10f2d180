"""Whose prompts count: the canvas of a task as one person sees it, from the first click to the correction next week.

Label Studio names a person by their draft, which is saved seconds after the first click and gone after Submit. So
prompts may come in without a name; they are that person's whose canvas has what they led to. A canvas without any
prompt that opens on a prediction of ours starts from the prompts that led to it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from backend.application.annotation.annotation_service import AnnotationService, UserTask
from backend.application.jobs.queries import open_jobs
from backend.application.ports.key_value import KeyValueStore
from backend.application.ports.ledger import Ledger
from backend.domain.jobs import PreviewRequest, PropagationRequest, PushState
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex

Spot = tuple[ObjectId, FrameIndex | None]
"""An object on a frame; None: wherever it is."""


@dataclass(frozen=True, slots=True)
class ViewState:
    """What a request shows of the canvas.

    claims: of canvases without a name, by their stand-in names, what turned out to be this one's. sees_prediction:
    whether it opened with masks of ours.
    """

    claims: Mapping[str, Collection[Spot]] = field(default_factory=dict)
    sees_prediction: bool = False


@dataclass(frozen=True, slots=True)
class PromptOwnership:
    """Settles whose prompts are whose, and forgets them when asked to."""

    desk: AnnotationService
    notes: KeyValueStore

    def settle(self, canvas: UserTask, visit: ViewState) -> None:
        """Give the canvas the prompts that are its own, before a new one counts with them."""
        for newcomer, spots in visit.claims.items():
            self._claim(canvas, newcomer, spots)
        if visit.sees_prediction and not self._ledger.prompts(canvas.task, user=canvas.user):
            self._start_from_prediction(canvas)

    def reset(self, canvas: UserTask, object_id: ObjectId | None = None) -> None:
        """Forget the canvas's prompts (of one object), and end the open jobs that they led to."""
        known = self._ledger.prompts(canvas.task, user=canvas.user)
        gone = known if object_id is None else known.of_object(object_id)
        kept = PromptSet.of((p for p in known if p.object_id not in gone.object_ids), known.labels)
        self.notes.write(_reset_note(canvas), json.dumps(self.desk.clock.now_s()).encode())
        self._ledger.replace_prompts(canvas.task, kept, user=canvas.user)
        for job in open_jobs(self._ledger, canvas.task):
            request = self._ledger.request(job.job_id)
            if request.prompts and set(request.prompts.object_ids) & set(gone.object_ids) and _within(request, known):
                self._ledger.cancel(job.job_id)

    def _claim(self, canvas: UserTask, newcomer: str, spots: Collection[Spot]) -> None:
        """Make a newcomer's prompts at these spots this canvas's."""
        said = self._ledger.prompts(canvas.task, user=newcomer)
        if not said:
            return
        if not newcomer:
            self._ledger.claim_prompts(canvas.task, user=canvas.user, spots=spots)
            return
        wanted = set(spots)
        claimed = [p for p in said if not wanted.isdisjoint(((p.object_id, p.frame_index), (p.object_id, None)))]
        left = [prompt for prompt in said if prompt not in claimed]
        taken, kept = PromptSet.of(claimed, said.labels), PromptSet.of(left, said.labels)
        self._ledger.record_prompts(canvas.task, taken, user=canvas.user)
        self._ledger.replace_prompts(canvas.task, kept, user=newcomer)

    @property
    def _ledger(self) -> Ledger:
        return self.desk.ledger

    def _start_from_prediction(self, canvas: UserTask) -> None:
        push = self._ledger.latest_push(canvas.task)
        if push is None or push.state is not PushState.PUSHED:
            return
        job = self._ledger.job(push.job_id)
        request = self._ledger.request(push.job_id)
        if isinstance(request, PropagationRequest) and job.created_s > self._reset_s(canvas):
            self._ledger.record_prompts(canvas.task, request.prompts, user=canvas.user)

    def _reset_s(self, canvas: UserTask) -> float:
        """When somebody last reset the task; long ago if never."""
        body = self.notes.read(_reset_note(canvas))
        return float("-inf") if body is None else float(json.loads(body))


def _reset_note(canvas: UserTask) -> str:
    task: TaskKey = canvas.task
    return f"resets/{task.project_id}-{task.task_id}"


def _within(request: PreviewRequest | PropagationRequest, known: PromptSet) -> bool:
    """Whether a request asks for nothing but what this canvas said."""
    prompts = request.prompts
    said = {(prompt.object_id, prompt.frame_index) for prompt in known}
    return all((prompt.object_id, prompt.frame_index) in said for prompt in prompts)
