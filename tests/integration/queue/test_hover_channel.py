"""Hovers over a real server: from one process to another and back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from redis import Redis

from backend.adapters.queue.hover_channel import RedisHoverChannel
from backend.adapters.queue.valkey import EmbeddedValkey
from backend.application.ports.requests.channel import AskedRequest
from backend.application.ports.requests.hover import HoverMask
from backend.codecs.request_json import dump_request
from backend.domain.errors import NotEncoded, QueueUnavailable, ServiceUnavailable
from backend.domain.geometry import Box, Point
from backend.domain.jobs import PreviewRequest
from backend.domain.masklets import EncodedMask, MaskOrigin
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex

HOVERS_KEY = "masklet:hovers"
NO_SERVER = "redis://127.0.0.1:1/0"
CAT = ObjectId("Cat")
REQUEST = PreviewRequest(
    TaskKey(2, 8),
    MediaRef(("/data/clip.mp4",), is_pages=False),
    PromptSet.of(
        [
            FramePrompt(CAT, FrameIndex(4), (PointPrompt(Point(0.25, 0.75)),)),
            FramePrompt(CAT, FrameIndex(6), mask=np.eye(5, dtype=np.bool_)),
        ],
        {CAT: "Cat"},
    ),
    FrameIndex(4),
    "masklet-demo-1",
    "ann@example.org",
)
SHOWN = HoverMask(EncodedMask(8, 16, "0`1"), MaskOrigin.PROMPTED, 0.25, Box(0.1, 0.2, 0.3, 0.4))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedValkey(Path(tmp_path_factory.mktemp("valkey")))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture(autouse=True)
def empty(url: str) -> None:
    Redis.from_url(url).flushall()


def taken(url: str) -> AskedRequest[PreviewRequest]:
    asked = RedisHoverChannel(url).next_request(5.0)
    assert asked is not None
    return asked


def test_a_request_reaches_a_worker_and_its_answer_comes_back(url: str) -> None:
    seen: list[str] = []

    def work() -> None:
        asked = taken(url)
        seen.append(dump_request(asked.request))
        RedisHoverChannel(url).answer(asked, SHOWN)

    worker = threading.Thread(target=work)
    worker.start()
    assert RedisHoverChannel(url).ask(REQUEST, timeout_s=5.0) == SHOWN
    worker.join(60)
    assert seen == [dump_request(REQUEST)]


def test_an_absent_object_has_no_mask_and_an_error_is_raised(url: str) -> None:
    absent = HoverMask(None, MaskOrigin.PROPAGATED, 0.5, None)

    def work() -> None:
        RedisHoverChannel(url).answer(taken(url), absent)
        RedisHoverChannel(url).refuse(taken(url), "NotEncoded: not encoded yet")

    worker = threading.Thread(target=work)
    worker.start()
    channel = RedisHoverChannel(url)
    assert channel.ask(REQUEST, timeout_s=5.0) == absent
    with pytest.raises(NotEncoded, match="^not encoded yet$"):
        channel.ask(REQUEST, timeout_s=5.0)
    worker.join(60)


def test_a_request_that_is_not_waited_for_any_more_is_passed_over(url: str) -> None:
    channel = RedisHoverChannel(url)
    with pytest.raises(ServiceUnavailable, match="no worker answered within 0.05 s"):
        channel.ask(REQUEST, timeout_s=0.05)
    server = Redis.from_url(url)
    assert server.llen(HOVERS_KEY) == 1
    assert server.keys("masklet:hover:*") == []
    assert channel.next_request(0.1) is None


def test_an_answer_that_no_one_reads_expires(url: str) -> None:
    RedisHoverChannel(url).answer(AskedRequest("gone", REQUEST, 1.0), SHOWN)
    assert 0 < Redis.from_url(url).ttl("masklet:hover-answer:gone") <= 5


@pytest.mark.parametrize("body", [b"", b"{", b"7", b"[1]", b'{"kind": "preview"}', b"\xff"])
def test_an_unreadable_request_is_passed_over(url: str, body: bytes) -> None:
    server = Redis.from_url(url)
    server.set("masklet:hover:odd", body)
    server.lpush(HOVERS_KEY, "odd")
    assert RedisHoverChannel(url).next_request(0.1) is None


def test_without_a_server_a_hover_says_so() -> None:
    channel = RedisHoverChannel(NO_SERVER)
    assert channel.next_request(0.01) is None
    channel.refuse(AskedRequest("x", REQUEST, 1.0), "NotEncoded: no")
    with pytest.raises(QueueUnavailable, match="does not answer"):
        channel.ask(REQUEST, timeout_s=0.1)
