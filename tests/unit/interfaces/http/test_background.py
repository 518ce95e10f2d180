"""The background thread that repeats a step."""

from __future__ import annotations

import logging
import threading

import pytest

from backend.interfaces.http.background import Background


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
