"""The prewarm loop: its frames, their order, and its yielding to jobs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Self

import pytest

from backend.application.ports.requests.prewarm import MediaStatus, PrewarmRequest, frame_hash, frames_around
from backend.application.worker.scheduling.engine_turns import EngineLock
from backend.application.worker.scheduling.prewarm_loop import PrewarmLoop
from backend.domain.errors import Cancelled, MediaError, MediaUnreachable
from backend.domain.geometry import RgbFrame
from backend.domain.tasks import MediaRef
from backend.domain.video import ContentHash, FrameIndex
from tests.fakes.engine import FakeMedia, FakeSegmenter, FakeVideo
from tests.fakes.eventually import eventually
from tests.fakes.fetches import FetchedMedia
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
        self.channel.request(PrewarmRequest(media, tuple(map(FrameIndex, frames)), forget, task=None))
        assert self.prewarm_loop.run_next(0.0)
        return self.channel.status(media)


def test_the_nearest_frames_come_first_and_none_is_negative() -> None:
    assert frames_around(5, 2) == (5, 6, 4, 7, 3)
    assert frames_around(1, 3) == (1, 2, 0, 3, 4)
    assert frames_around(4, 0) == (4,)


def test_a_request_is_run_and_reported() -> None:
    parts = Parts()
    status = parts.request(CLIP, 3, 4)
    assert status is not None
    assert (status.ready, status.info, len(status.timestamps_s)) == ((3, 4), FakeVideo().info, 10)
    assert not parts.prewarm_loop.run_next(0.0)


def test_a_request_without_frames_encodes_nothing() -> None:
    parts = Parts()
    status = parts.request(CLIP)
    assert status is not None
    assert (status.ready, parts.engine.warm) == ((), {})


class ListingChannel(FakePrewarmChannel):
    """Lists the encoded frames of every report."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: list[tuple[int, ...]] = []

    def report(self, media: MediaRef, sight: MediaStatus) -> None:
        self.reports.append(sight.ready)
        super().report(media, sight)


@pytest.mark.parametrize("media", [CLIP, PAGES])
def test_a_later_request_does_not_report_fewer_frames(media: MediaRef) -> None:
    channel = ListingChannel()
    parts = Parts(channel=channel)
    parts.request(media, 2, 3)
    channel.reports.clear()
    parts.request(media, 4)
    assert channel.reports == [(2, 3), (2, 3, 4)]


def test_frames_past_the_end_are_left_out() -> None:
    status = Parts().request(CLIP, 8, 9, 10, 11)
    assert status is not None
    assert status.ready == (8, 9)


def test_a_request_leaves_memory_for_the_next_click() -> None:
    parts = Parts()
    parts.engine.frames_kept = 4
    status = parts.request(CLIP, *range(9))
    assert status is not None
    assert status.ready == (0, 1, 2)


def test_each_page_is_opened_alone_as_for_a_click() -> None:
    parts = Parts()
    parts.request(PAGES, 2, 3, 9)
    assert parts.media.asked == [[2], [3]]


def test_unreadable_media_are_reported_and_the_next_request_runs() -> None:
    parts = Parts(media=FakeMedia(error=MediaError("clip.mp4 is not a video")))
    status = parts.request(CLIP, 1)
    assert status is not None
    assert (status.info, status.error) == (None, "MediaError: clip.mp4 is not a video")
    parts.media.error = ValueError("some library's surprise")
    status = parts.request(CLIP, 1)
    assert status is not None
    assert status.error == "ValueError: some library's surprise"
    parts.media.error = None
    status = parts.request(CLIP, 1)
    assert status is not None
    assert (status.ready, status.error) == ((1,), "")


def test_a_job_ends_prewarming_after_the_current_frame() -> None:
    parts = Parts()
    read_frames: list[int] = []
    real = FakeVideo.frame

    class RecordedVideo(FakeVideo):
        def frame(self, index: FrameIndex) -> RgbFrame:
            read_frames.append(index)
            if index == 4:
                parts.turns._working.set()
            return real(self, index)

    parts.media.video = RecordedVideo()
    parts.request(CLIP, 3, 4, 5, 6)
    assert read_frames == [3, 4]


def test_a_job_and_prewarming_exclude_each_other() -> None:
    turns = EngineLock()
    order: list[str] = []
    is_idle, may_end = threading.Event(), threading.Event()

    def idle() -> None:
        with turns.idle():
            is_idle.set()
            may_end.wait(120)
            order.append("idle")

    thread = threading.Thread(target=idle)
    thread.start()
    assert is_idle.wait(120)
    worker = threading.Thread(target=lambda: _work(turns, order))
    worker.start()
    eventually(turns._working.is_set)
    with pytest.raises(Cancelled), turns.idle():
        raise AssertionError("real work waits")
    may_end.set()
    thread.join(120)
    worker.join(120)
    assert order == ["idle", "work"]
    with turns.idle():
        order.append("idle again")


def _work(turns: EngineLock, order: list[str]) -> None:
    with turns.work():
        order.append("work")


def test_forget_drops_the_frames_and_reports_it() -> None:
    parts = Parts()
    parts.request(CLIP, 3, 4)
    status = parts.request(CLIP, forget=True)
    assert status is not None
    assert (status.ready, parts.engine.warm) == ((), {})


def test_forget_drops_pages() -> None:
    parts = Parts()
    parts.request(PAGES, 3)
    assert parts.engine.warm
    parts.request(PAGES, forget=True)
    assert not parts.engine.warm


def test_a_page_s_hash_does_not_depend_on_the_other_pages() -> None:
    class PageVideo(FakeVideo):
        def frame_hash(self, index: int) -> ContentHash:
            return ContentHash(f"page {index}")

        def __enter__(self) -> Self:
            return self

    assert frame_hash(PageVideo(), 3) == "page 3"
    assert frame_hash(FakeVideo(), 3) == HASH


def test_a_request_whose_media_are_on_their_way_leaves_its_place() -> None:
    media = FetchedMedia()
    media.slow = {"/data/slow.mp4"}
    slow = MediaRef(("/data/slow.mp4",), is_pages=False)
    parts = Parts(media=media)
    assert parts.request(slow, 1) is None
    sight = parts.request(CLIP, 3)
    assert sight is not None
    assert sight.ready == (3,)
    media.arrive()
    assert parts.prewarm_loop.run_next(0.0)
    sight = parts.channel.status(slow)
    assert sight is not None
    assert 1 in sight.ready
    assert not parts.prewarm_loop.run_next(0.0)


def test_a_request_whose_media_do_not_arrive_is_reported_once() -> None:
    media = FetchedMedia()
    media.slow = set(CLIP.addresses)
    parts = Parts(media=media)
    assert parts.request(CLIP, 1) is None
    media.fetches[0].error = MediaUnreachable("no answer")
    media.fetches[0].is_done = True
    assert parts.prewarm_loop.run_next(0.0)
    sight = parts.channel.status(CLIP)
    assert sight is not None
    assert sight.error == "MediaUnreachable: no answer"
    assert not parts.prewarm_loop.run_next(0.0)


def test_prewarming_waits_for_a_hover() -> None:
    turns = EngineLock()
    order: list[str] = []

    def idle() -> None:
        with turns.idle():
            order.append("idle")

    thread = threading.Thread(target=idle)
    with turns.hover():
        thread.start()
        thread.join(0.05)
        order.append("hover")
    thread.join(120)
    assert order == ["hover", "idle"]
