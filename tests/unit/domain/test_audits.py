"""The sum of audits: the failure rate, its interval, and its comparison with the predicted rate."""

from __future__ import annotations

import math

import pytest

from backend.domain.audits import AuditedMask, AuditTally, Verdict, tally


def test_masks_add_up() -> None:
    found = tally([AuditedMask(0.1, 0.9), AuditedMask(0.3, 0.7), AuditedMask(0.2, 0.75)], is_probability=True)
    assert (found.count, found.failures) == (3, 1)
    assert found.predicted == pytest.approx(0.2)
    assert found.verdict is Verdict.TOO_FEW


def test_the_interval_is_wilsons() -> None:
    low, high = AuditTally(50, 5, 0.1).interval
    assert (round(low, 4), round(high, 4)) == (0.0435, 0.2136)
    assert AuditTally(30, 0, 0.0).interval[0] == 0.0
    assert AuditTally(30, 30, 1.0).interval[1] == 1.0


def test_without_checked_masks_there_is_no_verdict() -> None:
    found = tally([], is_probability=True)
    assert math.isnan(found.rate)
    assert found.interval == (0.0, 1.0)
    assert found.sentence() == "no audit frame has been corrected yet"


@pytest.mark.parametrize(
    ("predicted", "verdict", "words"),
    [
        (
            0.10,
            Verdict.HOLDS,
            "5 of 50 audited masks were wrong (4% to 21%); uncertainty foretold 10%: calibration holds",
        ),
        (0.01, Verdict.TOO_LOW, "failures are more frequent than foretold, fit the calibrator anew"),
        (0.40, Verdict.TOO_HIGH, "failures are rarer than foretold, fit the calibrator anew"),
    ],
)
def test_the_predicted_rate_is_compared_with_the_interval(predicted: float, verdict: Verdict, words: str) -> None:
    found = AuditTally(50, 5, predicted)
    assert found.verdict is verdict
    assert words in found.sentence()


def test_ranks_predict_no_rate() -> None:
    found = AuditTally(50, 5, 0.1, is_probability=False)
    assert found.verdict is Verdict.NO_PROBABILITY
    assert "nothing was foretold" in found.sentence()


def test_too_few_masks_are_reported() -> None:
    assert AuditTally(29, 0, 0.1).sentence() == (
        "0 of 29 audited masks were wrong (0% to 12%); too few to judge by, 30 are needed"
    )
