"""An annotator's prompt, answered: a click, a box, an action label, with what the request shows of the canvas.

Refuses what the label config, the regions or the worker give reason to refuse. An answer never holds what a person
drew: it would be replaced on the page by what was made of it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from backend.adapters.labelstudio.api.client import DraftRecord
from backend.adapters.labelstudio.config.action_labels import Action, ActionKind
from backend.adapters.labelstudio.config.label_config import Binding
from backend.adapters.labelstudio.reading.context import ParsedContext, prompts_of_annotation, prompts_of_context
from backend.adapters.labelstudio.reading.drafts import Draft, drawn_object_frames, newest_draft, shows_prediction
from backend.adapters.labelstudio.reading.known_masks import KnownMasks
from backend.adapters.labelstudio.reading.mask_fingerprints import load_fingerprints, near, save_fingerprints
from backend.application.annotation.annotation_service import UserTask, frame_of
from backend.application.annotation.prompt_ownership import PromptOwnership, Spot, ViewState
from backend.application.annotation.propagate_range import (
    FrameReach,
    drawn_by_hand,
    newest_run,
    propagate_range,
    without,
)
from backend.bootstrap.web import WebParts
from backend.domain.errors import MaskletError, PromptError, Superseded
from backend.domain.masklets import MaskRun
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.timeline import FrameClock
from backend.interfaces.labelstudio.anonymous_annotators import AnonymousAnnotators

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """The masks to show, None for none, and the prompts of the canvas that they came from.

    is_pending: whether there will be more than this, which comes as the task's prediction.
    """

    run: MaskRun | None
    prompts: PromptSet
    is_pending: bool = False


@dataclass(frozen=True, slots=True)
class InteractivePredictor:
    """Answers prompts for one label config. numbers: how the page numbers the video's frames; None for pages."""

    parts: WebParts
    binding: Binding
    numbers: FrameClock | None = None

    def answer(
        self, canvas: UserTask, task: Mapping[str, object], context: Mapping[str, object], *, deadline_s: float
    ) -> Reply:
        """Raises what prompts_of_context, the label config and the worker give reason for."""
        draft = newest_draft(task)
        drawn = drawn_object_frames(draft, self.binding)
        canvas = canvas if canvas.user else self._assigned(canvas)
        claims = self._anonymous.match(canvas.task, draft.result) if draft.result else {}
        self._canvases.settle(canvas, ViewState(claims, shows_prediction(task, canvas.model_version)))
        asked = prompts_of_context(
            context,
            self.binding,
            known=known_on(self.parts, canvas) if self.binding.is_video else None,
            clock=self.numbers,
        )
        try:
            run = self._run(canvas, asked, draft, drawn=drawn, deadline_s=deadline_s)
            is_pending = not run.complete if run is not None else _asks_for_masks(asked)
        except Superseded:
            logger.info("task %s: a newer prompt took this one's place", canvas.task)
            run, is_pending = None, False
        if run is not None:
            save_fingerprints(self.parts.key_values, canvas.task, run)
            self._anonymous.answered(canvas, run)
        return Reply(run, self._prompts(canvas), is_pending)

    @property
    def _canvases(self) -> PromptOwnership:
        return PromptOwnership(self.parts.annotation_service, self.parts.key_values)

    @property
    def _anonymous(self) -> AnonymousAnnotators:
        return AnonymousAnnotators(self.parts.key_values, self.parts.annotation_service.clock, self.binding)

    def _assigned(self, canvas: UserTask) -> UserTask:
        """The canvas of somebody whom no draft names yet, once those who have a draft by now have what is theirs."""
        latest = self._anonymous.latest(canvas.task)
        said = PromptSet(()) if latest is None else self.parts.ledger.prompts(canvas.task, user=latest)
        if latest is None or not said:
            return self._anonymous.assign(canvas, latest_left=False)
        for draft in self._drafts(canvas.task):
            claims = self._anonymous.match(canvas.task, draft.result)
            self._canvases.settle(replace(canvas, user=draft.user), ViewState(claims))
        left = self.parts.ledger.prompts(canvas.task, user=latest)
        return self._anonymous.assign(canvas, latest_left=len(left.prompts) < len(said.prompts))

    def _drafts(self, task: TaskKey) -> tuple[DraftRecord, ...]:
        """Everybody's drafts, or none if Label Studio does not say."""
        try:
            return () if self.parts.drafts is None else self.parts.drafts.drafts(task)
        except MaskletError as error:
            logger.warning("task %s: who is at work is not known: %s", task, error)
            return ()

    def _prompts(self, canvas: UserTask) -> PromptSet:
        return self.parts.ledger.prompts(canvas.task, user=canvas.user)

    def _run(
        self, canvas: UserTask, asked: ParsedContext, draft: Draft, *, drawn: frozenset[Spot], deadline_s: float
    ) -> MaskRun | None:
        desk = self.parts.annotation_service
        if asked.action is not None:
            return self._act(canvas, asked, draft, drawn=drawn, deadline_s=deadline_s)
        if self.binding.is_video:
            self._drop_removed(canvas, asked.prompts)
            run = desk.propagate_and_wait(canvas, self._unrounded(canvas, asked.prompts), deadline_s=deadline_s).run
            return None if run is None else only(run, asked.region_ids)
        run = desk.answer_click(canvas, asked.prompts, asked.frame_index, deadline_s=deadline_s).run
        return run if run is None or self._shows_every_page(asked) else frame_of(run, asked.frame_index)

    def _shows_every_page(self, asked: ParsedContext) -> bool:
        """Without Auto-Accept the page draws every suggestion over the page at hand, whatever page it is for."""
        return self.binding.auto_accept and not asked.piled_up

    def _unrounded(self, canvas: UserTask, prompts: PromptSet) -> PromptSet:
        """The prompts, boxes that came back a little rounded being those that were placed: asking again is no news."""
        placed = {(p.object_id, p.frame_index): p for p in self._prompts(canvas) if p.box is not None}

        def as_placed(prompt: FramePrompt) -> FramePrompt:
            before = placed.get((prompt.object_id, prompt.frame_index))
            if before is None or before.box is None or prompt.box is None:
                return prompt
            return before if near(before.box, prompt.box) else prompt

        return PromptSet.of((as_placed(prompt) for prompt in prompts), prompts.labels)

    def _drop_removed(self, canvas: UserTask, prompts: PromptSet) -> None:
        """A video's region comes with all of its keyframes: a person's that is no longer there was removed.

        Unless it is on a frame that the page has no number for, and so never was there.
        """
        known = self._prompts(canvas)
        there = {(prompt.object_id, prompt.frame_index) for prompt in prompts}
        kept = [
            prompt
            for prompt in known
            if prompt.object_id not in prompts.object_ids
            or (prompt.object_id, prompt.frame_index) in there
            or (self.numbers is not None and not self.numbers.numbers_of(prompt.frame_index))
        ]
        if len(kept) < len(known.prompts):
            self.parts.ledger.replace_prompts(canvas.task, PromptSet.of(kept, known.labels), user=canvas.user)

    # actions

    def _act(
        self, canvas: UserTask, asked: ParsedContext, draft: Draft, *, drawn: frozenset[Spot], deadline_s: float
    ) -> MaskRun | None:
        action = asked.action
        assert action is not None, "asked by _run"
        if action.kind is ActionKind.RESET:
            self._canvases.reset(canvas, self._object_of(action))
            return None
        self._take_up(canvas, draft)
        reach = FrameReach(asked.frame_index, action.direction, action.frames, action.skip)
        run = propagate_range(self.parts.annotation_service, canvas, reach, deadline_s=deadline_s).run
        if run is None:
            return None
        if not self._shows_every_page(asked):
            return frame_of(run, asked.frame_index)
        # The page at hand is what the person carries on from: it stays as they see it, even if it was changed so
        # lately that no draft tells of it.
        stays = {(object_id, page) for object_id, page in drawn if page == asked.frame_index and page is not None}
        return without(run, drawn_by_hand(self._prompts(canvas)) | stays)

    def _object_of(self, action: Action) -> ObjectId | None:
        """Which object a reset names. Raises PromptError if the config has no such label."""
        if not action.label:
            return None
        found = [label for label in self.binding.labels if label.casefold() == action.label.casefold()]
        if not found:
            raise PromptError(f"reset names {action.label[:60]!r}, which is no label; there are {self.binding.labels}")
        return ObjectId(found[0])

    def _take_up(self, canvas: UserTask, draft: Draft) -> None:
        """Make prompts of the masks that a person drew or corrected since."""
        try:
            changed = prompts_of_annotation(
                draft.result, self.binding, known=known_on(self.parts, canvas), clock=self.numbers
            )
        except MaskletError as error:
            logger.warning("task %s: the draft is left aside: %s", canvas.task, error)
            return
        masks = [prompt for prompt in changed if prompt.mask is not None]
        if masks:
            self.parts.ledger.record_prompts(canvas.task, PromptSet.of(masks, changed.labels), user=canvas.user)


def _asks_for_masks(asked: ParsedContext) -> bool:
    return asked.action is None or asked.action.kind is not ActionKind.RESET


def only(run: MaskRun, object_ids: Collection[ObjectId]) -> MaskRun:
    """The run less other objects: the page puts the label at hand on every region of a video that is answered."""
    return replace(run, masklets=tuple(masklet for masklet in run.masklets if masklet.object_id in object_ids))


def known_on(parts: WebParts, canvas: UserTask) -> KnownMasks:
    """All masks that the task's canvas was given: by answers, and by the newest predictions."""
    desk = parts.annotation_service
    newest = newest_run(desk, canvas.task, canvas.model_version)
    pushed = desk.latest_run(canvas.task, canvas.model_version)
    runs = [answer.run for answer in (newest, pushed) if answer is not None and answer.run is not None]
    said = parts.ledger.prompts(canvas.task, user=canvas.user)
    return KnownMasks(runs[0] if runs else None, load_fingerprints(parts.key_values, canvas.task, runs[1:]), said)
