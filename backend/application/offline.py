"""Propagation without Label Studio and without a queue: a video and prompts in, masks handed to a sink.

The same engine, scoring and records as the worker's; only the ends differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from backend.application.mask_ports import MaskCodec
from backend.application.ports import CancelToken, Clock, Segmenter, VideoSource
from backend.application.shots import WatchedVideo
from backend.domain.calibration import Calibrator
from backend.domain.masklets import FrameMasks, MaskletFrame, ObjectFrame
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.scoring import Scorer, combined_uncertainty
from backend.domain.video import Direction, FrameIndex, FrameRange


class MaskSink(Protocol):
    """Takes one object's mask of one frame at a time, in the order they are made."""

    def put(self, object_id: ObjectId, frame: MaskletFrame) -> None: ...


class NeverCancelled:
    """A CancelToken for work that only Ctrl-C ends."""

    def raise_if_cancelled(self) -> None:
        return


@dataclass(frozen=True, slots=True)
class Offline:
    """The parts that an offline propagation needs, bound together."""

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
        span: FrameRange | None = None,
        on_frame: Callable[[FrameIndex], None] = lambda _: None,
    ) -> Summary:
        """Carry the prompts through the video; every mask goes to the sink.

        Raises PromptError for a prompt on a frame that the video does not have.
        """
        for prompt in prompts:
            self.video.info.require_frame(prompt.frame_index)
        started_s = self.clock.monotonic_s()
        tally, scorer = _Tally(), scorer_of(self.calibrator, prompts)
        watched = WatchedVideo(self.video)
        frames = self.segmenter.propagate(watched, prompts, direction=direction, span=span, cancel=self.cancel)
        for masks in frames:
            for object_id, frame in encoded(masks, self.codec, scorer):
                sink.put(object_id, frame)
                tally.add(frame)
            tally.frames += 1
            on_frame(masks.frame_index)
        summary = tally.summary(len(prompts.object_ids), self.clock.monotonic_s() - started_s)
        return replace(summary, cuts=tuple(FrameIndex(cut) for cut in sorted(watched.finder.cuts)))


@dataclass(frozen=True, slots=True)
class Summary:
    """What a propagation made. masks counts the ones that are not empty; worst_frame is None if nothing was made.

    cuts: the frames that begin a shot, ascending.
    """

    frames: int
    objects: int
    masks: int
    seconds: float
    uncertainty: float
    worst_frame: FrameIndex | None
    cuts: tuple[FrameIndex, ...] = ()


def scorer_of(calibrator: Calibrator | None, prompts: PromptSet) -> Scorer:
    """A scorer for one propagation of these prompts."""
    prompted = {object_id: prompts.of_object(object_id).prompted_frames for object_id in prompts.object_ids}
    return Scorer(calibrator, prompted)


def encoded(masks: FrameMasks, codec: MaskCodec, scorer: Scorer | None = None) -> list[tuple[ObjectId, MaskletFrame]]:
    """The storable form of one frame's masks, with their uncertainty; without a scorer it is a rank."""
    scorer = scorer or Scorer(None, {})
    return [
        (shown.object_id, masklet_frame(shown, masks.frame_index, codec, uncertainty))
        for shown, uncertainty in zip(masks.objects, scorer.score(masks), strict=True)
    ]


def masklet_frame(shown: ObjectFrame, frame_index: FrameIndex, codec: MaskCodec, uncertainty: float) -> MaskletFrame:
    """The storable form of one object's mask on one frame."""
    return MaskletFrame(frame_index, codec.encode(shown.mask), shown.evidence, shown.origin, uncertainty)


@dataclass(slots=True)
class _Tally:
    frames: int = 0
    masks: int = 0
    worst: MaskletFrame | None = None

    def add(self, frame: MaskletFrame) -> None:
        self.masks += frame.evidence.area_rel > 0
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
        )
