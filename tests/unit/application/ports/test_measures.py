"""What a process counts of its work."""

from __future__ import annotations

import pytest

from backend.application.ports.measuring import measures as module
from backend.application.ports.measuring.measures import BUCKETS_S, frame_made, gauged, looked_up, measures, took


@pytest.fixture(autouse=True)
def nothing_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, empty in (("_frames", 0), ("_times", {}), ("_lookups", {}), ("_gauges", {})):
        monkeypatch.setattr(module, name, empty)


def test_sums_by_name() -> None:
    frame_made()
    frame_made()
    took("store", 0.004)
    took("store", 0.006)
    took("store", BUCKETS_S[-1] + 1)
    looked_up("features", is_hit=True)
    looked_up("features", is_hit=False)
    looked_up("features", is_hit=True)
    found = measures()
    assert (found.frames, found.lookups) == (2, {"features": (2, 1)})
    assert found.times["store"].counts == [0, 1, 1, *[0] * (len(BUCKETS_S) - 3), 1]
    assert found.times["store"].total_s == pytest.approx(BUCKETS_S[-1] + 1.01)


def test_a_copy_stays_as_it_was() -> None:
    took("store", 0.004)
    before = measures()
    took("store", 0.004)
    assert sum(before.times["store"].counts) == 1


def test_a_gauge_is_read_while_it_is_there() -> None:
    values = iter((1.0, 2.0))
    with gauged("device_memory_bytes", lambda: next(values)):
        assert [measures().gauges["device_memory_bytes"] for _ in range(2)] == [1.0, 2.0]
    assert measures().gauges == {}
