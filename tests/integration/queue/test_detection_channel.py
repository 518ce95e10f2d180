"""Detections over a real server: from one process to another and back."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from backend.adapters.queue import request_channel
from backend.adapters.queue.detection_channel import RedisDetectionChannel
from backend.adapters.queue.valkey import EmbeddedValkey
from backend.application.ports.requests.detection import DetectionRequest
from backend.domain.detections import Detection
from backend.domain.errors import DetectorMissing
from backend.domain.geometry import Box
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex

REQUEST = DetectionRequest(TaskKey(2, 8), MediaRef(("/data/ü.mp4",), is_pages=False), FrameIndex(4), "rotes Auto, groß")
FOUND = (Detection(Box(0.1, 0.2, 0.3, 0.4), 0.75), Detection(Box(0.0, 0.0, 1.0, 1.0), 0.5))


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedValkey(Path(tmp_path_factory.mktemp("valkey")))
    server.start()
    yield server.url
    server.stop()


def test_a_request_reaches_a_worker_and_its_answers_come_back(url: str) -> None:
    seen: list[DetectionRequest] = []

    def work() -> None:
        channel = RedisDetectionChannel(url)
        for answer in (FOUND, (), None):
            asked = None
            while asked is None:
                asked = channel.next_request(5.0)
            seen.append(asked.request)
            assert 0 < asked.wait_s <= 60
            if answer is None:
                channel.refuse(asked, "DetectorMissing: there is no detector")
            else:
                channel.answer(asked, answer)

    worker = threading.Thread(target=work)
    worker.start()
    channel = RedisDetectionChannel(url)
    assert channel.ask(REQUEST, timeout_s=60.0) == FOUND
    assert channel.ask(REQUEST, timeout_s=60.0) == ()
    with pytest.raises(DetectorMissing, match="^there is no detector$"):
        channel.ask(REQUEST, timeout_s=60.0)
    worker.join(60)
    assert seen == [REQUEST] * 3


def test_an_answer_that_takes_longer_than_one_call_to_the_server_is_waited_for(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_channel, "STEP_S", 0.05)

    def work() -> None:
        channel = RedisDetectionChannel(url)
        asked = None
        while asked is None:
            asked = channel.next_request(5.0)
        threading.Event().wait(0.5)
        channel.answer(asked, FOUND)

    worker = threading.Thread(target=work)
    worker.start()
    assert RedisDetectionChannel(url).ask(REQUEST, timeout_s=60.0) == FOUND
    worker.join(60)


@pytest.mark.parametrize("change", [{"text": ""}, {"frame": "x"}, {"task": [1]}, {"addresses": None}], ids=str)
def test_an_unreadable_request_is_passed_over(url: str, change: dict[str, object]) -> None:
    channel, server = RedisDetectionChannel(url), Redis.from_url(url)
    server.set("masklet:detection:odd", json.dumps({**json.loads(channel.dump_request(REQUEST)), **change}))
    server.lpush("masklet:detections", "odd")
    assert channel.next_request(0.1) is None
