"""A pass that visits some frames only: the engine sees a video of these frames, with their positions as numbers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from backend.application.ports.engine import CancelToken, Propagation, Segmenter
from backend.application.ports.media import VideoSource
from backend.application.worker.frame_subset import FrameSubset
from backend.domain.masklets import FrameMasks
from backend.domain.prompts import PromptSet
from backend.domain.replan import Pass
from backend.domain.video import FrameIndex, FrameRange


def propagate_pass(
    segmenter: Segmenter,
    video: VideoSource,
    prompts: PromptSet,
    one: Pass,
    *,
    cancel: CancelToken,
    resume: bytes | None = None,
) -> Propagation:
    """The pass of these prompts, see Segmenter.propagate. The memory's window counts visited frames.

    Raises SnapshotMismatch for a snapshot of other visited frames, too.
    """
    if one.visited is None:
        return segmenter.propagate(
            video, prompts, direction=one.direction, frame_range=one.frames, cancel=cancel, resume=resume
        )
    visited = [FrameIndex(frame) for frame in one.visited]
    start, stop = (bisect_left(visited, bound) for bound in (one.frames.start, one.frames.stop))
    propagation = segmenter.propagate(
        FrameSubset(video, visited),
        _by_position(prompts, visited),
        direction=one.direction,
        frame_range=FrameRange(FrameIndex(start), FrameIndex(stop)),
        cancel=cancel,
        resume=resume,
    )
    return _VisitedPropagation(propagation, visited)


def _by_position(prompts: PromptSet, visited: Sequence[FrameIndex]) -> PromptSet:
    """The prompts with positions in `visited` for frames. Every prompted frame is visited."""
    moved = (replace(each, frame_index=FrameIndex(bisect_left(visited, each.frame_index))) for each in prompts)
    return PromptSet.of(moved, prompts.labels)


@dataclass(frozen=True, slots=True)
class _VisitedPropagation:
    """A Propagation of the visited frames, with the video's own frame numbers."""

    propagation: Propagation
    visited: Sequence[FrameIndex]

    @property
    def total(self) -> int:
        return self.propagation.total

    @property
    def done(self) -> int:
        return self.propagation.done

    def __iter__(self) -> Iterator[FrameMasks]:
        return self

    def __next__(self) -> FrameMasks:
        masks = next(self.propagation)
        return replace(masks, frame_index=self.visited[masks.frame_index])

    def snapshot(self) -> bytes:
        return self.propagation.snapshot()
