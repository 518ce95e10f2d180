"""Boxes, points and overlaps at their edges."""

from __future__ import annotations

import numpy as np
import pytest

from backend.domain.errors import PromptError
from backend.domain.geometry import Box, FrameSize, Point, box_of_mask, mask_iou


def test_a_point_is_scaled_by_the_frame() -> None:
    assert Point(0.25, 0.5).to_px(FrameSize(200, 100)) == (50.0, 50.0)


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan"), float("inf"), 1e308])
def test_a_point_outside_the_frame_is_refused(value: float) -> None:
    with pytest.raises(PromptError, match="coordinate x must lie within the frame"):
        Point(value, 0.5)


def test_a_box_without_an_area_is_refused() -> None:
    with pytest.raises(PromptError, match="needs an area"):
        Box(0.5, 0.1, 0.5, 0.9)


def test_the_box_of_a_single_pixel_has_that_pixels_size() -> None:
    mask = np.zeros((10, 20), np.bool_)
    mask[3, 5] = True
    assert box_of_mask(mask) == Box(5 / 20, 3 / 10, 6 / 20, 4 / 10)


def test_an_empty_mask_has_no_box() -> None:
    assert box_of_mask(np.zeros((4, 4), np.bool_)) is None


def test_two_empty_masks_agree_and_one_empty_mask_does_not() -> None:
    empty = np.zeros((4, 4), np.bool_)
    full = np.ones((4, 4), np.bool_)
    assert mask_iou(empty, empty) == 1.0
    assert mask_iou(empty, full) == 0.0


def test_overlap_is_counted_in_pixels() -> None:
    first = np.zeros((2, 4), np.bool_)
    second = np.zeros((2, 4), np.bool_)
    first[:, :3] = True
    second[:, 1:] = True
    assert mask_iou(first, second) == 4 / 8
