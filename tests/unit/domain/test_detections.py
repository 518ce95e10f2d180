"""Texts that objects are found by, and detections without duplicates."""

from __future__ import annotations

import pytest

from backend.domain.detections import MAX_TEXT_CHARS, Detection, detection_text, distinct_detections
from backend.domain.errors import InvalidInput
from backend.domain.geometry import Box

CAR, LORRY = Box(0.1, 0.1, 0.4, 0.4), Box(0.6, 0.1, 0.9, 0.4)
ALMOST_CAR = Box(0.1, 0.1, 0.4, 0.38)


def test_a_text_is_kept_with_single_spaces() -> None:
    assert detection_text("  red \n car ") == "red car"
    assert detection_text("rotes Auto, groß") == "rotes Auto, groß"


@pytest.mark.parametrize("text", ["", "  \n", "x" * (MAX_TEXT_CHARS + 1), "red\x00car"])
def test_an_unusable_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="has 1 to 100 printable characters, such as: red car"):
        detection_text(text)


def test_of_two_boxes_of_one_object_the_better_is_kept() -> None:
    found = [Detection(ALMOST_CAR, 0.6), Detection(LORRY, 0.7), Detection(CAR, 0.9)]
    assert distinct_detections(found) == (found[2], found[1])


def test_known_objects_are_left_out_and_the_count_is_limited() -> None:
    found = [Detection(CAR, 0.9), Detection(LORRY, 0.7)]
    assert distinct_detections(found, [ALMOST_CAR]) == (found[1],)
    assert distinct_detections(found, most=1) == (found[0],)
