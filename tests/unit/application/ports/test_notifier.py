"""A waiter of a job is notified, and polls the ledger too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from backend.application.ports.notifier import NoNotifier, Wait
from backend.domain.errors import ServiceUnavailable
from backend.domain.video import FrameIndex
from tests.unit.application.builders import USER_TASK, Parts, click_on


class CountingNotifier:
    """A Notifier that records subscriptions, and calls a function in each wait."""

    def __init__(self, parts: Parts, *, works: bool) -> None:
        self._parts = parts
        self._works = works
        self.subscriptions: list[str] = []
        self.waits = 0

    def notify(self, job_id: str) -> None:
        raise AssertionError("the web process rings for nobody")

    @contextmanager
    def subscribed(self, job_id: str, otherwise: Wait) -> Iterator[Wait]:
        self.subscriptions.append(job_id)

        def wait(seconds: float) -> None:
            self.waits += 1
            if self._works:
                self._parts.work_off()
            else:
                self._parts.clock.advance(seconds)

        yield wait


def test_a_click_waits_for_its_own_notification() -> None:
    parts = Parts()
    notifier = CountingNotifier(parts, works=True)
    answer = replace(parts.service, notifier=notifier).answer_click(USER_TASK, click_on(4), FrameIndex(4), deadline_s=5)
    assert (notifier.subscriptions, notifier.waits) == ([answer.job.job_id], 1)
    assert parts.clock.slept == []


def test_a_lost_notification_delays_the_answer_by_one_poll() -> None:
    """The waits last a quarter of a second at most, whatever the notifier does, and the deadline is kept."""
    parts = Parts()
    notifier = CountingNotifier(parts, works=False)
    with pytest.raises(ServiceUnavailable):
        replace(parts.service, notifier=notifier).answer_click(USER_TASK, click_on(4), FrameIndex(4), deadline_s=5)
    assert 20 <= notifier.waits <= 40


def test_without_notifications_the_clock_sleeps() -> None:
    slept: list[float] = []
    notifier = NoNotifier()
    notifier.notify("i-1")
    with notifier.subscribed("i-1", slept.append) as wait:
        wait(0.25)
    assert slept == [0.25]
