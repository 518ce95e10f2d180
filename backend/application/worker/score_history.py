"""What a run has of an errand's frames already, for a scorer: a frame's uncertainty depends on those before it.

Owns what a pass's scorer must be told so that its numbers are those of a run in which nothing was kept and nothing was
interrupted: the frames on the way from the object's first prompt to where the pass sets out, kept frames within the
pass, and the other objects there. An object that a later pass makes again is not among the others yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from backend.application.ports.masks import MaskStore
from backend.domain.features import ObjectEvidence
from backend.domain.masklets import FrameEvidence, FrameMasks
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.replan import Pass, steps
from backend.domain.scoring import Scorer
from backend.domain.video import Direction, FrameIndex, FrameRange

WINDOW = 256
"""Frames that are read at once."""


@dataclass(slots=True)
class ScoreHistory:
    """One pass, and the run that its frames are added to. prompts: of all objects.

    is_new: whether the run had nothing when the pass began: then there is nothing to recall.
    """

    masks: MaskStore
    run: str
    one: Pass
    prompts: PromptSet
    is_new: bool
    _window: tuple[int, Mapping[int, Mapping[ObjectId, ObjectEvidence]]] | None = field(default=None, init=False)

    def prepare(self, scorer: Scorer, done: int) -> None:
        """Let the scorer take in what comes before the pass, and what an earlier attempt made of it: `done` frames."""
        if not self.is_new:
            for frame_index, seen in self._approach():
                scorer.recall(frame_index, seen)
        if done:
            self._window = None
            for frame_index, object_ids in islice(steps(self.one, self.prompts), done):
                kept = self._at(frame_index)
                scorer.recall(frame_index, {name: kept[name] for name in object_ids if name in kept})
            self._window = None

    def seen(self, masks: FrameMasks) -> dict[ObjectId, ObjectEvidence]:
        """A frame that was just made, by object; what was kept counts for what was made in its place."""
        made = {shown.object_id: ObjectEvidence(shown.evidence, shown.origin) for shown in masks.objects}
        if self.is_new:
            return made
        kept = self._at(masks.frame_index)
        return {object_id: kept.get(object_id, seen) for object_id, seen in made.items()}

    def others(self, frame_index: int, object_ids: Sequence[ObjectId]) -> list[FrameEvidence]:
        """What the run has on that frame of objects outside of the pass that travel the same way there."""
        if self.is_new or not object_ids:
            return []
        way = self._goes_ahead(object_ids[0], frame_index)
        return [
            seen.evidence
            for object_id, seen in self._at(frame_index).items()
            if object_id not in self.one.object_ids and self._goes_ahead(object_id, frame_index) is way
        ]

    def _goes_ahead(self, object_id: ObjectId, frame_index: int) -> bool:
        return frame_index >= self._first(object_id)

    def _first(self, object_id: ObjectId) -> int:
        return min(self.prompts.of_object(object_id).prompted_frames)

    def _approach(self) -> Iterator[tuple[int, dict[ObjectId, ObjectEvidence]]]:
        """Each object's frames from its first prompt to the pass, frame by frame, in the order of travel."""
        frames = self.one.frames
        firsts = {object_id: self._first(object_id) for object_id in self.one.object_ids}
        if self.one.direction is not Direction.BACKWARD:
            for index in range(min(firsts.values()), frames.start):
                yield index, self._kept(index, [name for name, first in firsts.items() if first <= index])
        else:
            for index in range(max(firsts.values()), frames.stop - 1, -1):
                yield index, self._kept(index, [name for name, first in firsts.items() if first >= index])

    def _kept(self, frame_index: int, object_ids: Sequence[ObjectId]) -> dict[ObjectId, ObjectEvidence]:
        there = self._at(frame_index)
        return {object_id: there[object_id] for object_id in object_ids if object_id in there}

    def _at(self, frame_index: int) -> Mapping[ObjectId, ObjectEvidence]:
        """What the run has on a frame; it is read in windows."""
        start = frame_index // WINDOW * WINDOW
        if self._window is None or self._window[0] != start:
            self._window = start, self._read(FrameRange(FrameIndex(start), FrameIndex(start + WINDOW)))
        return self._window[1].get(frame_index, {})

    def _read(self, frames: FrameRange) -> dict[int, dict[ObjectId, ObjectEvidence]]:
        found: dict[int, dict[ObjectId, ObjectEvidence]] = {}
        run = self.masks.partial(self.run, frames)
        for masklet in run.masklets if run is not None else ():
            for frame in masklet.frames:
                found.setdefault(int(frame.frame_index), {})[masklet.object_id] = ObjectEvidence(
                    frame.evidence, frame.origin
                )
        return found
