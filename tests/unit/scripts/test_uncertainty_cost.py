"""`./scripts/bench uncertainty`: the shares of evidence and scoring, with functions of the engine timed by name."""

from __future__ import annotations

import pytest

from backend.adapters.sam2.weights.checkpoint_files import DEMO
from backend.adapters.sam2.weights.checkpoints import find
from scripts.benchmarks import uncertainty


def test_the_cost_of_evidence_and_scoring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uncertainty, "COST_RUNS", 1)
    monkeypatch.setattr(uncertainty, "COST_FRAMES", 16)
    shares = uncertainty.cost(find(DEMO, None), "cpu", None, None)
    assert shares.keys() == {"cost_share", "cost_share_evidence", "cost_share_scoring"}
    assert all(isinstance(share, float) and 0 < share < 1 for share in shares.values())
