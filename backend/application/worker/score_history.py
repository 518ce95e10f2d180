"""Evidence of frames that a run has already, for a scorer: a frame's uncertainty depends on the frames before it.

Owns the evidence that makes a pass's uncertainties equal to those of an uninterrupted run without kept frames: frames
from the object's first prompted frame to the start of the pass, kept frames within the pass, and the other objects on
its frames. An object that a later pass computes is not among the others yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from backend.application.ports.masks import MaskStore
from backend.domain.masklets import FrameEvidence, FrameMasks
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.replan import Pass, pass_frames
from backend.domain.uncertainty.features import ObjectEvidence
from backend.domain.uncertainty.scoring import Scorer
from backend.domain.video import Direction, FrameIndex, FrameRange

WINDOW = 256
"""Count of frames that are read at once."""


@dataclass(slots=True)
class ScoreHistory:
    """The evidence around one pass. run: the pass's frames are added to it. prompts: of all objects.

    is_new: whether the run was empty when the pass began; then there is nothing to recall.
    """

    masks: MaskStore
    run: str
    one_pass: Pass
    prompts: PromptSet
    is_new: bool
    _window: tuple[int, Mapping[int, Mapping[ObjectId, ObjectEvidence]]] | None = field(default=None, init=False)

    def prepare(self, scorer: Scorer, done: int) -> None:
        """Lets the scorer recall the frames before the pass, and its first `done` frames, of an earlier attempt."""
        if not self.is_new:
            for frame_index, seen in self._before_pass():
                scorer.add_history(frame_index, seen)
        if done:
            self._window = None
            for frame_index, object_ids in islice(pass_frames(self.one_pass, self.prompts), done):
                kept = self._at(frame_index)
                scorer.add_history(frame_index, {name: kept[name] for name in object_ids if name in kept})
            self._window = None

    def seen(self, masks: FrameMasks) -> dict[ObjectId, ObjectEvidence]:
        """The evidence of a computed frame, by object. Kept evidence replaces computed evidence."""
        made = {shown.object_id: ObjectEvidence(shown.evidence, shown.origin) for shown in masks.objects}
        if self.is_new:
            return made
        kept = self._at(masks.frame_index)
        return {object_id: kept.get(object_id, seen) for object_id, seen in made.items()}

    def others(self, frame_index: int, object_ids: Sequence[ObjectId]) -> list[FrameEvidence]:
        """The run's evidence on a frame, of objects outside of the pass with the same direction on that frame."""
        if self.is_new or not object_ids:
            return []
        forward = self._is_forward(object_ids[0], frame_index)
        return [
            seen.evidence
            for object_id, seen in self._at(frame_index).items()
            if object_id not in self.one_pass.object_ids and self._is_forward(object_id, frame_index) is forward
        ]

    def _is_forward(self, object_id: ObjectId, frame_index: int) -> bool:
        return frame_index >= self._first_prompted(object_id)

    def _first_prompted(self, object_id: ObjectId) -> int:
        return min(self.prompts.of_object(object_id).prompted_frames)

    def _before_pass(self) -> Iterator[tuple[int, dict[ObjectId, ObjectEvidence]]]:
        """Each object's frames from its first prompted frame to the pass, frame by frame, in the pass's direction."""
        frames = self.one_pass.frames
        firsts = {object_id: self._first_prompted(object_id) for object_id in self.one_pass.object_ids}
        if self.one_pass.direction is not Direction.BACKWARD:
            for index in range(min(firsts.values()), frames.start):
                yield index, self._kept(index, [name for name, first in firsts.items() if first <= index])
        else:
            for index in range(max(firsts.values()), frames.stop - 1, -1):
                yield index, self._kept(index, [name for name, first in firsts.items() if first >= index])

    def _kept(self, frame_index: int, object_ids: Sequence[ObjectId]) -> dict[ObjectId, ObjectEvidence]:
        at_frame = self._at(frame_index)
        return {object_id: at_frame[object_id] for object_id in object_ids if object_id in at_frame}

    def _at(self, frame_index: int) -> Mapping[ObjectId, ObjectEvidence]:
        """The run's evidence on a frame, by object; read in windows of WINDOW frames."""
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
