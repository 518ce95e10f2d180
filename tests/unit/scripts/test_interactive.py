"""The interactive benchmark: the parts of a click's time, and their statistics."""

from __future__ import annotations

import pytest

from backend.domain.jobs import Job, JobKind, JobState
from backend.domain.tasks import TaskKey
from scripts.benchmarks.interactive import PARTS, WORKER_PARTS, split, summary, table

TIMINGS = {
    "wait": 0.006,
    "fetch": 0.001,
    "decode": 0.004,
    "look": 0.104,
    "model": 0.134,
    "encode": 0.002,
    "store": 0.008,
}
JOB = Job(
    "i-1", JobKind.INTERACTIVE, TaskKey(1, 1), JobState.DONE, 1, created_s=10.010, updated_s=10.163, timings_s=TIMINGS
)


def test_parts_add_up_to_the_total() -> None:
    parts = split(JOB, sent_s=10.0, received_s=10.170)
    assert parts == pytest.approx(
        {
            "http": 10,
            "queue": 6,
            "fetch": 1,
            "decode": 4,
            "encode": 100,
            "prompt": 30,
            "mask": 2,
            "store": 8,
            "finish": 2,
            "reply": 7,
            "overhead": 25,
            "total": 170,
        }
    )
    assert sum(parts[name] for name in PARTS[:-2]) == pytest.approx(parts["total"])
    assert parts["overhead"] + sum(parts[name] for name in WORKER_PARTS) == pytest.approx(parts["total"])


def test_median_and_95th_percentile() -> None:
    splits = [dict.fromkeys(PARTS, float(number)) for number in range(1, 22)]
    figures = summary(splits)
    assert figures["total"] == {"median_ms": 11.0, "p95_ms": 20.0}
    lines = table({"warm": figures}).splitlines()
    assert len(lines) == 1 + len(PARTS)
    assert lines[1].split() == ["http", "11.0", "/", "20.0"]
