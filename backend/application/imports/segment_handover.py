"""From one segment to the next: the masks at a segment's end, offered as prompts for the next one's start.

Never blindly. Where the model is not certain of every object on the shared frame, the next segment is not begun: it
asks for a person. What a person did on a segment is never replaced; what was carried before is, when the segment that
it came from was corrected.
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
from backend.domain.masklets import MaskletFrame, MaskRun
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.video import FrameIndex

logger = logging.getLogger(__name__)

EVERYTHING_EVERY = 12
"""Sweeps between looks at segments that nobody is waiting for: those carried already, and those a person began."""

CARRIED = "carried"
PERSON = "person"


class TaskLookup(Protocol):
    """Where a task's frames are, from Label Studio."""

    def user_task(self, item: BatchItem, model_version: str) -> UserTask:
        """Raises LabelStudioUnavailable (try again), or what is wrong with the task."""
        ...


@dataclass(frozen=True, slots=True)
class HandoverPrompts:
    """What a segment's end gives the next one: prompts on its frame 0, or why a person is needed."""

    prompts: PromptSet
    doubt: str = ""


@dataclass(slots=True)
class Handover:
    """Looks for segments that are done and hands their ends over. One sweeper at a time; sweeping twice is harmless."""

    records: BatchRecords
    desk: AnnotationService
    codec: MaskCodec
    canvases: TaskLookup
    _sweeps: int = field(default=0)

    def sweep(self) -> int:
        """Hand over what can be; returns how many segments were begun."""
        looks_everywhere = self._sweeps % EVERYTHING_EVERY == 0
        self._sweeps += 1
        begun = 0
        for before, item in self._links(looks_everywhere):
            try:
                begun += self._hand_over(before, item)
            except ServiceUnavailable as error:
                logger.warning("segment %s waits: %s", item.name, error)
                return begun
            except MaskletError as error:
                logger.warning("segment %s cannot be begun: %s", item.name, error)
                self._note(item, f"{PERSON} -: {error}")
        return begun

    def _links(self, looks_everywhere: bool) -> Iterator[tuple[BatchItem, BatchItem]]:
        """Neighbouring segments of which the second may be begun."""
        items = [item for item in self.records.items() if item.count > 1]
        by_place = {(item.project_id, item.group, item.number): item for item in items}
        for item in items:
            before = by_place.get((item.project_id, item.group, item.number - 1))
            if before is None or not item.carry:
                continue
            is_awaited = not item.handover and (before.prompted or before.handover.startswith(CARRIED))
            if is_awaited or looks_everywhere:
                yield before, item

    def _hand_over(self, before: BatchItem, item: BatchItem) -> bool:
        done = newest_propagation(self.desk.ledger, before.task)
        if done is None or done.job_id in item.handover.split(maxsplit=2)[:2]:
            return False
        if item.handover.startswith(f"{PERSON} {done.job_id}:") or self._is_a_persons(item):
            return False
        run = self.desk.masks_of(done)
        if run is None or not run.complete:
            return False
        offer = self.offer(run, item, before)
        if offer.doubt:
            logger.info("segment %s asks for a person: %s", item.name, offer.doubt)
            self._note(item, f"{PERSON} {done.job_id}: {offer.doubt}")
            return False
        job = self.desk.replace_prompts(self.canvases.user_task(item, done.model_version), offer.prompts)
        self._note(item, f"{CARRIED} {done.job_id} {job.job_id if job else '-'}")
        return job is not None

    def offer(self, run: MaskRun, item: BatchItem, before: BatchItem) -> HandoverPrompts:
        """The masks on the first shared frame, if each of them is certain enough."""
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
                prompts.append(FramePrompt(masklet.object_id, FrameIndex(0), mask=mask))
                labels[masklet.object_id] = masklet.label
        if not doubts and not prompts:
            doubts.append("no object is in the frame where the segments meet")
        if doubts:
            return HandoverPrompts(PromptSet(()), f"at the end of {before.name} {', '.join(doubts)}")
        return HandoverPrompts(PromptSet.of(prompts, labels))

    def _is_a_persons(self, item: BatchItem) -> bool:
        """Whether somebody else than this handover prompted the segment."""
        newest = newest_propagation(self.desk.ledger, item.task, states=ANY)
        if newest is None:
            return bool(self.desk.ledger.prompts(item.task))
        return newest.job_id not in item.handover.split()

    def _note(self, item: BatchItem, handover: str) -> None:
        self.records.put([replace(item, handover=handover)])


def _doubt(frame: MaskletFrame | None, certainty: float) -> str:
    """Why this mask is not to be carried on; empty if it may be, or if the object is surely not there."""
    if frame is None:
        return "was not followed to there"
    if 1.0 - frame.uncertainty < certainty:
        return f"is certain to {1.0 - frame.uncertainty:.2f} only, {certainty:.2f} is asked for"
    return ""
