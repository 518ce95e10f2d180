"""Prewarm requests, media status and cursors, with and without a real server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from redis import Redis

from backend.adapters.queue.signals import (
    MAX_REQUESTS,
    REQUESTS_KEY,
    RedisPrewarmChannel,
    RedisSessionCursors,
)
from backend.adapters.queue.valkey import EmbeddedValkey
from backend.application.ports.requests.prewarm import MediaStatus, PrewarmRequest
from backend.domain.frame_times import FrameTimes
from backend.domain.geometry import FrameSize
from backend.domain.tasks import MediaRef
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

CLIP = MediaRef(("/data/clip.mp4",), is_pages=False)
PAGES = MediaRef(("/data/clip.mp4",), is_pages=True)
INFO = VideoInfo(
    ContentHash("ab" * 32), FrameSize(1920, 1080), 40, Fraction(30000, 1001), variable_rate=True, rotation=90
)
NO_SERVER = "unix:///nowhere/valkey.sock"
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


class TestRequests:
    def test_the_newest_is_taken_first_and_old_ones_are_dropped(self, url: str) -> None:
        channel = RedisPrewarmChannel(url)
        for index in range(MAX_REQUESTS + 3):
            channel.request(PrewarmRequest(PAGES, (FrameIndex(index), FrameIndex(0)), task=None))
        taken = [channel.next_request(0.1) for _ in range(MAX_REQUESTS)]
        newest = MAX_REQUESTS + 2
        assert taken == [
            PrewarmRequest(PAGES, (FrameIndex(newest - n), FrameIndex(0)), task=None) for n in range(MAX_REQUESTS)
        ]
        assert channel.next_request(0.05) is None

    def test_a_request_to_forget(self, url: str) -> None:
        channel = RedisPrewarmChannel(url)
        channel.request(PrewarmRequest(CLIP, (), forget=True, task=None))
        assert channel.next_request(1.0) == PrewarmRequest(CLIP, (), forget=True, task=None)

    @pytest.mark.parametrize("body", [b"", b"{", b"7", b"[1, 2]", b'[["a"], false, ["x"], false]', b"[3, 1, 1, 1]"])
    def test_an_invalid_request_is_ignored(self, url: str, body: bytes) -> None:
        Redis.from_url(url).lpush(REQUESTS_KEY, body)
        assert RedisPrewarmChannel(url).next_request(0.1) is None

    def test_without_a_server_there_is_no_request(self) -> None:
        channel = RedisPrewarmChannel(NO_SERVER)
        channel.request(PrewarmRequest(CLIP, (), task=None))
        assert channel.next_request(0.01) is None


class TestMediaStatus:
    def test_times_come_back_to_the_tick(self, url: str) -> None:
        ticks = np.cumsum([7, *np.random.default_rng(1).integers(900, 18_000, 39)])
        info = replace(INFO, times=FrameTimes.of(ticks, Fraction(1, 90_000), end=int(ticks[-1]) + 3000))
        channel = RedisPrewarmChannel(url)
        channel.report(CLIP, MediaStatus(info, (3, 4)))
        status = RedisPrewarmChannel(url).status(CLIP)
        assert status is not None
        assert status == MediaStatus(info, (3, 4))
        assert status.timestamps_s == tuple((ticks / 90_000).tolist())

    def test_pages_and_a_video_of_one_address_differ(self, url: str) -> None:
        channel = RedisPrewarmChannel(url)
        channel.report(CLIP, MediaStatus(INFO))
        assert channel.status(PAGES) is None

    def test_an_error_expires_soon(self, url: str) -> None:
        channel = RedisPrewarmChannel(url)
        channel.report(CLIP, MediaStatus(None, error="MediaError: no"))
        assert channel.status(CLIP) == MediaStatus(None, error="MediaError: no")
        (key,) = Redis.from_url(url).keys("masklet:sight:*")
        assert 0 < Redis.from_url(url).ttl(key) <= 5

    @pytest.mark.parametrize("body", [b"", b"nothing", b"\x78\x01\x03\x00\x00\x00\x00\x01"])
    def test_an_invalid_status_reads_as_none(self, url: str, body: bytes) -> None:
        channel = RedisPrewarmChannel(url)
        channel.report(CLIP, MediaStatus(INFO))
        (key,) = Redis.from_url(url).keys("masklet:sight:*")
        Redis.from_url(url).set(key, body)
        assert channel.status(CLIP) is None

    def test_without_a_server_there_is_no_status(self) -> None:
        channel = RedisPrewarmChannel(NO_SERVER)
        channel.report(CLIP, MediaStatus(INFO))
        assert channel.status(CLIP) is None


class TestSessionCursors:
    def test_a_cursor_expires(self, url: str) -> None:
        cursors = RedisSessionCursors(url)
        assert cursors.cursor("s-1") is None
        cursors.set_cursor("s-1", 42)
        assert (RedisSessionCursors(url).cursor("s-1"), cursors.cursor("s-2")) == (42, None)
        assert 60 < Redis.from_url(url).ttl("masklet:session:s-1") <= 120

    def test_an_invalid_cursor_reads_as_none(self, url: str) -> None:
        Redis.from_url(url).set("masklet:session:s-1", "far")
        assert RedisSessionCursors(url).cursor("s-1") is None

    def test_without_a_server_there_is_no_cursor(self) -> None:
        cursors = RedisSessionCursors(NO_SERVER)
        cursors.set_cursor("s-1", 3)
        assert cursors.cursor("s-1") is None
