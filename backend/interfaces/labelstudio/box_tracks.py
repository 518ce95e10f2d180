"""Answers to boxes on a video: their tracks, as far as the deadline lets them get."""

from __future__ import annotations

from dataclasses import dataclass, replace

from backend.adapters.labelstudio.reading.context import ParsedContext
from backend.application.annotation.annotation_service import UserTask
from backend.bootstrap.web import WebParts
from backend.domain.masklets import Masklet, MaskRun
from backend.domain.prompts import PromptSet
from backend.domain.timeline import FrameClock
from backend.domain.video import VideoInfo


@dataclass(frozen=True, slots=True)
class BoxTracks:
    """Tracks the boxes of a video. clock: the page's frame clock of it."""

    parts: WebParts
    video: VideoInfo
    clock: FrameClock

    def answer(self, user_task: UserTask, parsed: ParsedContext, *, deadline_s: float) -> MaskRun | None:
        """The tracks of the sent boxes; None if the finished masks have none of them.

        A track that is not finished has the frames so far; it may have none. Raises what `propagate_and_wait` raises.
        """
        self._drop_removed(user_task, parsed)
        answer = self.parts.annotation_service.propagate_and_wait(user_task, parsed.prompts, deadline_s=deadline_s)
        shown = self._of_sent(user_task, parsed, answer.run or MaskRun(self.video, (), complete=False))
        return shown if shown.masklets else None

    def _of_sent(self, user_task: UserTask, parsed: ParsedContext, run: MaskRun) -> MaskRun:
        """The sent objects alone: the page puts the selected label on every region of an answer."""
        made = {masklet.object_id: masklet for masklet in run.masklets}
        labels = self.parts.ledger.prompts(user_task.task, user=user_task.user).labels
        if not run.complete:
            made = {name: Masklet(name, label, ()) for name, label in labels.items()} | made
        return replace(run, masklets=tuple(made[name] for name in parsed.region_ids if name in made))

    def _drop_removed(self, user_task: UserTask, parsed: ParsedContext) -> None:
        """Removes known prompts whose keyframe is gone: a video region comes with all of its keyframes.

        A prompt on a frame without a page number is kept: the page never had its keyframe.
        """
        known = self.parts.ledger.prompts(user_task.task, user=user_task.user)
        sent = {(prompt.object_id, prompt.frame_index) for prompt in parsed.prompts} | parsed.switched_off
        objects = set(parsed.prompts.object_ids)
        kept = [
            prompt
            for prompt in known
            if prompt.object_id not in objects
            or (prompt.object_id, prompt.frame_index) in sent
            or not self.clock.numbers_of(prompt.frame_index)
        ]
        if len(kept) < len(known.prompts):
            self.parts.ledger.replace_prompts(user_task.task, PromptSet.of(kept, known.labels), user=user_task.user)
