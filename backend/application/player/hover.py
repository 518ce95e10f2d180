"""Hovers: the mask that a click would give. Nothing is recorded."""

from __future__ import annotations

from dataclasses import dataclass

from backend.application.player.current_masks import CurrentMask, CurrentMasks, prompt_mask
from backend.application.player.prompt_edits import placing, require_locatable
from backend.application.player.task_view import OpenedTask, in_order
from backend.application.ports.requests.hover import HoverChannel
from backend.application.ports.requests.prewarm import PrewarmChannel, PrewarmRequest
from backend.domain.errors import NotEncoded
from backend.domain.jobs import PreviewRequest
from backend.domain.prompts import FramePrompt, PromptSet


@dataclass(frozen=True, slots=True)
class Hovers:
    """The hovers of one opened task by its user."""

    masks: CurrentMasks
    channel: HoverChannel
    prewarm_channel: PrewarmChannel
    opened: OpenedTask

    def mask(self, click: FramePrompt, *, deadline_s: float) -> CurrentMask:
        """The mask of an object on a frame with one more click, together with its prompt there.

        A frame that a person drew keeps its mask. Raises PromptError as `PromptEdits.put` does, NotEncoded if a needed
        frame is not encoded, after asking a worker to encode it, the worker's error, or ServiceUnavailable if no
        worker answers within deadline_s.
        """
        self.opened.info.require_frame(click.frame_index)
        task = self.opened.user_task
        before = self.masks.service.ledger.prompts(task.task, user=task.user)
        known = next((each for each in before.on_frame(click.frame_index) if each.object_id == click.object_id), None)
        if known is not None and known.mask is not None:
            return prompt_mask(known, self.masks.codec)
        merged = click if known is None else known.merged_with(click)
        wanted = needed(placing([merged], str(click.object_id))(before).only([click.object_id]), merged)
        require_locatable(wanted)
        request = PreviewRequest(
            task.task, task.media, in_order(wanted), click.frame_index, task.model_version, task.user
        )
        try:
            found = self.channel.ask(request, timeout_s=deadline_s)
        except NotEncoded:
            frames = dict.fromkeys((click.frame_index, *wanted.prompted_frames))
            self.prewarm_channel.request(PrewarmRequest(task.media, tuple(frames), task=task.task))
            raise
        return CurrentMask(click.object_id, click.frame_index, found.mask, found.origin, found.uncertainty, found.box)


def needed(prompts: PromptSet, click: FramePrompt) -> PromptSet:
    """The object's prompts that its mask on the frame of the click is made from.

    A prompt that locates the object is decoded alone: the object's other prompted frames need not be encoded.
    """
    return PromptSet.of([click], prompts.labels) if click.has_positive else prompts
