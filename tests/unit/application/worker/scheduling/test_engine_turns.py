"""Turns with the engine, between real threads."""

from __future__ import annotations

import threading

import pytest

from backend.application.worker.scheduling.engine_turns import EngineQueue, EngineTurn

PATIENCE_S = 120.0


def in_line(rota: EngineQueue, count: int) -> None:
    """Wait until so many stand in line."""
    met = threading.Event()
    for _ in range(int(PATIENCE_S * 200)):
        if len(rota._entries) == count:
            return
        met.wait(0.005)
    raise AssertionError(f"{len(rota._entries)} stand in line, not {count}")


def test_two_go_on_frame_by_frame() -> None:
    rota, made = EngineQueue(), list[str]()

    def work(name: str, frames: int) -> None:
        seat = EngineTurn(rota)
        with seat:
            if name == "first":
                in_line(rota, 2)
            for _ in range(frames):
                made.append(name)
                seat.yield_turn()

    first = threading.Thread(target=work, args=("first", 3))
    first.start()
    in_line(rota, 1)
    second = threading.Thread(target=work, args=("second", 5))
    second.start()
    first.join(PATIENCE_S)
    second.join(PATIENCE_S)
    assert made == ["first", "second"] * 3 + ["second"] * 2


def test_nobody_else_has_the_engine_meanwhile() -> None:
    rota, inside, most = EngineQueue(), 0, 0

    def work() -> None:
        nonlocal inside, most
        seat = EngineTurn(rota)
        with seat:
            for _ in range(50):
                inside += 1
                most = max(most, inside)
                inside -= 1
                seat.yield_turn()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert (inside, most) == (0, 1)
    assert not rota.has_others


def test_who_stands_aside_has_the_engine_again_whatever_happens() -> None:
    rota = EngineQueue()
    seat = EngineTurn(rota)
    with seat:
        with pytest.raises(ValueError, match="0 in line"):
            _boom_aside(rota, seat)
        assert len(rota._entries) == 1
    assert len(rota._entries) == 0


def _boom_aside(rota: EngineQueue, seat: EngineTurn) -> None:
    with seat.released():
        raise ValueError(f"{len(rota._entries)} in line")


def test_who_has_no_turn_can_stand_aside_all_the_same() -> None:
    seat = EngineTurn()
    with seat.released():
        pass
    seat.yield_turn()
    with seat:
        pass
