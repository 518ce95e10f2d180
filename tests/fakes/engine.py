"""A video, a segmenter, a mask codec and a detector without a model. The mask's column is the frame's index."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from fractions import Fraction

import numpy as np

from backend.application.ports.engine import CancelToken, Propagation
from backend.application.ports.frame_by_frame import FrameByFrame
from backend.application.ports.media import VideoSource
from backend.domain.detections import Detection, distinct_detections
from backend.domain.errors import MediaError, SnapshotMismatch
from backend.domain.geometry import FrameSize, RgbFrame, box_of_mask
from backend.domain.jobs import ModelInfo
from backend.domain.masklets import EncodedMask, FrameEvidence, FrameMasks, MaskOrigin, ObjectFrame
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import ContentHash, Direction, FrameIndex, FrameRange, VideoInfo

SIZE = FrameSize(16, 8)


class FakeVideo(FrameByFrame):
    """A VideoSource of black frames."""

    def __init__(self, frame_count: int = 10, content: str = "ab") -> None:
        super().__init__(VideoInfo(ContentHash(content * 32), SIZE, frame_count, Fraction(25)))

    def frame(self, index: FrameIndex) -> RgbFrame:
        self._info.require_frame(index)
        return np.zeros((SIZE.height, SIZE.width, 3), np.uint8)


class FakeMedia:
    """A MediaLibrary that opens one video for every address, or raises."""

    def __init__(self, video: FakeVideo | None = None, error: Exception | None = None) -> None:
        self.video = video or FakeVideo()
        self.error = error
        self.opened: list[MediaRef] = []
        self.asked: list[list[FrameIndex] | None] = []
        self.tasks: list[TaskKey | None] = []

    def open(
        self, media: MediaRef, *, task: TaskKey | None = None, frames: Collection[FrameIndex] | None = None
    ) -> VideoSource:
        self.opened.append(media)
        self.tasks.append(task)
        self.asked.append(None if frames is None else sorted(frames))
        if self.error is not None:
            raise self.error
        return self.video


class FakeSegmenter:
    """A Segmenter whose mask on frame f covers column f of the frame; on_frame runs before each frame.

    The frames come in ascending order in every direction, each with every object.
    """

    def __init__(self, on_frame: Callable[[int], None] = lambda _: None) -> None:
        self.on_frame = on_frame
        self.warm: dict[ContentHash, set[int]] = {}
        self.frames_kept = 8

    @property
    def model(self) -> ModelInfo:
        return ModelInfo("fake", "masklet-fake-00000000", 16, "cpu", is_demo=False)

    def segment(self, video: VideoSource, prompts: PromptSet, frame_index: FrameIndex) -> FrameMasks:
        if frame_index not in self.warm.get(video.info.content_hash, ()):
            video.frame(frame_index)
        self.on_frame(frame_index)
        return self._masks(prompts, frame_index)

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
        indices = range(video.info.frame_count) if frame_range is None else range(frame_range.start, frame_range.stop)
        return FakePropagation(self._frames(indices[_done(resume) :], prompts, cancel), len(indices), resume)

    def _frames(self, indices: range, prompts: PromptSet, cancel: CancelToken) -> Iterator[FrameMasks]:
        if not prompts:
            raise MediaError("nothing to propagate")
        for index in indices:
            cancel.raise_if_cancelled()
            self.on_frame(index)
            yield self._masks(prompts, FrameIndex(index))

    def prewarm(self, video: VideoSource, frames: Sequence[FrameIndex], *, cancel: CancelToken) -> tuple[int, ...]:
        ready = self.warm.setdefault(video.info.content_hash, set())
        for index in frames:
            cancel.raise_if_cancelled()
            video.frame(index)
            ready.add(index)
        return tuple(sorted(ready))

    def forget(self, video: ContentHash) -> None:
        self.warm.pop(video, None)

    def _masks(self, prompts: PromptSet, index: FrameIndex) -> FrameMasks:
        mask = np.zeros((SIZE.height, SIZE.width), np.bool_)
        mask[:, index % SIZE.width] = True
        evidence = FrameEvidence((0.9, 0.5, 0.1), 5.0, 1.0, 0.9, float(mask.mean()), None, box_of_mask(mask), 1)
        prompted = {(prompt.object_id, prompt.frame_index) for prompt in prompts}
        shown = (self._object(object_id, mask, evidence, (object_id, index) in prompted) for object_id in _ids(prompts))
        return FrameMasks(index, tuple(shown))

    @staticmethod
    def _object(
        object_id: ObjectId, mask: np.typing.NDArray[np.bool_], evidence: FrameEvidence, prompted: bool
    ) -> ObjectFrame:
        origin = MaskOrigin.PROMPTED if prompted else MaskOrigin.PROPAGATED
        return ObjectFrame(object_id, mask, evidence, origin)


class FakePropagation:
    """A Propagation over any frames; its snapshot is the number of frames done."""

    def __init__(self, frames: Iterator[FrameMasks], total: int, resume: bytes | None = None) -> None:
        self._frames = frames
        self.total = total
        self.done = _done(resume)

    def __iter__(self) -> Iterator[FrameMasks]:
        return self

    def __next__(self) -> FrameMasks:
        masks = next(self._frames)
        self.done += 1
        return masks

    def snapshot(self) -> bytes:
        return b"fake %d" % self.done


class FakeCodec:
    """A MaskCodec that keeps the packed bits as text."""

    def encode(self, mask: np.typing.NDArray[np.bool_]) -> EncodedMask:
        return EncodedMask(mask.shape[0], mask.shape[1], np.packbits(mask).tobytes().hex())

    def decode(self, encoded: EncodedMask) -> np.typing.NDArray[np.bool_]:
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(encoded.counts), np.uint8))
        return bits[: encoded.height * encoded.width].reshape(encoded.height, encoded.width).astype(np.bool_)


def _done(resume: bytes | None) -> int:
    """Frames done before a resume. Raises SnapshotMismatch."""
    if resume is None:
        return 0
    word, _, number = resume.partition(b" ")
    if word != b"fake" or not number.isdigit():
        raise SnapshotMismatch("the snapshot is damaged: start the propagation afresh")
    return int(number)


def _ids(prompts: PromptSet) -> tuple[ObjectId, ...]:
    return prompts.object_ids


class FakeDetector:
    """A Detector that finds what was put into `found`, by text. asked: (text, width, height) of each call."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[Detection, ...]] = {}
        self.asked: list[tuple[str, int, int]] = []

    def detect(self, picture: RgbFrame, text: str, *, least_score: float | None = None) -> tuple[Detection, ...]:
        height, width = picture.shape[:2]
        self.asked.append((text, width, height))
        least = 0.0 if least_score is None else least_score
        return distinct_detections(each for each in self.found.get(text, ()) if each.score >= least)
