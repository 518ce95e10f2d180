"""Segment handover: the masks at the end of a segment become prompts on frame 0 of the next segment.

If the model is not certain of every object on the shared frame, the next segment is not started and needs a person. A
person's prompts on a segment are never replaced. Handed-over prompts are replaced when the segment before is corrected.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from backend.application.annotation.annotation_service import AnnotationService, UserTask
from backend.application.imports.model import BatchItem, BatchRecords
from backend.application.jobs.queries import ANY, newest_propagation
from backend.application.ports.masks import MaskCodec
from backend.domain.errors import MaskletError, ServiceUnavailable
from backend.domain.masklets import MaskletFrame, MaskOrigin, MaskRun
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.segments import NEEDS_PERSON
from backend.domain.video import FrameIndex

logger = logging.getLogger(__name__)

FULL_SWEEP_EVERY = 12
"""Sweeps between checks of all segments, also those that were handed over or that a person started."""

CARRIED = "carried"


class TaskLookup(Protocol):
    """User tasks of imported items, from Label Studio."""

    def user_task(self, item: BatchItem, model_version: str) -> UserTask:
        """Raises LabelStudioUnavailable (retry), or another MaskletError for a fault of the task."""
        ...


@dataclass(frozen=True, slots=True)
class HandoverPrompts:
    """Prompts on frame 0 of the next segment. doubt: why a person is needed instead; else empty."""

    prompts: PromptSet
    doubt: str = ""


@dataclass(slots=True)
class Handover:
    """Hands over finished segments. For one sweeping process at a time; a repeated sweep is harmless."""

    records: BatchRecords
    service: AnnotationService
    codec: MaskCodec
    task_lookup: TaskLookup
    _sweeps: int = field(default=0)

    def sweep(self) -> int:
        """Hands over all finished segments; returns the count of started segments."""
        check_all = self._sweeps % FULL_SWEEP_EVERY == 0
        self._sweeps += 1
        begun = 0
        for before, item in self._links(check_all):
            try:
                begun += self._hand_over(before, item)
            except ServiceUnavailable as error:
                logger.warning("segment %s waits: %s", item.name, error)
                return begun
            except MaskletError as error:
                logger.warning("segment %s cannot be begun: %s", item.name, error)
                self._record(item, f"{NEEDS_PERSON} -: {error}")
        return begun

    def _links(self, check_all: bool) -> Iterator[tuple[BatchItem, BatchItem]]:
        """Pairs of adjacent segments whose second may be started."""
        items = [item for item in self.records.items() if item.count > 1]
        by_place = {(item.project_id, item.group, item.number): item for item in items}
        for item in items:
            before = by_place.get((item.project_id, item.group, item.number - 1))
            if before is None or not item.carry:
                continue
            is_awaited = not item.handover and (before.prompted or before.handover.startswith(CARRIED))
            if is_awaited or check_all:
                yield before, item

    def _hand_over(self, before: BatchItem, item: BatchItem) -> bool:
        done = newest_propagation(self.service.ledger, before.task)
        if done is None or done.job_id in item.handover.split(maxsplit=2)[:2]:
            return False
        if item.handover.startswith(f"{NEEDS_PERSON} {done.job_id}:") or self._has_other_prompts(item):
            return False
        run = self.service.masks_of(done)
        if run is None or not run.complete:
            return False
        offer = self.offer(run, item, before)
        if offer.doubt:
            logger.info("segment %s asks for a person: %s", item.name, offer.doubt)
            self._record(item, f"{NEEDS_PERSON} {done.job_id}: {offer.doubt}")
            return False
        job = self.service.replace_prompts(self.task_lookup.user_task(item, done.model_version), offer.prompts)
        self._record(item, f"{CARRIED} {done.job_id} {job.job_id if job else '-'}")
        return job is not None

    def offer(self, run: MaskRun, item: BatchItem, before: BatchItem) -> HandoverPrompts:
        """The masks on the first shared frame as prompts, if each of them is certain enough."""
        shared = before.length - item.shared
        prompts: list[FramePrompt] = []
        labels: dict[ObjectId, str] = {}
        doubts: list[str] = []
        for masklet in run.masklets:
            frame = next((f for f in masklet.frames if f.frame_index == shared), None)
            doubt = _doubt(frame, item.certainty)
            if doubt:
                doubts.append(f"{masklet.label} {doubt}")
            elif frame is not None and frame.evidence.area_rel > 0:
                mask = self.codec.decode(frame.mask)
                # The shared frame shows the same picture in both segments: a person's mask stays a person's.
                score = None if frame.origin is MaskOrigin.HUMAN else 1.0 - frame.uncertainty
                prompts.append(FramePrompt(masklet.object_id, FrameIndex(0), mask=mask, automatic=score))
                labels[masklet.object_id] = masklet.label
        if not doubts and not prompts:
            doubts.append("no object is in the frame where the segments meet")
        if doubts:
            return HandoverPrompts(PromptSet(()), f"at the end of {before.name} {', '.join(doubts)}")
        return HandoverPrompts(PromptSet.of(prompts, labels))

    def _has_other_prompts(self, item: BatchItem) -> bool:
        """Whether the segment has prompts that are not from this handover."""
        newest = newest_propagation(self.service.ledger, item.task, states=ANY)
        if newest is None:
            return bool(self.service.ledger.prompts(item.task))
        return newest.job_id not in item.handover.split()

    def _record(self, item: BatchItem, handover: str) -> None:
        self.records.put([replace(item, handover=handover)])


def _doubt(frame: MaskletFrame | None, certainty: float) -> str:
    """Why this mask cannot be handed over; empty if it can, or if the object is certainly absent."""
    if frame is None:
        return "was not followed to there"
    if 1.0 - frame.uncertainty < certainty:
        return f"is certain to {1.0 - frame.uncertainty:.2f} only, {certainty:.2f} is asked for"
    return ""
