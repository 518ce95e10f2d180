"""Answers to an annotator's prompt: a click, a box or an action label.

Errors of the label config, the regions and the worker are raised. An answer never holds a mask that a person drew:
the page would replace the drawn mask by the answer.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from backend.adapters.labelstudio.config.action_labels import Action, ActionKind
from backend.adapters.labelstudio.config.label_config import Binding
from backend.adapters.labelstudio.reading.context import ParsedContext, prompts_of_context, read_annotation
from backend.adapters.labelstudio.reading.drafts import Draft, drawn_object_frames
from backend.adapters.labelstudio.reading.known_masks import KnownMasks
from backend.adapters.labelstudio.reading.mask_fingerprints import load_fingerprints, save_fingerprints
from backend.application.annotation.annotation_service import UserTask
from backend.application.annotation.mask_selection import frame_of
from backend.application.annotation.prompt_checks import usable
from backend.application.annotation.prompt_ownership import ObjectFrameKey, PromptOwnership
from backend.application.annotation.propagate_range import (
    FrameRequest,
    human_object_frames,
    newest_run,
    propagate_range,
)
from backend.bootstrap.web import WebParts
from backend.domain.datasets import kinds_text
from backend.domain.errors import MaskletError, PromptError, Superseded
from backend.domain.masklets import MaskRun
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.timeline import FrameClock, clock_of
from backend.domain.video import VideoInfo
from backend.interfaces.labelstudio.absences import Absences
from backend.interfaces.labelstudio.anonymous_claims import AnonymousClaims
from backend.interfaces.labelstudio.box_tracks import BoxTracks
from backend.interfaces.labelstudio.page_masks import Key, PageMasks

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class InteractiveReply:
    """The masks to show, None for none, and the user task's prompts that they came from.

    is_pending: whether further masks follow as the task's prediction. cleared: the masks that the page may show, to be
    cleared where the run has none.
    """

    run: MaskRun | None
    prompts: PromptSet
    is_pending: bool = False
    cleared: frozenset[Key] = frozenset()


@dataclass(frozen=True, slots=True)
class InteractivePredictor:
    """Answers prompts for one label config. video: None for pages."""

    parts: WebParts
    binding: Binding
    video: VideoInfo | None = None

    def answer(
        self, user_task: UserTask, task: Mapping[str, object], context: Mapping[str, object], *, deadline_s: float
    ) -> InteractiveReply:
        """Answers the newest prompt of a context. Raises errors of prompts_of_context, the config and the worker."""
        claims = AnonymousClaims(self.parts, self.binding)
        settled = claims.settle(user_task, task)
        user_task, draft = settled.user_task, settled.draft
        drawn = drawn_object_frames(draft, self.binding)
        known = known_masks(self.parts, user_task) if self.binding.is_video else None
        parsed = prompts_of_context(context, self.binding, known=known, clock=self.frame_clock)
        if known is not None:
            parsed = replace(parsed, prompts=known.unrounded(parsed.prompts))
        settled = claims.settle_unshown(settled, is_action=parsed.action is not None)
        user_task = settled.user_task
        page = None if self.binding.is_video else PageMasks(self.parts.key_values, user_task, self.binding)
        if page is not None:
            deleted = page.update(draft, earlier_names=settled.claims)
            Absences(self.parts.annotation_service, page).record_deleted(deleted)
        cleared = frozenset() if page is None else page.keys()
        try:
            run = self._run(user_task, parsed, draft, drawn=drawn, deadline_s=deadline_s)
            is_pending = not run.complete if run is not None else _wants_masks(parsed)
        except Superseded:
            logger.info("task %s: superseded by a newer prompt", user_task.task)
            run, is_pending = None, True
        if run is not None:
            save_fingerprints(self.parts.key_values, user_task.task, run)
            claims.annotators.answered(user_task, run)
            if page is not None:
                page.answered(run)
        return InteractiveReply(run, self._prompts(user_task), is_pending, cleared)

    @property
    def frame_clock(self) -> FrameClock | None:
        """The page's frame clock of the video; None for pages."""
        return None if self.video is None else clock_of(self.video, self.binding.framerate)

    def _prompts(self, user_task: UserTask) -> PromptSet:
        return self.parts.ledger.prompts(user_task.task, user=user_task.user)

    def _run(
        self,
        user_task: UserTask,
        parsed: ParsedContext,
        draft: Draft,
        *,
        drawn: frozenset[ObjectFrameKey],
        deadline_s: float,
    ) -> MaskRun | None:
        service = self.parts.annotation_service
        if parsed.action is not None:
            return self._run_action(user_task, parsed, draft, drawn=drawn, deadline_s=deadline_s)
        if self.video is not None and (clock := self.frame_clock) is not None:
            return BoxTracks(self.parts, self.video, clock).answer(user_task, parsed, deadline_s=deadline_s)
        self.parts.click_load.require_capacity(user_task, deadline_s=deadline_s)
        run = service.answer_click(user_task, parsed.prompts, parsed.frame_index, deadline_s=deadline_s).run
        return run if run is None or self._may_show_every_page(parsed) else frame_of(run, parsed.frame_index)

    def _may_show_every_page(self, parsed: ParsedContext) -> bool:
        """Whether masks of other pages may be sent: without Auto-Accept the page draws all masks over the open page."""
        return self.binding.auto_accept and not parsed.has_several_regions

    # actions

    def _run_action(
        self,
        user_task: UserTask,
        parsed: ParsedContext,
        draft: Draft,
        *,
        drawn: frozenset[ObjectFrameKey],
        deadline_s: float,
    ) -> MaskRun | None:
        action = parsed.action
        assert action is not None, "checked by _run"
        page = PageMasks(self.parts.key_values, user_task, self.binding)
        if action.kind is ActionKind.RESET:
            reset = self._object_of(action)
            page.reset(self._prompts(user_task).object_ids if reset is None else (reset,))
            PromptOwnership(self.parts.annotation_service, self.parts.key_values).reset(user_task, reset)
            return None
        if action.kind is ActionKind.GONE:
            absence = Absences(self.parts.annotation_service, page).prompt_of(action, parsed, draft)
            gone = self.parts.annotation_service.answer_click(
                user_task, absence, parsed.frame_index, deadline_s=deadline_s
            )
            return gone.run
        self._record_drawn_masks(user_task, draft)
        frames = FrameRequest(parsed.frame_index, action.direction, action.frames, action.skip)
        run = propagate_range(self.parts.annotation_service, user_task, frames, deadline_s=deadline_s).run
        if run is None:
            return None
        if not self._may_show_every_page(parsed):
            return frame_of(run, parsed.frame_index)
        # The open page keeps its masks: a recent change may not be in a draft yet.
        on_open_page = {
            (object_id, page) for object_id, page in drawn if page == parsed.frame_index and page is not None
        }
        hidden = human_object_frames(self._prompts(user_task)) | on_open_page
        return run.select(lambda object_id, frame: (object_id, frame) not in hidden)

    def _object_of(self, action: Action) -> ObjectId | None:
        """The object that a reset names; None for all. Raises PromptError if the config has no such label."""
        if not action.label:
            return None
        found = [label for label in self.binding.labels if label.casefold() == action.label.casefold()]
        if not found:
            raise PromptError(
                f"reset names {action.label[:60]!r}, which is no label; the labels are {self.binding.labels}"
            )
        return ObjectId(found[0])

    def _record_drawn_masks(self, user_task: UserTask, draft: Draft) -> None:
        """Records the masks that a person drew or corrected as prompts."""
        try:
            known = known_masks(self.parts, user_task)
            read = read_annotation(draft.result, self.binding, known=known, clock=self.frame_clock)
        except MaskletError as error:
            logger.warning("task %s: the draft is ignored: %s", user_task.task, error)
            return
        if read.left_out:
            logger.warning("task %s: drawn and no prompts: %s", user_task.task, kinds_text(read.left_out))
        service, changed = self.parts.annotation_service, read.prompts
        masks = PromptSet.of((prompt for prompt in changed if prompt.mask is not None), changed.labels)
        drawn = usable(masks, service.frame_count(user_task))
        if drawn:
            service.record(user_task, drawn)


def _wants_masks(parsed: ParsedContext) -> bool:
    return parsed.action is None or parsed.action.kind is ActionKind.PROPAGATE


def known_masks(parts: WebParts, user_task: UserTask) -> KnownMasks:
    """The masks that the user was shown: by answers and by the newest predictions."""
    service = parts.annotation_service
    newest = newest_run(service, user_task.task, user_task.model_version)
    pushed = service.latest_run(user_task.task, user_task.model_version)
    runs = [answer.run for answer in (newest, pushed) if answer is not None and answer.run is not None]
    prompted = parts.ledger.prompts(user_task.task, user=user_task.user)
    return KnownMasks(
        runs[0] if runs else None, load_fingerprints(parts.key_values, user_task.task, runs[1:]), prompted
    )
