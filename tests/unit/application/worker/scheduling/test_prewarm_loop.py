"""Looking ahead: which frames, in what order, and that it gives way."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Self

import pytest

from backend.application.ports.prewarm import MediaStatus, PrewarmRequest, frame_hash, frames_around
from backend.application.worker.scheduling.engine_turns import EngineLock
from backend.application.worker.scheduling.prewarm_loop import PrewarmLoop
from backend.domain.errors import Cancelled, MediaError
from backend.domain.geometry import RgbFrame
from backend.domain.tasks import MediaRef
from backend.domain.video import ContentHash, FrameIndex
from tests.fakes.engine import FakeMedia, FakeSegmenter, FakeVideo
from tests.fakes.prewarm import FakePrewarmChannel

CLIP = MediaRef(("/data/clip.mp4",), is_pages=False)
PAGES = MediaRef(tuple(f"/data/{page}.png" for page in range(5)), is_pages=True)
HASH = FakeVideo().info.content_hash


@dataclass
class Parts:
    media: FakeMedia = field(default_factory=FakeMedia)
    engine: FakeSegmenter = field(default_factory=FakeSegmenter)
    turns: EngineLock = field(default_factory=EngineLock)
    channel: FakePrewarmChannel = field(default_factory=FakePrewarmChannel)

    def __post_init__(self) -> None:
        self.prewarm_loop = PrewarmLoop(self.channel, self.media, self.engine, self.turns)

    def request(self, media: MediaRef, *frames: int, forget: bool = False) -> MediaStatus | None:
        self.channel.request(PrewarmRequest(media, tuple(map(FrameIndex, frames)), forget))
        assert self.prewarm_loop.run_next(0.0)
        return self.channel.status(media)


def test_the_nearest_frames_come_first_and_none_is_below_zero() -> None:
    assert frames_around(5, 2) == (5, 6, 4, 7, 3)
    assert frames_around(1, 3) == (1, 2, 0, 3, 4)
    assert frames_around(4, 0) == (4,)


def test_a_request_is_run_and_reported() -> None:
    parts = Parts()
    sight = parts.request(CLIP, 3, 4)
    assert sight is not None
    assert (sight.ready, sight.info, len(sight.timestamps_s)) == ((3, 4), FakeVideo().info, 10)
    assert not parts.prewarm_loop.run_next(0.0)


def test_a_look_alone_encodes_nothing() -> None:
    parts = Parts()
    sight = parts.request(CLIP)
    assert sight is not None
    assert (sight.ready, parts.engine.warm) == ((), {})


def test_frames_past_the_end_are_left_out() -> None:
    sight = Parts().request(CLIP, 8, 9, 10, 11)
    assert sight is not None
    assert sight.ready == (8, 9)


def test_no_more_than_fits_beside_the_next_click() -> None:
    parts = Parts()
    parts.engine.frames_kept = 4
    sight = parts.request(CLIP, *range(9))
    assert sight is not None
    assert sight.ready == (0, 1, 2)


def test_a_page_is_opened_by_itself_as_a_click_on_it_opens_it() -> None:
    parts = Parts()
    parts.request(PAGES, 2, 3, 9)
    assert parts.media.asked == [[2], [3]]


def test_unreadable_media_are_reported_and_the_next_request_runs() -> None:
    parts = Parts(media=FakeMedia(error=MediaError("clip.mp4 is not a video")))
    sight = parts.request(CLIP, 1)
    assert sight is not None
    assert (sight.info, sight.error) == (None, "MediaError: clip.mp4 is not a video")
    parts.media.error = ValueError("some library's surprise")
    sight = parts.request(CLIP, 1)
    assert sight is not None
    assert sight.error == "ValueError: some library's surprise"
    parts.media.error = None
    sight = parts.request(CLIP, 1)
    assert sight is not None
    assert (sight.ready, sight.error) == ((1,), "")


def test_real_work_ends_it_after_the_frame_at_hand() -> None:
    parts = Parts()
    seen: list[int] = []
    real = FakeVideo.frame

    class Watched(FakeVideo):
        def frame(self, index: FrameIndex) -> RgbFrame:
            seen.append(index)
            if index == 4:
                parts.turns._working.set()
            return real(self, index)

    parts.media.video = Watched()
    parts.request(CLIP, 3, 4, 5, 6)
    assert seen == [3, 4]


def test_real_work_has_the_engine_for_itself() -> None:
    turns = EngineLock()
    order: list[str] = []
    is_in, may_leave = threading.Event(), threading.Event()

    def idle() -> None:
        with turns.idle():
            is_in.set()
            may_leave.wait(120)
            order.append("idle")

    thread = threading.Thread(target=idle)
    thread.start()
    assert is_in.wait(120)
    worker = threading.Thread(target=lambda: _work(turns, order))
    worker.start()
    while not turns._working.is_set():
        pass
    with pytest.raises(Cancelled), turns.idle():
        raise AssertionError("real work waits")
    may_leave.set()
    thread.join(120)
    worker.join(120)
    assert order == ["idle", "work"]
    with turns.idle():
        order.append("idle again")


def _work(turns: EngineLock, order: list[str]) -> None:
    with turns.work():
        order.append("work")


def test_letting_go_frees_the_frames_and_says_so() -> None:
    parts = Parts()
    parts.request(CLIP, 3, 4)
    sight = parts.request(CLIP, forget=True)
    assert sight is not None
    assert (sight.ready, parts.engine.warm) == ((), {})


def test_letting_go_of_pages() -> None:
    parts = Parts()
    parts.request(PAGES, 3)
    assert parts.engine.warm
    parts.request(PAGES, forget=True)
    assert not parts.engine.warm


def test_a_page_is_itself_in_any_company() -> None:
    class Paged(FakeVideo):
        def frame_hash(self, index: int) -> ContentHash:
            return ContentHash(f"page {index}")

        def __enter__(self) -> Self:
            return self

    assert frame_hash(Paged(), 3) == "page 3"
    assert frame_hash(FakeVideo(), 3) == HASH
