"""Edits of the user's prompts in the player: replace, delete, rename, forget, approve.

An edit is checked first, and its preview is made before it is recorded: what is refused is not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from backend.application.annotation.annotation_service import JobMasks, UserTask
from backend.application.jobs.queries import open_jobs
from backend.application.player.current_masks import CurrentMask, CurrentMasks, mask_in, prompt_mask
from backend.application.player.task_view import OpenedTask, in_order, require_label
from backend.application.player.user_record import UserRecord
from backend.domain.errors import NotFound, PromptError, ServiceUnavailable
from backend.domain.jobs import PropagationRequest
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.video import FrameIndex, FrameRange

Edit = Callable[[PromptSet], PromptSet]


@dataclass(frozen=True, slots=True)
class EditResult:
    """The masks that an edit changed, and all prompts of the user afterwards."""

    masks: tuple[CurrentMask, ...]
    prompts: PromptSet
    revision: int


@dataclass(frozen=True, slots=True)
class PromptEdits:
    """The edits of one opened task by its user."""

    masks: CurrentMasks
    opened: OpenedTask

    def put(self, prompt: FramePrompt, label: str, *, deadline_s: float) -> EditResult:
        """Replaces the prompt of an object on a frame, and returns the object's mask there.

        Raises PromptError for an unusable prompt, the worker's error, or ServiceUnavailable if no worker answers within
        deadline_s: then the earlier prompt stays.
        """
        self.opened.info.require_frame(prompt.frame_index)
        require_label(label, self.opened.labels)
        require_size(prompt, self.opened)
        edit = placing([prompt], label)
        edited = edit(self._prompts())
        require_locatable(edited.only([prompt.object_id]))
        if prompt.mask is not None:
            return self._recorded(edit, (prompt_mask(prompt, self.masks.codec),), {_key(prompt): ""})
        answer = self._preview(edited.only([prompt.object_id]), prompt.frame_index, deadline_s=deadline_s)
        mask = None if answer.run is None else mask_in(answer.run, _key(prompt))
        return self._recorded(edit, () if mask is None else (mask,), {_key(prompt): answer.job.job_id})

    def delete(self, object_id: ObjectId, frame_index: FrameIndex, *, deadline_s: float) -> EditResult:
        """Deletes the prompt of an object on a frame; its mask there follows from its other prompts.

        Raises PromptError if only negative clicks would be left.
        """

        def edit(known: PromptSet) -> PromptSet:
            kept = [prompt for prompt in known if _key(prompt) != (object_id, frame_index)]
            return PromptSet.of(kept, known.labels)

        self.opened.info.require_frame(frame_index)
        left = edit(self._prompts()).only([object_id])
        if not left:
            return self.forget(object_id)
        require_locatable(left)
        with suppress(ServiceUnavailable):  # the prompt goes, with or without a worker
            answer = self._preview(left, frame_index, deadline_s=deadline_s)
            mask = None if answer.run is None else mask_in(answer.run, (object_id, frame_index))
            if mask is not None:
                return self._recorded(edit, (mask,), {(object_id, frame_index): answer.job.job_id})
        return self._recorded(edit, (), {(object_id, frame_index): ""})

    def forget(self, object_id: ObjectId | None) -> EditResult:
        """Deletes all prompts and verdicts of an object, or of all, and cancels the user's open jobs with them."""
        known = self._prompts()
        gone = known.object_ids if object_id is None else (object_id,)
        now_s = self.masks.service.clock.now_s()

        def forgotten(record: UserRecord) -> UserRecord:
            kept = {key: job_id for key, job_id in record.previews.items() if key[0] not in gone}
            return replace(record, previews=kept, forgotten_s={**record.forgotten_s, **dict.fromkeys(gone, now_s)})

        left = self._edit_prompts(lambda prompts: prompts.without(gone))
        self._cancel_jobs_of(gone)
        self.masks.service.ledger.remove_verdicts(self._task.task, gone, user=self._task.user)
        record = self.masks.records.change(self._task.task, self._task.user, forgotten)
        return EditResult((), left, record.revision)

    def rename(self, object_id: ObjectId, label: str) -> EditResult:
        """Gives an object another label. Raises NotFound without prompts of it, PromptError for an unknown label."""
        require_label(label, self.opened.labels)
        if object_id not in self._prompts().object_ids:
            raise NotFound(f"nothing is prompted for {object_id!r}")
        return self._recorded(lambda known: PromptSet.of(known, {**known.labels, object_id: label}), (), {})

    def approve(self, object_id: ObjectId | None, frames: FrameRange) -> EditResult:
        """The current masks on a range of frames become human frames. Frames without an object stay as they are.

        object_id: None approves all objects. Raises PromptError for more than MAX_FRAMES frames.
        """
        self.opened.info.require_frame(frames.stop - 1)
        shown = [
            mask
            for mask in self.masks.on(self._task, frames)
            if mask.mask is not None and mask.origin is not MaskOrigin.HUMAN and object_id in (None, mask.object_id)
        ]
        drawn = [
            FramePrompt(mask.object_id, mask.frame_index, mask=self.masks.codec.decode(mask.mask))
            for mask in shown
            if mask.mask is not None
        ]
        approved = tuple(replace(mask, origin=MaskOrigin.HUMAN, uncertainty=0.0) for mask in shown)
        return self._recorded(placing(drawn, None), approved, dict.fromkeys((_key(prompt) for prompt in drawn), ""))

    @property
    def _task(self) -> UserTask:
        return self.opened.user_task

    def _prompts(self) -> PromptSet:
        return self.masks.service.ledger.prompts(self._task.task, user=self._task.user)

    def _preview(self, prompts: PromptSet, frame_index: FrameIndex, *, deadline_s: float) -> JobMasks:
        return self.masks.service.preview(self._task, in_order(prompts), frame_index, deadline_s=deadline_s)

    def _edit_prompts(self, edit: Edit) -> PromptSet:
        return self.masks.service.ledger.edit_prompts(self._task.task, edit, user=self._task.user)

    def _recorded(
        self, edit: Edit, masks: Sequence[CurrentMask], previews: dict[tuple[ObjectId, FrameIndex], str]
    ) -> EditResult:
        """Records an edit. previews: the jobs with the new masks; an empty id removes an entry."""

        def noted(record: UserRecord) -> UserRecord:
            kept = {key: job_id for key, job_id in record.previews.items() if key not in previews}
            return replace(record, previews=kept | {key: job_id for key, job_id in previews.items() if job_id})

        prompts = self._edit_prompts(edit)
        record = self.masks.records.change(self._task.task, self._task.user, noted)
        return EditResult(tuple(masks), prompts, record.revision)

    def _cancel_jobs_of(self, object_ids: Sequence[ObjectId]) -> None:
        """Cancels the user's open propagations with prompts of these objects."""
        ledger = self.masks.service.ledger
        for job in open_jobs(ledger, self._task.task):
            request = ledger.request(job.job_id)
            is_own = isinstance(request, PropagationRequest) and request.user == self._task.user
            if is_own and not set(request.prompts.object_ids).isdisjoint(object_ids):
                ledger.cancel(job.job_id)


def require_locatable(prompts: PromptSet) -> None:
    """Raises PromptError for an object without a prompt that locates it."""
    for object_id in prompts.unlocated_ids:
        raise PromptError(f"{object_id!r} has negative clicks only: click the object itself, or drag a box around it")


def require_size(prompt: FramePrompt, opened: OpenedTask) -> None:
    """Raises PromptError for a mask that is not of the video's size."""
    size = opened.info.size
    if prompt.mask is not None and prompt.mask.shape != (size.height, size.width):
        height, width = prompt.mask.shape
        raise PromptError(f"the mask is {width}x{height} pixels; the video is {size.width}x{size.height}")


def placing(prompts: Sequence[FramePrompt], label: str | None) -> Edit:
    """Replaces the prompts of the same objects and frames. label: of these objects; None: the known one."""
    keys = {_key(prompt) for prompt in prompts}

    def edit(known: PromptSet) -> PromptSet:
        kept = [prompt for prompt in known if _key(prompt) not in keys]
        labels = {} if label is None else {prompt.object_id: label for prompt in prompts}
        return PromptSet.of([*kept, *prompts], {**known.labels, **labels})

    return edit


def _key(prompt: FramePrompt) -> tuple[ObjectId, FrameIndex]:
    return prompt.object_id, prompt.frame_index
