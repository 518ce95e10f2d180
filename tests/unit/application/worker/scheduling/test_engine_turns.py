"""Turns of the engine, with real threads."""

from __future__ import annotations

import threading

import pytest

from backend.application.worker.scheduling.engine_turns import EngineQueue, EngineTurn

PATIENCE_S = 120.0


def wait_for_entries(queue: EngineQueue, count: int) -> None:
    """Waits until the queue has this count of entries."""
    met = threading.Event()
    for _ in range(int(PATIENCE_S * 200)):
        if len(queue._entries) == count:
            return
        met.wait(0.005)
    raise AssertionError(f"{len(queue._entries)} entries are queued, not {count}")


def test_two_propagations_alternate_by_frame() -> None:
    queue, made = EngineQueue(), list[str]()

    def work(name: str, frames: int) -> None:
        turn = EngineTurn(queue)
        with turn:
            if name == "first":
                wait_for_entries(queue, 2)
            for _ in range(frames):
                made.append(name)
                turn.yield_turn()

    first = threading.Thread(target=work, args=("first", 3))
    first.start()
    wait_for_entries(queue, 1)
    second = threading.Thread(target=work, args=("second", 5))
    second.start()
    first.join(PATIENCE_S)
    second.join(PATIENCE_S)
    assert made == ["first", "second"] * 3 + ["second"] * 2


def test_one_propagation_has_the_engine_at_a_time() -> None:
    queue, inside, most = EngineQueue(), 0, 0

    def work() -> None:
        nonlocal inside, most
        turn = EngineTurn(queue)
        with turn:
            for _ in range(50):
                inside += 1
                most = max(most, inside)
                inside -= 1
                turn.yield_turn()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert (inside, most) == (0, 1)
    assert not queue.has_others


def test_a_turn_is_taken_again_after_an_exception() -> None:
    queue = EngineQueue()
    turn = EngineTurn(queue)
    with turn:
        with pytest.raises(ValueError, match="0 queued"):
            _raise_while_released(queue, turn)
        assert len(queue._entries) == 1
    assert len(queue._entries) == 0


def _raise_while_released(queue: EngineQueue, turn: EngineTurn) -> None:
    with turn.released():
        raise ValueError(f"{len(queue._entries)} queued")


def test_release_without_a_turn_does_nothing() -> None:
    turn = EngineTurn()
    with turn.released():
        pass
    turn.yield_turn()
    with turn:
        pass
