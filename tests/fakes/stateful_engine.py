"""An engine whose masks depend on all earlier frames: after a wrong resume the masks differ."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator

import numpy as np

from backend.application.ports.engine import CancelToken, Propagation
from backend.application.ports.media import VideoSource
from backend.domain.errors import SnapshotMismatch
from backend.domain.geometry import Point, box_of_mask
from backend.domain.jobs import ModelInfo
from backend.domain.masklets import FrameEvidence, FrameMasks, MaskOrigin, ObjectFrame, origin_of
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.replan import Pass, total_frames, wanted_frames
from backend.domain.video import Direction, FrameIndex, FrameRange
from tests.fakes.engine import SIZE

Step = tuple[int, tuple[ObjectId, ...]]


class StatefulSegmenter:
    """A Segmenter with the real engine's order of frames; each mask is a hash of its object's past.

    on_frame runs before each frame. made: (frame, object) of every mask, in order.
    """

    def __init__(self, on_frame: Callable[[int], None] = lambda _: None) -> None:
        self.on_frame = on_frame
        self.made: list[tuple[int, ObjectId]] = []
        self.passes: list[Pass] = []

    @property
    def model(self) -> ModelInfo:
        return ModelInfo("fake", "masklet-fake-00000000", 16, "cpu", is_demo=False)

    def segment(self, video: VideoSource, prompts: PromptSet, frame_index: FrameIndex) -> FrameMasks:
        self.on_frame(frame_index)
        shown = (drawn(i, frame_index, _hash(prompts.of_object(i).digest()), prompts) for i in prompts.object_ids)
        return FrameMasks(frame_index, tuple(shown))

    def propagate(
        self,
        video: VideoSource,
        prompts: PromptSet,
        *,
        direction: Direction,
        frame_range: FrameRange | None = None,
        cancel: CancelToken,
        resume: bytes | None = None,
    ) -> Propagation:
        frames = frame_range or FrameRange(FrameIndex(0), FrameIndex(video.info.frame_count))
        one = Pass(prompts.object_ids, direction, frames)
        self.passes.append(one)
        return StatefulPropagation(self, prompts, one, cancel, resume)


class StatefulPropagation:
    """A Propagation whose state is one hash per object."""

    def __init__(
        self,
        engine: StatefulSegmenter,
        prompts: PromptSet,
        one: Pass,
        cancel: CancelToken,
        resume: bytes | None,
    ) -> None:
        self._engine, self._prompts, self._cancel = engine, prompts, cancel
        self._key = f"{prompts.digest()} {one.direction} {one.frames.start} {one.frames.stop}"
        self._steps = list(_steps(one, prompts))
        self._past = {object_id: _hash(prompts.of_object(object_id).digest()) for object_id in prompts.object_ids}
        self.total = total_frames(one, prompts)
        self.done = 0
        if resume is not None:
            self._restore(resume)

    def __iter__(self) -> Iterator[FrameMasks]:
        return self

    def __next__(self) -> FrameMasks:
        if self.done == len(self._steps):
            raise StopIteration
        self._cancel.raise_if_cancelled()
        frame, objects = self._steps[self.done]
        self._engine.on_frame(frame)
        shown = []
        for object_id in objects:
            self._past[object_id] = _hash(f"{self._past[object_id]} {frame}")
            shown.append(drawn(object_id, frame, self._past[object_id], self._prompts))
            self._engine.made.append((frame, object_id))
        self.done += 1
        return FrameMasks(FrameIndex(frame), tuple(shown))

    def snapshot(self) -> bytes:
        return json.dumps({"key": self._key, "done": self.done, "past": self._past}).encode()

    def _restore(self, resume: bytes) -> None:
        try:
            state = json.loads(resume)
        except ValueError as error:
            raise SnapshotMismatch("the snapshot is damaged: start the propagation afresh") from error
        if state["key"] != self._key:
            raise SnapshotMismatch("the snapshot is of another propagation: start it afresh")
        self.done = state["done"]
        self._past = {ObjectId(object_id): past for object_id, past in state["past"].items()}


def drawn(object_id: ObjectId, frame: int, past: str, prompts: PromptSet) -> ObjectFrame:
    """The mask and evidence of this past; a mask drawn by a person is returned unchanged."""
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(past), np.uint8))[: SIZE.height * SIZE.width]
    mask = np.resize(bits, (SIZE.height, SIZE.width)).astype(np.bool_)
    prompted = prompts.of_object(object_id).on_frame(frame)
    origin = origin_of(prompted[0]) if prompted else MaskOrigin.PROPAGATED
    if prompted and prompted[0].mask is not None:
        mask = prompted[0].mask
    numbers = [int(past[start : start + 4], 16) / 65536 for start in range(0, 20, 4)]
    evidence = FrameEvidence(
        predicted_ious=tuple(numbers[:3]),
        presence_logit=numbers[3] * 4 - 1,
        stability=numbers[0],
        soft_iou=numbers[4],
        area_rel=float(mask.mean()),
        centroid=Point(numbers[0], numbers[1]),
        box=box_of_mask(mask),
        components=1,
        embedding=(math.cos(numbers[2]), math.sin(numbers[2])),
    )
    return ObjectFrame(object_id, mask, evidence, origin)


def _steps(one: Pass, prompts: PromptSet) -> Iterator[Step]:
    """Frames in the real engine's order, each with the objects that come with it."""
    first = {object_id: min(prompts.of_object(object_id).prompted_frames) for object_id in one.object_ids}
    direction = one.direction
    forward = {i: wanted_frames(first[i], direction=Direction.FORWARD, requested=one.frames) for i in one.object_ids}
    wanted = {i: wanted_frames(first[i], direction=direction, requested=one.frames) for i in one.object_ids}
    if direction is Direction.BACKWARD:
        forward = dict.fromkeys(one.object_ids, range(0))
    frame_range = range(one.frames.start, one.frames.stop)
    yield from _steps_of(frame_range, forward)
    if direction is not Direction.FORWARD:
        rest = {i: range(wanted[i].start, forward[i].start if forward[i] else wanted[i].stop) for i in one.object_ids}
        yield from _steps_of(reversed(frame_range), rest)


def _steps_of(frames: Iterator[int] | range, wanted: dict[ObjectId, range]) -> Iterator[Step]:
    for frame in frames:
        prompted = tuple(object_id for object_id, own in wanted.items() if frame in own)
        if prompted:
            yield frame, prompted


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
