"""The attack of outages, one short outage of it: jobs, predictions and submitted annotations come through."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from scripts.attack_runs.outage import Case
from scripts.attack_runs.unwell_label_studio import Mood


def test_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    with closing(Case(Mood.LOST_REPLY, 5.0, tmp_path, starting=1, pushing=1, adopting=2)) as case:
        figures = case.run()
    assert {name: figures[name] for name in ("tasks", "never_pushed", "never_adopted", "doubled", "failed_jobs")} == {
        "tasks": 4,
        "never_pushed": 0,
        "never_adopted": 0,
        "doubled": 0,
        "failed_jobs": 0,
    }
