"""Cuts are detected while a video is decoded for a propagation, and stored by its content hash."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.application.ports.engine import CancelToken, Propagation
from backend.application.ports.media import VideoSource
from backend.application.review.next_frames import ReviewFrame, ReviewVideo
from backend.application.worker.job_runner import JobRunner
from backend.application.worker.shot_cuts import CutDetectingVideo, known_cuts, remember_cuts
from backend.domain.geometry import RgbFrame
from backend.domain.jobs import JobState
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import PromptSet
from backend.domain.shots import CutDetector
from backend.domain.uncertainty.prioritization import Policy, settled_share
from backend.domain.video import ContentHash, Direction, FrameIndex, FrameRange
from tests.fakes.engine import SIZE, FakeMedia, FakePropagation, FakeSegmenter, FakeVideo
from tests.fakes.key_value import MemoryKeyValueStore
from tests.unit.application.worker.test_propagate import CAT, FRAMES, Worker, clicks

VIDEO = ContentHash("ab" * 32)
CUT = 7


class TwoShots(FakeVideo):
    """Black, and white from frame 7 on."""

    def frame(self, index: FrameIndex) -> RgbFrame:
        return np.full((SIZE.height, SIZE.width, 3), 255 if index >= CUT else 0, np.uint8)


class ReadingSegmenter(FakeSegmenter):
    """Reads the video's frames while it propagates, as the real segmenter does."""

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
        frame_range = frame_range or FrameRange(FrameIndex(0), FrameIndex(video.info.frame_count))
        frames = (self._masks(prompts, index) for index, _ in video.frames(frame_range))
        return FakePropagation(frames, frame_range.stop - frame_range.start)


class CutWorker(Worker):
    def __init__(self) -> None:
        super().__init__()
        self.media = FakeMedia(TwoShots(FRAMES))
        self.key_values = MemoryKeyValueStore()

    def setup(self, max_attempts: int = 3) -> JobRunner:
        return replace(super().setup(max_attempts), segmenter=ReadingSegmenter(), key_values=self.key_values)


def test_a_propagation_stores_the_cuts() -> None:
    worker = CutWorker()
    job = worker.attempt(worker.submit(clicks((CAT, 2, 0.5))).job_id)
    assert job.state is JobState.DONE
    assert known_cuts(worker.key_values, worker.media.video.info.content_hash) == (CUT,)


def test_frames_are_unchanged_and_single_frames_not_compared() -> None:
    cut_video = CutDetectingVideo(TwoShots(FRAMES))
    cut_video.frame(FrameIndex(6))
    cut_video.frame(FrameIndex(7))
    assert cut_video.finder.frames_read == set()
    frame_range = FrameRange(FrameIndex(5), FrameIndex(9))
    assert [int(index) for index, _ in cut_video.frames(frame_range, backward=True)] == [8, 7, 6, 5]
    assert cut_video.finder.cuts == {CUT}


def test_newly_compared_frames_replace_known_cuts() -> None:
    key_values = MemoryKeyValueStore()
    assert known_cuts(key_values, VIDEO) == ()
    remember_cuts(key_values, VIDEO, CutDetector({3, 9}, {1, 2, 3, 9}))
    remember_cuts(key_values, VIDEO, CutDetector({12}, {3, 12}))
    assert known_cuts(key_values, VIDEO) == (9, 12)
    remember_cuts(key_values, VIDEO, CutDetector(set(), set()))
    assert known_cuts(key_values, VIDEO) == (9, 12)


@pytest.mark.parametrize("body", [b"{", b'{"cuts": [1]}', b'{"cuts": 1, "looked": []}'])
def test_a_damaged_record_is_ignored(body: bytes) -> None:
    key_values = MemoryKeyValueStore()
    key_values.write(f"shots/{VIDEO}", body)
    assert known_cuts(key_values, VIDEO) == ()


def test_a_correction_settles_no_frame_across_a_cut() -> None:
    frames = tuple(ReviewFrame(FrameIndex(i), 0.9 if i else 0.0, MaskOrigin.PROPAGATED) for i in range(FRAMES))
    video = ReviewVideo("clip", FRAMES, 24.0, "m", {CAT: frames}, cuts=(CUT,))
    curve = video.curve()
    assert curve.shots is not None
    assert curve.shots.tolist() == [0] * CUT + [1] * (FRAMES - CUT)
    settled = settled_share(curve, Policy())
    assert settled[1, CUT - 1] > 0
    assert settled[1, CUT] == 0
    assert replace(video, cuts=()).curve().shots is None


def test_a_full_disk_loses_only_the_cuts(caplog: pytest.LogCaptureFixture) -> None:
    class Full(MemoryKeyValueStore):
        def write(self, name: str, body: bytes) -> None:
            raise OSError(28, "No space left on device")

    remember_cuts(Full(), VIDEO, CutDetector({3}, {3}))
    assert "are not stored: No space left on device" in caplog.text
