"""A propagation under way: where it stands, its next frame, and how it is set down and taken up again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from backend.adapters.sam2.evidence import MaskWithEvidence, finalize, resized_mask, with_mask
from backend.adapters.sam2.model.tensors import ImageFeatures
from backend.adapters.sam2.passes import FramePass
from backend.adapters.sam2.snapshot import Identity, PropagationState, dump_state
from backend.adapters.sam2.tracked_objects import TrackedMask
from backend.adapters.sam2.tracker import Tracker, Travel
from backend.application.ports.engine import CancelToken
from backend.application.ports.media import VideoSource
from backend.domain.geometry import FrameSize
from backend.domain.masklets import FrameMasks, MaskOrigin, ObjectFrame
from backend.domain.prompts import PromptSet
from backend.domain.video import FrameIndex


@dataclass(frozen=True, slots=True)
class PropagationInput:
    """What is to be carried where, and by whom."""

    tracker: Tracker
    video: VideoSource
    prompts: PromptSet
    passes: tuple[FramePass, ...]
    identity: Identity
    cancel: CancelToken


@dataclass(slots=True)
class Sam2Propagation:
    """See the Propagation port. standing: where an earlier one was set down; None: at the start."""

    order: PropagationInput
    standing: PropagationState | None = None
    _steps: Iterator[tuple[FrameIndex, list[TrackedMask]]] = field(init=False)

    def __post_init__(self) -> None:
        self._steps = self._walk()

    @property
    def total(self) -> int:
        return sum(len(leg) for leg in self.order.passes)

    @property
    def done(self) -> int:
        standing = self.standing
        if standing is None:
            return 0
        return sum(len(leg) for leg in self.order.passes[: standing.frame_pass]) + standing.passed

    def __iter__(self) -> Iterator[FrameMasks]:
        return self

    def __next__(self) -> FrameMasks:
        size = self.order.video.info.size
        frame_index, tracked = next(self._steps)
        with self.order.tracker.blocks.computing():
            return FrameMasks(frame_index, tuple(masks_with_evidence(tracked, size)))

    def tracked(self) -> Iterator[tuple[FrameIndex, list[TrackedMask]]]:
        """The rest of the way, before logits become masks."""
        return self._steps

    def snapshot(self) -> bytes:
        """See the Propagation port. Before the first frame, the prompts are answered first."""
        return dump_state(self._started(), self.order.identity)

    def _started(self) -> PropagationState:
        if self.standing is None:
            order = self.order
            self.standing = PropagationState(order.tracker.tracks(order.video, order.prompts, order.cancel))
            self._begin(self.standing)
        return self.standing

    def _begin(self, standing: PropagationState) -> None:
        """Make the tracks' memories ready for the leg that begins."""
        leg = self.order.passes[standing.frame_pass]
        for track in standing.tracks:
            if leg.backward:
                track.memory.turn()
            else:
                track.memory.start(leg.joins[track.object_id])

    def _walk(self) -> Iterator[tuple[FrameIndex, list[TrackedMask]]]:
        standing = self._started()
        frame_count = self.order.video.info.frame_count
        while True:
            leg = self.order.passes[standing.frame_pass]
            for frame_index, seen in self._frames(leg, standing):
                self.order.cancel.raise_if_cancelled()
                tracks = [track for track in standing.tracks if leg.has_joined(track.object_id, frame_index)]
                tracked = self.order.tracker.step(tracks, frame_index, seen, Travel(leg.backward, frame_count))
                standing.passed += 1
                yield frame_index, tracked
            if standing.frame_pass + 1 == len(self.order.passes):
                return
            standing.frame_pass, standing.passed = standing.frame_pass + 1, 0
            self._begin(standing)

    def _frames(self, leg: FramePass, standing: PropagationState) -> Iterator[tuple[FrameIndex, ImageFeatures | None]]:
        rest = leg.rest(standing.passed)
        if rest is None:
            return iter(())

        def is_needed(frame_index: int) -> bool:
            """Whether any object is carried to this frame; prompted ones were answered before."""
            return any(
                leg.has_joined(track.object_id, frame_index) and frame_index not in track.prompted
                for track in standing.tracks
            )

        supply = self.order.tracker.supply
        return supply.frames(self.order.video, rest, backward=leg.backward, is_needed=is_needed)


def masks_with_evidence(tracked: list[TrackedMask], size: FrameSize) -> list[ObjectFrame]:
    """Tracked masks as the port gives them: at the video's size, with their evidence."""
    judged = finalize([item.decoded for item in tracked], size)
    return [_object_frame(item, mask, size) for item, mask in zip(tracked, judged, strict=True)]


def _object_frame(item: TrackedMask, judged: MaskWithEvidence, size: FrameSize) -> ObjectFrame:
    origin = MaskOrigin.PROPAGATED if item.prompted is None else item.prompted.origin
    if item.prompted is not None and item.prompted.prompt.mask is not None:
        # What a person drew stays as it was drawn; SAM 2 sees it at its own resolution.
        judged = with_mask(judged, resized_mask(item.prompted.prompt.mask, size))
    return ObjectFrame(item.track.object_id, judged.mask, judged.evidence, origin)
