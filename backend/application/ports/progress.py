"""Steps of work of this process, and counts of what a command has done, reported from anywhere in it.

A step is a frame, a decoded picture, a call of the model, a round of a loop. What watches the process for hangs
subscribes; without a subscriber a step costs nothing. A count is for people who wait for a command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")

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


Counts = Callable[[str, int, int | None], None]
"""Gets what is counted, for people; how many are done; how many there are, None if that is not known."""

_counts: list[Counts] = []


def counted(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """Yields the items and reports how many are done to what shows the progress of a command, if anything does.

    total: how many there are; None: the length of `items`, if they have one.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    done = 0
    for done, item in enumerate(items, 1):
        _report(what, done - 1, total)
        yield item
    _report(what, done, total)


def _report(what: str, done: int, total: int | None) -> None:
    for subscriber in _counts:
        subscriber(what, done, total)


@contextmanager
def subscribed_to_counts(subscriber: Counts) -> Iterator[None]:
    """Inside, the subscriber gets every count of this process, in the thread of the work. It must not raise."""
    _counts.append(subscriber)
    try:
        yield
    finally:
        _counts.remove(subscriber)
