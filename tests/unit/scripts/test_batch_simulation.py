"""The simulated queue, on batches small enough for a check by hand."""

import pytest

from scripts.benchmarks.batch_simulation import batch_seconds, service_seconds, simulated


def test_service_times_are_differences() -> None:
    assert service_seconds([4.0, 6.0, 9.0]) == [2.0, 3.0]
    assert service_seconds([4.0]) == []


@pytest.mark.parametrize(("workers", "seconds"), [(1, 9.0), (2, 6.0), (3, 4.0), (9, 4.0)])
def test_the_first_free_worker_takes_the_next_clip(workers: int, seconds: float) -> None:
    assert batch_seconds([2.0, 3.0, 4.0], workers=workers) == seconds


def test_no_worker_is_refused() -> None:
    with pytest.raises(ValueError, match="0 workers do nothing"):
        batch_seconds([1.0], workers=0)


def test_equal_clips_have_a_linear_speed_up() -> None:
    figures = simulated([float(second) for second in range(10)], clips=160)
    assert figures["seconds_by_workers"] == {"1": 160.0, "2": 80.0, "4": 40.0, "8": 20.0, "16": 10.0}
    assert figures["speed_up_by_workers"] == {"1": 1.0, "2": 2.0, "4": 4.0, "8": 8.0, "16": 16.0}


def test_one_clip_gives_no_figures() -> None:
    assert simulated([3.0]) == {}
