"""Propagation without Label Studio, ledger or queue: a video and prompts in, masks to a sink.

Engine, scoring and mask records are the worker's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from backend.application.ports.clock import Clock
from backend.application.ports.engine import CancelToken, NeverCancelled, Segmenter
from backend.application.ports.masks import MaskCodec
from backend.application.ports.media import VideoSource
from backend.application.worker.mask_records import encoded, scorer_of
from backend.application.worker.shot_cuts import CutDetectingVideo
from backend.domain.masklets import MaskletFrame
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.uncertainty.calibration import Calibrator
from backend.domain.uncertainty.scoring import combined_uncertainty
from backend.domain.video import Direction, FrameIndex, FrameRange


class MaskSink(Protocol):
    """Takes one object's mask of one frame at a time, in engine order."""

    def put(self, object_id: ObjectId, frame: MaskletFrame) -> None: ...


@dataclass(frozen=True, slots=True)
class OfflinePropagator:
    """An offline propagation's video, engine and other parts."""

    video: VideoSource
    segmenter: Segmenter
    codec: MaskCodec
    clock: Clock
    cancel: CancelToken = field(default_factory=NeverCancelled)
    calibrator: Calibrator | None = None

    def propagate(
        self,
        prompts: PromptSet,
        sink: MaskSink,
        *,
        direction: Direction = Direction.BOTH,
        requested: FrameRange | None = None,
        on_frame: Callable[[FrameIndex], None] = lambda _: None,
    ) -> Summary:
        """Propagates the prompts through the video; every mask goes to the sink.

        Raises PromptError for a prompt past the end of the video.
        """
        for prompt in prompts:
            self.video.info.require_frame(prompt.frame_index)
        started_s = self.clock.monotonic_s()
        tally, scorer = _Tally(), scorer_of(self.calibrator, prompts)
        cut_video = CutDetectingVideo(self.video)
        frames = self.segmenter.propagate(
            cut_video, prompts, direction=direction, frame_range=requested, cancel=self.cancel
        )
        for masks in frames:
            for object_id, frame in encoded(masks, cut_video, self.codec, scorer):
                sink.put(object_id, frame)
                tally.add(frame)
            tally.frames += 1
            on_frame(masks.frame_index)
        summary = tally.summary(len(prompts.object_ids), self.clock.monotonic_s() - started_s)
        return replace(summary, cuts=tuple(FrameIndex(cut) for cut in sorted(cut_video.finder.cuts)))


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of a propagation. masks: those that are not empty. worst_frame: None without a mask.

    cuts: first frames of shots, ascending. undecodable: frames with masks that do not decode, ascending.
    """

    frames: int
    objects: int
    masks: int
    seconds: float
    uncertainty: float
    worst_frame: FrameIndex | None
    cuts: tuple[FrameIndex, ...] = ()
    undecodable: tuple[FrameIndex, ...] = ()


@dataclass(slots=True)
class _Tally:
    frames: int = 0
    masks: int = 0
    worst: MaskletFrame | None = None
    undecodable: set[FrameIndex] = field(default_factory=set)

    def add(self, frame: MaskletFrame) -> None:
        self.masks += frame.evidence.area_rel > 0
        if frame.undecodable:
            self.undecodable.add(frame.frame_index)
        if self.worst is None or frame.uncertainty > self.worst.uncertainty:
            self.worst = frame

    def summary(self, objects: int, seconds: float) -> Summary:
        worst = self.worst
        return Summary(
            self.frames,
            objects,
            self.masks,
            seconds,
            combined_uncertainty([worst.uncertainty] if worst else []),
            worst.frame_index if worst else None,
            undecodable=tuple(sorted(self.undecodable)),
        )
