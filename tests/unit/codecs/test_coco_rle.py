"""COCO run lengths: round trips of any mask, and checks of counts from outside."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from backend.codecs.coco_rle import (
    CocoCodec,
    area_px,
    box_px,
    box_rel,
    decode_checked,
    decode_mask,
    encode_mask,
    require_counts,
    union,
)
from backend.domain.errors import PromptError
from backend.domain.geometry import BoolMask, box_of_mask
from backend.domain.masklets import EncodedMask

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(max_examples=200)
@given(arrays(np.bool_, SHAPES))
def test_every_mask_is_decoded_unchanged(mask: BoolMask) -> None:
    codec = CocoCodec()
    decoded = codec.decode(codec.encode(mask))
    assert decoded.dtype == np.bool_
    assert decoded.flags.c_contiguous
    np.testing.assert_array_equal(decoded, mask)


def test_runs_longer_than_a_digit_are_decoded_unchanged() -> None:
    mask = np.zeros((540, 960), dtype=np.bool_)
    mask[100:400, 300:301] = True
    mask[539, 959] = True
    np.testing.assert_array_equal(decode_mask(encode_mask(mask)), mask)


def test_the_counts_are_those_of_pycocotools() -> None:
    mask = np.array([[0, 1, 1], [0, 0, 1]], dtype=np.bool_)
    encoded = encode_mask(mask)
    expected = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert (encoded.height, encoded.width, encoded.counts.encode()) == (*expected["size"], expected["counts"])


def test_a_mask_with_another_number_of_axes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got shape \(1, 2, 2\)"):
        encode_mask(np.zeros((1, 2, 2), dtype=np.bool_))


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        (EncodedMask(2, 3, "7"), "do not add up to its size, 3x2"),
        (EncodedMask(2, 3, ""), "do not add up"),
        (EncodedMask(2, 3, "oooooooooooo"), "not COCO's compressed counts"),
        (EncodedMask(2, 3, "6 "), "not COCO's compressed counts"),
        (EncodedMask(2, 3, "6é"), "not COCO's compressed counts"),
        (EncodedMask(2, 3, "P"), "end in the middle"),
        (EncodedMask(2, 3, "O7"), "not COCO's compressed counts"),
        (EncodedMask(0, 3, ""), "3x0 pixels cannot be decoded"),
        (EncodedMask(100_000, 100_000, "6"), "100000x100000 pixels cannot be decoded"),
    ],
)
def test_counts_that_do_not_fit_are_refused(encoded: EncodedMask, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        decode_mask(encoded)


@settings(max_examples=100)
@given(arrays(np.bool_, SHAPES))
def test_measures_of_counts_are_those_of_the_pixels(mask: BoolMask) -> None:
    encoded = encode_mask(mask)
    assert area_px(encoded) == require_counts(encoded) == np.count_nonzero(mask)
    assert box_rel(encoded) == box_of_mask(mask)
    np.testing.assert_array_equal(decode_checked(encoded), mask)


def test_the_box_of_a_mask_is_in_pixels() -> None:
    mask = np.zeros((4, 5), dtype=np.bool_)
    mask[1:3, 2:5] = True
    assert box_px(encode_mask(mask)) == (2, 1, 3, 2)
    assert box_px(encode_mask(np.zeros((4, 5), dtype=np.bool_))) == (0, 0, 0, 0)


def test_a_union_has_the_pixels_of_both() -> None:
    first, second = np.eye(3, dtype=np.bool_), np.eye(3, dtype=np.bool_)[::-1]
    both = union(encode_mask(first), encode_mask(np.ascontiguousarray(second)))
    np.testing.assert_array_equal(decode_mask(both), first | second)
