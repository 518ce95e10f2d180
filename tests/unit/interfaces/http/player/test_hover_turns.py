"""Which of several hovers of one person is answered."""

from __future__ import annotations

import threading

import pytest

from backend.domain.errors import NotYet
from backend.interfaces.http.player.hover_turns import HoverTurns


def test_of_waiting_hovers_the_newest_is_answered() -> None:
    turns, ended = HoverTurns(), []

    def hover(name: str) -> None:
        try:
            with turns.turn("ann", longest_s=30):
                ended.append(f"{name} answered")
        except NotYet:
            ended.append(f"{name} gave up")

    threads = [threading.Thread(target=hover, args=(name,)) for name in ("second", "third")]
    with turns.turn("ann", longest_s=30):
        for count, thread in enumerate(threads, start=2):
            thread.start()
            while turns._count < count:
                threading.Event().wait(0.001)
        threads[0].join(30)
        assert ended == ["second gave up"]
    threads[1].join(30)
    assert ended == ["second gave up", "third answered"]


def test_another_person_does_not_wait() -> None:
    turns = HoverTurns()
    with turns.turn("ann", longest_s=30), turns.turn("bob", longest_s=0):
        pass
    assert turns._newest == {}


def test_a_hover_gives_up_after_its_time() -> None:
    turns = HoverTurns()
    with turns.turn("ann", longest_s=30), pytest.raises(NotYet), turns.turn("ann", longest_s=0):
        pass
