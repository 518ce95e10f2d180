"""The fleet benchmark with two workers for a moment: real PostgreSQL, Valkey and S3."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.benchmarks.fleet import STAND_IN, main

pytestmark = pytest.mark.slow


def test_two_workers_make_the_masks_of_their_jobs(tmp_path: Path) -> None:
    path = tmp_path / "fleet.json"
    assert main(["--workers", "2", "--frame-ms", "50", "--seconds", "1", "--stores", "s3", "--json", str(path)]) == 0
    report = json.loads(path.read_text())
    (point,) = report["stores"]["s3"]["points"]
    assert report["engine"] == STAND_IN
    assert (point["workers"], point["to_linear"]) == (2, 1.0)
    assert point["jobs"] >= 2
    assert point["jobs_waiting"] > 0
    assert (point["jobs_failed"], point["jobs_with_wrong_masks"]) == (0, 0)
    assert point["frames_per_s"] > 0
    assert point["statements_per_frame"] > 0
    assert set(point["cpu_ms_per_frame"]) == {"ledger", "queue", "store", "workers"}
    assert point["store_put_ms"]["p50"] > 0
