"""Notifications of ended jobs, with and without a real server."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis

from backend.adapters.queue import job_notifier
from backend.adapters.queue.job_notifier import RedisNotifier
from backend.adapters.queue.valkey import EmbeddedValkey
from tests.fakes.eventually import eventually

NO_SERVER = "unix:///nowhere/valkey.sock"
LONG_S = 60.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path)
    server.start()
    yield server
    server.stop()


def waited_s(wait: object) -> float:
    began_s = time.monotonic()
    assert callable(wait)
    wait(LONG_S)
    return time.monotonic() - began_s


def not_used(seconds: float) -> None:
    pytest.fail("there is a server")


def test_a_subscriber_is_woken_by_its_own_job_only(server: EmbeddedValkey) -> None:
    notifier = RedisNotifier(server.url)
    with notifier.subscribed("i-1", not_used) as wait, notifier.subscribed("i-2", not_used) as other:
        notifier.notify("i-2")
        notifier.notify("i-1")
        assert waited_s(wait) < LONG_S
        assert waited_s(other) < LONG_S
        notifier.notify("i-2")
        assert waited_s(other) < LONG_S
        began_s = time.monotonic()
        wait(0.2)
        assert time.monotonic() - began_s >= 0.2


def test_a_notification_before_the_wait_counts(server: EmbeddedValkey) -> None:
    notifier = RedisNotifier(server.url)
    with notifier.subscribed("i-1", not_used) as wait:
        notifier.notify("i-1")
        with notifier.subscribed("i-2", not_used) as later:  # the server sends in order
            notifier.notify("i-2")
            later(LONG_S)
        assert waited_s(wait) < LONG_S


def test_many_waiters_of_one_job_share_one_subscription(server: EmbeddedValkey) -> None:
    notifier, are_there = RedisNotifier(server.url), threading.Barrier(21)

    def wait_for_job(_: int) -> float:
        with notifier.subscribed("i-1", not_used) as wait:
            are_there.wait(LONG_S)
            return waited_s(wait)

    with ThreadPoolExecutor(20) as pool:
        waits = pool.map(wait_for_job, range(20))
        are_there.wait(LONG_S)
        redis = Redis.from_url(server.url)
        assert [int(c["psub"]) for c in redis.client_list(_type="pubsub")] == [1]
        notifier.notify("i-1")
        assert max(waits) < LONG_S


def test_without_a_server_the_other_wait_is_used() -> None:
    waited: list[float] = []
    notifier = RedisNotifier(NO_SERVER)
    notifier.notify("i-1")
    for seconds in (0.004, 0.005):
        with notifier.subscribed("i-1", waited.append) as wait:
            wait(seconds)
    assert waited == [0.004, 0.005]


def test_a_server_that_stops_ends_the_wait_and_one_that_is_back_is_used(server: EmbeddedValkey) -> None:
    waited: list[float] = []
    notifier = RedisNotifier(server.url)
    with notifier.subscribed("i-1", waited.append) as wait:
        server.stop()
        assert waited_s(wait) < LONG_S
        wait(0.02)
        assert waited[-1] == 0.02
    server.start()
    with notifier.subscribed("i-1", not_used) as wait:
        notifier.notify("i-1")
        assert waited_s(wait) < LONG_S


def test_a_server_that_hangs_is_noticed(server: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_notifier, "SILENT_S", 0.1)
    waited: list[float] = []
    notifier = RedisNotifier(server.url)
    pid = int(Redis.from_url(server.url).info("server")["process_id"])
    with notifier.subscribed("i-1", waited.append) as wait:
        os.kill(pid, signal.SIGSTOP)
        try:
            assert waited_s(wait) < LONG_S
            wait(0.02)
            assert waited[-1] == 0.02
        finally:
            os.kill(pid, signal.SIGCONT)


def test_a_subscription_that_nobody_needs_ends(server: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_notifier, "SILENT_S", 0.05)
    monkeypatch.setattr(job_notifier, "IDLE_S", 0.05)
    notifier, redis = RedisNotifier(server.url), Redis.from_url(server.url)
    with notifier.subscribed("i-1", not_used) as wait:
        wait(0.3)
        assert redis.client_list(_type="pubsub")
    eventually(lambda: not redis.client_list(_type="pubsub"))
    with notifier.subscribed("i-1", not_used) as wait:
        notifier.notify("i-1")
        assert waited_s(wait) < LONG_S


def test_without_a_thread_the_other_wait_is_used(server: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(job_notifier._Subscription, "start", no_thread)
    waited: list[float] = []
    with RedisNotifier(server.url).subscribed("i-1", waited.append) as wait:
        wait(0.02)
    assert waited == [0.02]


def test_a_server_that_does_not_confirm_delays_the_first_waiters_only(
    server: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_notifier, "REPLY_TIMEOUT_S", 0.2)
    notifier, waited = RedisNotifier(server.url), list[float]()
    pid = int(Redis.from_url(server.url).info("server")["process_id"])
    os.kill(pid, signal.SIGSTOP)
    try:
        for seconds in (0.02, 0.03, 0.04):
            with notifier.subscribed("i-1", waited.append) as wait:
                wait(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert waited == [0.02, 0.03, 0.04]
