"""Brush and eraser strokes of drafts."""

from __future__ import annotations

import numpy as np
import pytest

from backend.adapters.labelstudio.reading.brush_strokes import MAX_STROKES, strokes_of, with_strokes
from backend.domain.errors import MalformedRequest, TooLarge
from backend.domain.geometry import FrameSize

SIZE = FrameSize(320, 240)


def stroke(kind: str, *points_pct: float, width_pct: float = 10 / 3.2) -> dict[str, object]:
    """A stroke as the page saves it in a draft."""
    return {
        "id": "121HRsEdVo",
        "type": kind,
        "points": [0, 0],
        "relativePoints": list(points_pct),
        "strokeWidth": 24,
        "relativeStrokeWidth": width_pct,
        "eraserSize": 25,
    }


def drawn(*strokes: dict[str, object], on: bool = False) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    return with_strokes(np.full((240, 320), on), strokes_of(list(strokes), "touches", SIZE))


def test_a_stroke_is_as_long_and_as_wide_as_it_was_drawn() -> None:
    mask = drawn(stroke("add", 25.0, 50.0, 75.0, 50.0))
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    assert (rows[0] + rows[-1] + 1) / 2 == pytest.approx(120, abs=1)
    assert len(rows) == pytest.approx(10, abs=1)
    assert (columns[0], columns[-1]) == (pytest.approx(75, abs=1), pytest.approx(244, abs=1))


def test_an_eraser_takes_away_what_earlier_strokes_added() -> None:
    mask = drawn(stroke("add", 25.0, 50.0, 75.0, 50.0), stroke("eraser", 50.0, 0.0, 50.0, 100.0))
    assert not mask[:, 156:164].any()
    assert mask[120, 100]
    assert mask[120, 220]


def test_a_mask_without_strokes_is_the_mask_itself() -> None:
    mask = np.ones((2, 2), np.bool_)
    assert with_strokes(mask, strokes_of(None, "touches", FrameSize(2, 2))) is mask


def test_the_given_mask_is_unchanged() -> None:
    mask = np.ones((240, 320), np.bool_)
    changed = with_strokes(mask, strokes_of([stroke("eraser", 0.0, 0.0, 100.0, 100.0)], "touches", SIZE))
    assert mask.all()
    assert not changed.all()


def test_one_point_is_a_dot() -> None:
    assert 60 <= int(drawn(stroke("add", 50.0, 50.0)).sum()) <= 110


@pytest.mark.parametrize("value", ["x", [3], [{"relativePoints": "x"}], [{"relativePoints": [1, 2]}]])
def test_an_invalid_stroke_is_refused(value: object) -> None:
    with pytest.raises(MalformedRequest, match="touches"):
        strokes_of(value, "touches", SIZE)


def test_too_many_strokes_are_refused() -> None:
    with pytest.raises(TooLarge, match="strokes"):
        strokes_of([stroke("add", 1.0, 1.0)] * (MAX_STROKES + 1), "touches", SIZE)
