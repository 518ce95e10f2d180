"""Statements that an object is absent on a page: a deleted mask, and the action label "✕ gone".

An absence is recorded as a mask prompt without a pixel. It is a human frame: no answer has a mask there until the
object is prompted on that page again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from backend.adapters.labelstudio.config.action_labels import Action
from backend.adapters.labelstudio.reading.context import ParsedContext, prompts_of_annotation
from backend.adapters.labelstudio.reading.drafts import Draft, object_frames_of
from backend.application.annotation.annotation_service import AnnotationService
from backend.application.annotation.prompt_checks import usable
from backend.application.annotation.propagate_range import newest_run
from backend.codecs.coco_rle import decode_checked
from backend.domain.errors import MaskletError, PromptError
from backend.domain.geometry import BoolMask, Point
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.video import FrameIndex, FrameRange
from backend.interfaces.labelstudio.page_masks import Key, PageMasks


@dataclass(frozen=True, slots=True)
class Absences:
    """The absences of one user task."""

    service: AnnotationService
    page: PageMasks

    def record_deleted(self, deleted: Collection[Key]) -> None:
        """Records absences where the person deleted masks. Objects that no prompt locates are left out."""
        known = self.service.ledger.prompts(self.page.user_task.task, user=self.page.user_task.user)
        located = {prompt.object_id for prompt in known if prompt.has_positive and not is_absence(prompt)}
        keys = [key for key in sorted(deleted) if key[0] in located]
        if keys:
            absences = usable(self._prompts(keys, known), self.service.frame_count(self.page.user_task))
            self.service.record(self.page.user_task, absences)

    def prompt_of(self, action: Action, parsed: ParsedContext, draft: Draft) -> PromptSet:
        """The absence that a "✕ gone" states. Raises PromptError if no object is meant, or several may be."""
        known = self.service.ledger.prompts(self.page.user_task.task, user=self.page.user_task.user)
        object_id = self._named(action, known) if action.label else self._at_click(parsed, draft)
        return self._prompts([(object_id, parsed.frame_index)], known)

    def _prompts(self, keys: Collection[Key], known: PromptSet) -> PromptSet:
        size = self.page.read().size
        if size is None:
            raise PromptError("no mask has been shown on this task yet: there is none to take away")
        empty = np.zeros((size.height, size.width), np.bool_)
        return PromptSet.of((FramePrompt(*key, mask=empty) for key in keys), known.labels)

    def _named(self, action: Action, known: PromptSet) -> ObjectId:
        wanted = action.label.casefold()
        found = [name for name in known.object_ids if wanted in (name.casefold(), known.labels[name].casefold())]
        if len(found) != 1:
            raise PromptError(f"gone names {action.label[:60]!r}; the prompted objects are {known.object_ids}")
        return found[0]

    def _at_click(self, parsed: ParsedContext, draft: Draft) -> ObjectId:
        """The object whose mask is at the click; the only one on the page, if the click is beside it."""
        page, point = parsed.frame_index, parsed.action_point
        masks = {**dict(self._computed(page)), **dict(self._drawn(page, draft))}
        hit = [name for name, mask in masks.items() if point is not None and _has(mask, point)]
        shown = [name for name, mask in masks.items() if mask.any()]
        if len(hit or shown) != 1:
            raise PromptError(f"{len(hit or shown)} masks may be meant: click on one, or name the object: ✕ gone LABEL")
        return (hit or shown)[0]

    def _drawn(self, page: FrameIndex, draft: Draft) -> Iterator[tuple[ObjectId, BoolMask]]:
        """The masks of a draft on a page, at its size."""
        binding = self.page.binding
        here = [region for region in draft.result if any(at == page for _, at in object_frames_of(region, binding))]
        try:
            prompts = prompts_of_annotation(here, binding)
        except MaskletError:
            return
        yield from ((prompt.object_id, prompt.mask) for prompt in prompts if prompt.mask is not None)

    def _computed(self, page: FrameIndex) -> Iterator[tuple[ObjectId, BoolMask]]:
        """The newest masks on a page that may be on the page."""
        user_task, keys = self.page.user_task, self.page.keys()
        frames = FrameRange(page, FrameIndex(page + 1))
        newest = newest_run(self.service, user_task.task, user_task.model_version, frames)
        for masklet in () if newest is None or newest.run is None else newest.run.masklets:
            for frame in masklet.frames:
                if (masklet.object_id, frame.frame_index) in keys and frame.frame_index == page:
                    yield masklet.object_id, decode_checked(frame.mask)


def is_absence(prompt: FramePrompt) -> bool:
    """Whether the prompt says that the object is absent."""
    return prompt.mask is not None and not prompt.mask.any()


def _has(mask: BoolMask, point: Point) -> bool:
    """Whether a mask, [H, W] bool, is at a relative point."""
    height, width = mask.shape
    row, column = min(int(point.y_rel * height), height - 1), min(int(point.x_rel * width), width - 1)
    return bool(mask[row, column])
