"""Masks as PNG data URLs, polygons and boxes."""

from __future__ import annotations

import base64
import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from backend.adapters.labelstudio.mask_forms.masks import (
    PNG_PREFIX,
    mask_of_png,
    mask_of_polygons,
    png_of_mask,
    polygons_of_mask,
)
from backend.codecs.coco_rle import box_rel, decode_checked
from backend.domain.errors import PromptError, TooLarge
from backend.domain.geometry import BoolMask, FrameSize, box_of_mask, mask_iou
from tests.unit.adapters.labelstudio.builders import encoded, masks, rectangle_mask


def size_of(mask: BoolMask) -> FrameSize:
    return FrameSize(mask.shape[1], mask.shape[0])


@settings(max_examples=60)
@given(masks())
def test_coco_run_lengths_give_the_mask_and_its_box(mask: BoolMask) -> None:
    assert np.array_equal(decode_checked(encoded(mask)), mask)
    assert box_rel(encoded(mask)) == box_of_mask(mask)


@settings(max_examples=60)
@given(masks())
def test_a_bitmask_survives_the_round_trip(mask: BoolMask) -> None:
    assert np.array_equal(mask_of_png(png_of_mask(mask), size_of(mask)), mask)


def test_a_bitmask_is_black_on_the_mask_else_transparent() -> None:
    png = base64.b64decode(png_of_mask(np.array([[True, False]])).removeprefix(PNG_PREFIX))
    image = Image.open(io.BytesIO(png))
    assert [image.getpixel((0, 0)), image.getpixel((1, 0))] == [(0, 0, 0, 255), (0, 0, 0, 0)]


@pytest.mark.parametrize(("mode", "on", "off"), [("L", 255, 0), ("RGB", (255, 0, 0), (0, 0, 0)), ("1", 1, 0)])
def test_an_image_without_alpha_is_read_by_brightness(mode: str, on: object, off: object) -> None:
    image = Image.new(mode, (2, 1))
    image.putpixel((0, 0), on)  # type: ignore[arg-type]
    image.putpixel((1, 0), off)  # type: ignore[arg-type]
    assert mask_of_png(data_url(image), FrameSize(2, 1)).tolist() == [[True, False]]


def data_url(image: Image.Image) -> str:
    out = io.BytesIO()
    image.save(out, "PNG")
    return PNG_PREFIX + base64.b64encode(out.getvalue()).decode("ascii")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("https://example.org/a.png", "must start with"),
        (PNG_PREFIX + "!!!", "not valid base64"),
        (PNG_PREFIX + base64.b64encode(b"GIF89a" + bytes(40)).decode(), "does not hold a PNG"),
        (PNG_PREFIX + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(4)).decode(), "does not hold a PNG"),
    ],
)
def test_an_address_that_is_no_png_is_refused(address: str, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        mask_of_png(address, FrameSize(2, 2))


def test_a_png_of_another_size_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(PromptError, match="has 2x1 pixels, its image 4x1"):
        mask_of_png(png_of_mask(np.array([[True, False]])), FrameSize(4, 1))


def test_a_png_of_giant_size_is_refused_before_decoding() -> None:
    png = bytearray(base64.b64decode(png_of_mask(np.ones((1, 1), np.bool_)).removeprefix(PNG_PREFIX)))
    png[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(TooLarge, match="60000x60000"):
        mask_of_png(PNG_PREFIX + base64.b64encode(bytes(png)).decode(), FrameSize(60_000, 60_000))


def test_a_png_with_a_broken_body_is_refused() -> None:
    png = base64.b64decode(png_of_mask(np.ones((9, 9), np.bool_)).removeprefix(PNG_PREFIX))[:40]
    with pytest.raises(PromptError, match="does not decode"):
        mask_of_png(PNG_PREFIX + base64.b64encode(png).decode(), FrameSize(9, 9))


rectangles = st.tuples(
    st.integers(0, 20), st.integers(0, 20), st.integers(1, 12), st.integers(1, 12), st.integers(33, 50)
)


@settings(max_examples=60)
@given(rectangles)
def test_a_rectangle_survives_as_a_polygon(given_rectangle: tuple[int, int, int, int, int]) -> None:
    x, y, width, height, side = given_rectangle
    size = FrameSize(side, side + 3)
    mask = rectangle_mask(size, x, y, x + width, y + height)
    assert np.array_equal(mask_of_polygons(polygons_of_mask(mask), size), mask)


@settings(max_examples=60)
@given(st.integers(4, 30), st.integers(4, 30), st.integers(35, 60))
def test_a_blob_survives_as_a_polygon_except_for_its_edge(a: int, b: int, side: int) -> None:
    pixels = np.zeros((2 * side, 2 * side), np.uint8)
    cv2.ellipse(pixels, (side, side), (a, b), 30, 0, 360, 1, -1)
    mask = pixels.astype(np.bool_)
    again = mask_of_polygons(polygons_of_mask(mask), size_of(mask))
    assert mask_iou(mask, again) > 0.85


@settings(max_examples=60)
@given(masks())
def test_every_part_of_a_mask_becomes_a_polygon_within_the_frame(mask: BoolMask) -> None:
    polygons = polygons_of_mask(mask)
    assert bool(polygons) == bool(mask.any())
    for polygon in polygons:
        assert len(polygon) >= 3
        assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in polygon)


def test_polygons_come_largest_first() -> None:
    size = FrameSize(20, 10)
    small, large = rectangle_mask(size, 0, 0, 2, 2), rectangle_mask(size, 10, 2, 18, 9)
    assert polygons_of_mask(small | large)[0][0] == (10.5 / 20, 2.5 / 10)
