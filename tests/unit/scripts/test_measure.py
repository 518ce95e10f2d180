"""The IoU of the demo: masks of regions, and their mean."""

from __future__ import annotations

import numpy as np
import pytest

from backend.adapters.labelstudio.mask_forms.brush_rle import encode_rle
from scripts.demonstration.measure import iou, masks_of_regions, mean_iou


def mask(*pixels: tuple[int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    drawn = np.zeros((4, 6), np.bool_)
    for y, x in pixels:
        drawn[y, x] = True
    return drawn


def region(drawn: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], label: str, page: int) -> dict[str, object]:
    return {
        "type": "brushlabels",
        "item_index": page,
        "original_width": 6,
        "original_height": 4,
        "value": {"format": "rle", "rle": encode_rle(drawn), "brushlabels": [label]},
    }


def test_masks_by_label_and_page_without_empty_ones() -> None:
    other = {"type": "keypointlabels", "value": {"keypointlabels": ["Object 1"]}}
    found = masks_of_regions([region(mask((1, 2)), "Object 2", 3), region(mask(), "Object 1", 0), other])
    assert list(found) == [("Object 2", 3)]
    assert np.array_equal(found["Object 2", 3], mask((1, 2)))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (mask((0, 0), (0, 1)), mask((0, 1), (0, 2)), 1 / 3),
        (mask((0, 0)), mask((0, 0)), 1.0),
        (mask((0, 0)), mask((1, 0)), 0.0),
        (mask(), mask(), 0.0),
    ],
)
def test_iou(
    first: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    second: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    expected: float,
) -> None:
    assert iou(first, second) == expected


def test_missing_and_superfluous_masks_count_as_0() -> None:
    seen, absent = mask((0, 0), (0, 1)), mask()
    truth = np.stack([np.stack([seen, seen]), np.stack([absent, absent])])  # 2 pages, 2 objects
    made = {("Object 1", 0): mask((0, 0), (0, 1)), ("Object 1", 1): mask((3, 3))}
    # Object 1: right on page 0, wrong on page 1; object 2: missing on page 0, rightly absent on page 1.
    assert mean_iou(made, truth) == pytest.approx(1 / 3)
