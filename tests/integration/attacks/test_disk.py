"""The attack of a full disk, in its quick form."""

from __future__ import annotations

import pytest

from scripts.attack_runs.disk import run


@pytest.mark.slow
def test_every_write_is_answered_507_and_works_again_with_space() -> None:
    figures = run(quick=True)
    if "skipped" in figures:
        pytest.skip(str(figures["skipped"]))
    assert figures["other_than_507"] == []
    assert figures["resumed"] is True
    assert figures["health"] == 200
