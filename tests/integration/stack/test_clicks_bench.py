"""The benchmark of clicks a second, on the real stack."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.benchmarks import clicks


@pytest.mark.slow
def test_people_click_on_the_real_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clicks, "WARM_UP_S", 0.5)
    report = tmp_path / "clicks.json"
    given = ["--people", "3", "--seconds", "2", "--pause", "0.1", "--propagate", "--port", "19655"]
    assert clicks.main([*given, "--json", str(report)]) == 0
    found = json.loads(report.read_text())
    assert found["without_mask"] == 0
    for key in ("clicks_per_s", "cpu_ms_people", "cpu_ms_web", "cpu_ms_queue", "cpu_ms_workers"):
        assert found[key] > 0, key
