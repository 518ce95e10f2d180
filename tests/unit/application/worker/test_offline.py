"""Propagation without a queue: every mask is written to the sink and counted in the summary."""

from __future__ import annotations

import pytest

from backend.application.worker.offline import OfflinePropagator
from backend.domain.errors import PromptError
from backend.domain.masklets import MaskletFrame, MaskOrigin
from backend.domain.prompts import ObjectId
from tests.fakes.clock import FakeClock
from tests.fakes.engine import FakeCodec, FakeSegmenter, FakeVideo
from tests.unit.application.builders import CAT, click_on


class ListSink:
    def __init__(self) -> None:
        self.put_frames: list[tuple[ObjectId, MaskletFrame]] = []

    def put(self, object_id: ObjectId, frame: MaskletFrame) -> None:
        self.put_frames.append((object_id, frame))


def test_every_frame_goes_to_the_sink() -> None:
    clock = FakeClock()
    sink = ListSink()
    shown: list[int] = []
    segmenter = FakeSegmenter(on_frame=lambda _: clock.advance(0.5))
    offline = OfflinePropagator(FakeVideo(6), segmenter, FakeCodec(), clock)
    summary = offline.propagate(click_on(2), sink, on_frame=shown.append)
    assert [(object_id, frame.frame_index) for object_id, frame in sink.put_frames] == [(CAT, n) for n in range(6)]
    assert [frame.origin is MaskOrigin.PROMPTED for _, frame in sink.put_frames] == [n == 2 for n in range(6)]
    assert shown == list(range(6))
    assert (summary.frames, summary.objects, summary.masks, summary.seconds) == (6, 1, 6, 3.0)
    assert summary.uncertainty == max(frame.uncertainty for _, frame in sink.put_frames)
    assert summary.worst_frame == 0


def test_a_mask_on_a_frame_that_does_not_decode_is_marked_and_uncertain() -> None:
    class DamagedVideo(FakeVideo):
        def is_undecodable(self, index: int) -> bool:
            return index in (2, 4)

    sink = ListSink()
    offline = OfflinePropagator(DamagedVideo(6), FakeSegmenter(), FakeCodec(), FakeClock())
    summary = offline.propagate(click_on(2), sink)
    assert [frame.frame_index for _, frame in sink.put_frames if frame.undecodable] == [2, 4]
    assert [frame.frame_index for _, frame in sink.put_frames if frame.uncertainty == 1.0] == [2, 4]
    assert summary.undecodable == (2, 4)


def test_a_prompt_past_the_end_is_refused_before_any_work() -> None:
    asked: list[int] = []
    offline = OfflinePropagator(FakeVideo(6), FakeSegmenter(on_frame=asked.append), FakeCodec(), FakeClock())
    with pytest.raises(PromptError, match="frame 6 is not in the video"):
        offline.propagate(click_on(6), ListSink())
    assert asked == []
