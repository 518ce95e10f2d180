"""The attack of files that kill the decoder, in its quick form."""

from __future__ import annotations

import pytest

from scripts.attack_runs.poison import run


@pytest.mark.slow
def test_a_file_that_kills_is_tried_three_times_over_all_requests() -> None:
    figures = run(quick=True)
    assert figures["tries"] == 3
    assert figures["counted_deaths"] == [3]
    assert figures["others_open"] is True
    assert figures["released_tries"] == 3
    assert (figures["unexpected"], figures["deaths"]) == (0, 0)
