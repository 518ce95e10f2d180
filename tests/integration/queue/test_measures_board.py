"""The measures of workers on a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from backend.adapters.queue.measures_board import PREFIX, MeasuresBoard
from backend.adapters.queue.names import ALIVE_S, connect
from backend.adapters.queue.valkey import EmbeddedValkey
from backend.application.ports.measuring.measures import Measures, Times

SOME = Measures(7, {"store": Times(1.5, [0, 1, 2, 0, 0, 0, 0, 0, 0])}, {"media": (3, 4)}, {"device_memory_bytes": 2.0})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    started = EmbeddedValkey(tmp_path_factory.mktemp("queue"))
    started.start()
    yield started
    started.stop()


@pytest.fixture
def redis(server: EmbeddedValkey) -> Redis:
    connected = connect(server.url, timeout_s=5.0)
    connected.flushdb()
    return connected


def test_the_last_measures_of_each_worker_are_read(redis: Redis) -> None:
    board = MeasuresBoard(redis)
    board.publish("propagate-b-1", Measures(1))
    board.publish("propagate-b-1", SOME)
    board.publish("interactive-a-2", Measures(2))
    assert list(board.all().items()) == [("interactive-a-2", Measures(2)), ("propagate-b-1", SOME)]


def test_measures_go_with_their_worker(redis: Redis) -> None:
    MeasuresBoard(redis).publish("propagate-b-1", SOME)
    assert 0 < int(redis.ttl(f"{PREFIX}propagate-b-1")) <= ALIVE_S


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", '{"frames": "x"}', '{"frames": 1, "times": [], "lookups": {}}']
)
def test_what_is_not_readable_is_left_out(redis: Redis, text: str) -> None:
    redis.set(f"{PREFIX}strange", text)
    MeasuresBoard(redis).publish("propagate-b-1", SOME)
    assert list(MeasuresBoard(redis).all()) == ["propagate-b-1"]


def test_without_a_server_there_are_none() -> None:
    board = MeasuresBoard(connect("redis://127.0.0.1:1/0", timeout_s=0.2))
    board.publish("propagate-b-1", SOME)
    assert board.all() == {}
