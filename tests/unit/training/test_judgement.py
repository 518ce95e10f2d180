"""Whether a checkpoint is offered: an interval above 0, by video, and little forgotten."""

from __future__ import annotations

import math

import pytest

from backend.domain.training import HeldOutFigures
from backend.training.judgement import judge
from backend.training.measure.gain import gain_of
from backend.training.measure.held_out import ObjectFigures
from backend.training.measure.measuring import Measured


def measured(*values: float, general: float = 0.8) -> Measured:
    """Objects in pairs: two a video."""
    objects = tuple(ObjectFigures(f"v{n // 2}", str(n), value, value, 3.0) for n, value in enumerate(values))
    return Measured(HeldOutFigures(0.0, 0.0, 0.0, math.nan, general), objects)


def test_a_gain_on_every_object_is_offered() -> None:
    found = judge(measured(0.5, 0.6, 0.4, 0.5), measured(0.6, 0.7, 0.6, 0.7), seed=0)
    assert found.better
    assert found.gain.mean == pytest.approx(0.15)
    assert 0.099 < found.gain.low < found.gain.mean < found.gain.high < 0.201
    assert found.reason.startswith("Better on the held-out videos: J&F changed by +0.150")


def test_a_gain_on_one_video_alone_may_be_chance() -> None:
    found = judge(measured(0.5, 0.6, 0.4, 0.5), measured(0.7, 0.8, 0.38, 0.49), seed=0)
    assert not found.better
    assert "may be chance" in found.reason


def test_what_forgets_is_not_offered() -> None:
    found = judge(measured(0.5, 0.6), measured(0.8, 0.9, general=0.78), seed=0, stopped="of a reason")
    assert not found.better
    assert "J on general clips fell by 0.020" in found.reason
    assert found.reason.endswith("The training ended early: of a reason.")


def test_objects_of_one_video_are_alike() -> None:
    before, after = [0.0] * 8, [0.3, 0.3, 0.3, 0.3, -0.1, -0.1, -0.1, -0.1]
    apart = gain_of([str(n) for n in range(8)], before, after)
    together = gain_of(["a"] * 4 + ["b"] * 4, before, after)
    assert together.low < apart.low
    with pytest.raises(ValueError, match="at least one object"):
        gain_of([], [], [])
