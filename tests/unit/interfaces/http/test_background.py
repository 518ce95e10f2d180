"""The background thread that repeats a step."""

from __future__ import annotations

import logging
import threading

import pytest

from backend.interfaces.http.background import LATE_S, Background, late_steps


def test_a_failed_step_is_logged_and_the_next_one_runs(caplog: pytest.LogCaptureFixture) -> None:
    steps = 0
    third = threading.Event()

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == 3:
            third.set()
        raise RuntimeError("broken")

    with caplog.at_level(logging.ERROR), Background("sweeper", step, period_s=0.001):
        assert third.wait(60)
    assert "sweeper failed; it goes on" in caplog.messages
    assert not any(thread.name == "sweeper" for thread in threading.enumerate())


def test_a_step_that_hangs_is_late_and_holds_no_other_one() -> None:
    hangs, is_over, other = threading.Event(), threading.Event(), threading.Event()
    now_s = [0.0]

    def hang() -> None:
        hangs.set()
        is_over.wait()

    stuck = Background("pushes", hang, period_s=0.001, monotonic_s=lambda: now_s[0])
    with stuck, Background("reconciler", other.set, period_s=0.001):
        assert hangs.wait(60)
        assert other.wait(60)
        assert late_steps([stuck]) == {}
        now_s[0] = LATE_S + 1.0
        assert late_steps([stuck]) == {"pushes": 61.0}
        is_over.set()
