"""The guard of the engine's speed: a ratio of processor times, the one figure of speed that a test depends on."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

from scripts.benchmarks.engine_figures import guard
from scripts.benchmarks.engine_figures.guard import (
    FRAMES,
    TOLERANCE,
    UNKNOWN_TOLERANCE,
    losses,
    median_ratio,
    ratio,
    recorded_ratios,
)
from scripts.benchmarks.engine_figures.models import demo_pair


@pytest.mark.slow
def test_the_engine_is_as_fast_as_on_record() -> None:
    torch.set_num_threads(1)
    pair = demo_pair(torch.device("cpu"))
    assert [str(loss) for loss in losses(partial(ratio, pair), *recorded_ratios())] == []


def busy(seconds: float) -> Iterator[None]:
    """Steps of so much processor time each."""
    while True:
        started = time.process_time()
        while time.process_time() - started < seconds:
            pass
        yield


@pytest.mark.parametrize(("slower", "is_lost"), [(1.0, False), (1.2, True)])
def test_an_engine_that_is_a_fifth_slower_trips_it(slower: float, is_lost: bool) -> None:
    def measure(objects: int, frames: int) -> float:
        return median_ratio(busy(0.002 * slower), busy(0.003), min(frames, 24))

    found = losses(measure, {1: 1.5})
    assert bool(found) is is_lost
    if found:
        assert str(found[0]).startswith("1 object(s): upstream takes 1.2")


def low_once(floor: float) -> Callable[[int, int], float]:
    asked: list[int] = []

    def measure(objects: int, frames: int) -> float:
        asked.append(frames)
        assert frames == FRAMES[objects] * (3 if len(asked) == 2 else 1)
        return floor - 0.1 if len(asked) == 1 else floor + 0.01

    return measure


def test_a_low_ratio_is_measured_again_and_longer() -> None:
    assert losses(low_once(2.0 * (1 - TOLERANCE)), {5: 2.0}) == []


def test_records_of_processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "record.json"
    monkeypatch.setattr(guard, "processor_name", lambda: "wide")
    guard.record({1: 1.4, 5: 2.0}, path)
    monkeypatch.setattr(guard, "processor_name", lambda: "narrow")
    guard.record({1: 1.25, 5: 2.1}, path)
    assert recorded_ratios(path, "wide") == ({1: 1.4, 5: 2.0}, TOLERANCE)
    assert recorded_ratios(path, "narrow") == ({1: 1.25, 5: 2.1}, TOLERANCE)
    assert recorded_ratios(path, "another") == ({1: 1.25, 5: 2.0}, UNKNOWN_TOLERANCE)
    assert set(json.loads(path.read_text())["wide"]) == {"ratios", "commit", "date", "torch"}
