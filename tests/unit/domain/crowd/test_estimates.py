"""Estimates of people."""

import pytest

from backend.domain.crowd.estimates import Estimate


def test_an_estimate_keeps_its_mean_within_its_interval() -> None:
    assert Estimate(0.5, 0.2, 0.8, 3.0).observations == 3.0
    for wrong in ((0.9, 0.2, 0.8, 3.0), (0.5, -0.1, 0.8, 3.0), (0.5, 0.2, 1.1, 3.0), (0.5, 0.2, 0.8, -1.0)):
        with pytest.raises(ValueError, match="no estimate"):
            Estimate(*wrong)
