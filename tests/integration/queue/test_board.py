"""Bell, wishes, sights and marks through a real server, and what becomes of them without one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from redis import Redis

from backend.adapters.queue.signals import MOST_WISHES, WISHES, RedisNotifier, RedisPrewarmChannel, RedisSessionCursors
from backend.adapters.queue.valkey import EmbeddedValkey
from backend.application.ports.prewarm import MediaStatus, PrewarmRequest
from backend.domain.frame_times import FrameTimes
from backend.domain.geometry import FrameSize
from backend.domain.tasks import MediaRef
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

CLIP = MediaRef(("/data/clip.mp4",), is_pages=False)
PAGES = MediaRef(("/data/clip.mp4",), is_pages=True)
INFO = VideoInfo(
    ContentHash("ab" * 32), FrameSize(1920, 1080), 40, Fraction(30000, 1001), variable_rate=True, rotation=90
)
AWAY = "unix:///nowhere/valkey.sock"
LONG_S = 60.0


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedValkey(Path(tmp_path_factory.mktemp("valkey")))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture(autouse=True)
def empty(url: str) -> None:
    Redis.from_url(url).flushall()


class TestBell:
    def test_whoever_listens_is_woken_by_their_own_bell(self, url: str) -> None:
        bell = RedisNotifier(url)
        woken: list[bool] = []

        def listen() -> None:
            with bell.subscribed("i-1", lambda seconds: None) as wait:
                is_listening.set()
                wait(LONG_S)  # may end at once for the server's word that it listens
                wait(LONG_S)
                woken.append(True)

        is_listening = threading.Event()
        listener = threading.Thread(target=listen)
        listener.start()
        assert is_listening.wait(LONG_S)
        while listener.is_alive():
            bell.notify("i-2")
            bell.notify("i-1")
            listener.join(0.05)
        assert woken == [True]

    def test_without_a_server_waiting_is_as_it_was(self) -> None:
        waited: list[float] = []
        bell = RedisNotifier(AWAY)
        bell.notify("i-1")
        with bell.subscribed("i-1", waited.append) as wait:
            wait(0.004)
        assert waited == [0.004]

    def test_a_server_that_goes_while_one_waits(self, tmp_path: Path) -> None:
        server = EmbeddedValkey(tmp_path)
        server.start()
        waited: list[float] = []
        with RedisNotifier(server.url).subscribed("i-1", waited.append) as wait:
            server.stop()
            wait(0.01)
            wait(0.02)
        assert waited[-1] == 0.02


class TestWishes:
    def test_the_newest_is_taken_first_and_old_ones_are_dropped(self, url: str) -> None:
        board = RedisPrewarmChannel(url)
        for index in range(MOST_WISHES + 3):
            board.request(PrewarmRequest(PAGES, (FrameIndex(index), FrameIndex(0))))
        taken = [board.next_request(0.1) for _ in range(MOST_WISHES)]
        newest = MOST_WISHES + 2
        assert taken == [PrewarmRequest(PAGES, (FrameIndex(newest - n), FrameIndex(0))) for n in range(MOST_WISHES)]
        assert board.next_request(0.05) is None

    def test_a_wish_to_let_go(self, url: str) -> None:
        board = RedisPrewarmChannel(url)
        board.request(PrewarmRequest(CLIP, (), forget=True))
        assert board.next_request(1.0) == PrewarmRequest(CLIP, (), forget=True)

    @pytest.mark.parametrize("body", [b"", b"{", b"7", b"[1, 2]", b'[["a"], false, ["x"], false]', b"[3, 1, 1, 1]"])
    def test_what_is_no_wish_is_left_aside(self, url: str, body: bytes) -> None:
        Redis.from_url(url).lpush(WISHES, body)
        assert RedisPrewarmChannel(url).next_request(0.1) is None

    def test_without_a_server_nothing_is_asked_or_taken(self) -> None:
        board = RedisPrewarmChannel(AWAY)
        board.request(PrewarmRequest(CLIP, ()))
        assert board.next_request(0.01) is None


class TestSights:
    def test_times_come_back_to_the_tick(self, url: str) -> None:
        ticks = np.cumsum([7, *np.random.default_rng(1).integers(900, 18_000, 39)])
        info = replace(INFO, times=FrameTimes.of(ticks, Fraction(1, 90_000), end=int(ticks[-1]) + 3000))
        board = RedisPrewarmChannel(url)
        board.report(CLIP, MediaStatus(info, (3, 4)))
        seen = RedisPrewarmChannel(url).status(CLIP)
        assert seen is not None
        assert seen == MediaStatus(info, (3, 4))
        assert seen.timestamps_s == tuple((ticks / 90_000).tolist())

    def test_pages_and_a_video_of_one_address_are_two(self, url: str) -> None:
        board = RedisPrewarmChannel(url)
        board.report(CLIP, MediaStatus(INFO))
        assert board.status(PAGES) is None

    def test_trouble_is_soon_forgotten(self, url: str) -> None:
        board = RedisPrewarmChannel(url)
        board.report(CLIP, MediaStatus(None, error="MediaError: no"))
        assert board.status(CLIP) == MediaStatus(None, error="MediaError: no")
        (key,) = Redis.from_url(url).keys("masklet:sight:*")
        assert 0 < Redis.from_url(url).ttl(key) <= 5

    @pytest.mark.parametrize("body", [b"", b"nothing", b"\x78\x01\x03\x00\x00\x00\x00\x01"])
    def test_what_is_no_sight_reads_as_none(self, url: str, body: bytes) -> None:
        board = RedisPrewarmChannel(url)
        board.report(CLIP, MediaStatus(INFO))
        (key,) = Redis.from_url(url).keys("masklet:sight:*")
        Redis.from_url(url).set(key, body)
        assert board.status(CLIP) is None

    def test_without_a_server_nothing_is_seen(self) -> None:
        board = RedisPrewarmChannel(AWAY)
        board.report(CLIP, MediaStatus(INFO))
        assert board.status(CLIP) is None


class TestMarks:
    def test_a_mark_is_kept_for_a_while(self, url: str) -> None:
        marks = RedisSessionCursors(url)
        assert marks.cursor("s-1") is None
        marks.set_cursor("s-1", 42)
        assert (RedisSessionCursors(url).cursor("s-1"), marks.cursor("s-2")) == (42, None)
        assert 60 < Redis.from_url(url).ttl("masklet:session:s-1") <= 120

    def test_what_is_no_mark_reads_as_none(self, url: str) -> None:
        Redis.from_url(url).set("masklet:session:s-1", "far")
        assert RedisSessionCursors(url).cursor("s-1") is None

    def test_without_a_server_nothing_is_marked(self) -> None:
        marks = RedisSessionCursors(AWAY)
        marks.set_cursor("s-1", 3)
        assert marks.cursor("s-1") is None
