"""Steps of work of this process, reported from anywhere in it.

A step is a frame, a decoded picture, a call of the model, a round of a loop. What watches the process for hangs
subscribes; without a subscriber a step costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_subscribers: list[Callable[[], None]] = []


def work_moved() -> None:
    """Reports one step of work. Called from any thread; never raises."""
    for subscriber in _subscribers:
        subscriber()


@contextmanager
def subscribed_to_work(subscriber: Callable[[], None]) -> Iterator[None]:
    """Inside, the subscriber is called at every step, in the thread of the step. It must be quick and not raise."""
    _subscribers.append(subscriber)
    try:
        yield
    finally:
        _subscribers.remove(subscriber)
