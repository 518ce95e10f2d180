"""Which of several waiting requests is decoded next."""

from __future__ import annotations

import itertools
import threading

import pytest

from backend.adapters.media.serving import decode_order
from backend.adapters.media.serving.decode_order import DecodeOrder


def decoded(first: tuple[str, int], waiting: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The order of requests that wait while the first one is decoded."""
    order, done, ready = DecodeOrder(), [], threading.Semaphore(0)

    def ask(video: str, frame: int) -> None:
        ready.release()
        with order.turn(video, frame):
            done.append((video, frame))

    threads = [threading.Thread(target=ask, args=each, daemon=True) for each in waiting]
    with order.turn(*first):
        for thread in threads:
            thread.start()
            ready.acquire()
            while len(order._waiting) < threads.index(thread) + 1:
                threading.Event().wait(0.001)
    for thread in threads:
        thread.join(10)
    return done


def test_frames_of_one_video_are_decoded_onwards() -> None:
    asked = [("a", 14), ("a", 12), ("a", 3), ("a", 11)]
    assert decoded(("a", 10), asked) == [("a", 11), ("a", 12), ("a", 14), ("a", 3)]


def test_another_video_waits_for_the_end_of_the_row() -> None:
    assert decoded(("a", 10), [("b", 2), ("a", 11), ("b", 1)]) == [("a", 11), ("b", 1), ("b", 2)]


class Ticks:
    """A clock that moves on by `step_s` each time it is read."""

    def __init__(self, step_s: float) -> None:
        self._count = itertools.count()
        self._step_s = step_s

    def monotonic(self) -> float:
        return next(self._count) * self._step_s


@pytest.mark.parametrize("step_s", [0.15, 0.19, 0.23, 0.3])
def test_no_request_is_left_when_one_gets_old_in_the_middle(monkeypatch: pytest.MonkeyPatch, step_s: float) -> None:
    monkeypatch.setattr(decode_order, "time", Ticks(step_s))
    asked = [("a", 3), *(("a", frame) for frame in range(11, 15))]
    assert sorted(decoded(("a", 10), asked)) == asked
