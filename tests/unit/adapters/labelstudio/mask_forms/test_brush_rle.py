"""Label Studio's brush RLE against the SDK's codec, and against invalid streams."""

from __future__ import annotations

import functools
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.adapters.labelstudio.mask_forms.brush_rle import decode_rle, encode_rle
from backend.domain.errors import PromptError, TooLarge
from backend.domain.geometry import BoolMask, FrameSize
from tests.unit.adapters.labelstudio.builders import checkerboard, masks, pixel


@functools.cache
def label_studios() -> Any:  # noqa: ANN401 - a module without types
    """Label Studio's own codec. Its import loads a toolkit of languages, which takes seconds."""
    from label_studio_sdk.converter import brush

    return brush


def sdk_rle(mask: BoolMask) -> list[int]:
    rle: list[int] = label_studios().mask2rle(mask.astype(np.uint8) * np.uint8(255))
    return rle


def size_of(mask: BoolMask) -> FrameSize:
    return FrameSize(mask.shape[1], mask.shape[0])


@settings(max_examples=60)
@given(masks())
def test_the_bytes_are_the_sdks(mask: BoolMask) -> None:
    assert encode_rle(mask) == sdk_rle(mask)


@settings(max_examples=60)
@given(masks())
def test_a_mask_survives_the_round_trip(mask: BoolMask) -> None:
    decoded = decode_rle(encode_rle(mask), size_of(mask))
    assert decoded.dtype == np.bool_
    assert np.array_equal(decoded, mask)


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros((540, 960), np.bool_),
        np.ones((540, 960), np.bool_),
        pixel((540, 960), (539, 959)),
        pixel((540, 960), (0, 0)),
        checkerboard(60, 90),
        np.repeat(np.array([[True, False]]), 16_384, axis=1),
        np.repeat(np.array([[True, False]]), 16_385, axis=1),
        np.asfortranarray(np.tri(40, 70, dtype=np.bool_)),
    ],
    ids=["empty", "full", "last pixel", "first pixel", "checkerboard", "longest run", "one more", "column order"],
)
def test_the_bytes_are_the_sdks_at_the_edges(mask: BoolMask) -> None:
    assert encode_rle(mask) == sdk_rle(mask)


@settings(max_examples=60)
@given(st.binary(min_size=4, max_size=400).map(lambda raw: raw[: len(raw) // 4 * 4]))
def test_any_colours_are_read_as_the_sdk_reads_them(rgba: bytes) -> None:
    values = np.frombuffer(rgba, np.uint8)
    rle = label_studios().encode_rle(values)
    alpha = label_studios().decode_rle(rle)[3::4]
    assert np.array_equal(decode_rle(rle, FrameSize(values.size // 4, 1)), (alpha >= 128)[None])


def literal_stream(payload: bytes) -> list[int]:
    """A stream with all bytes in one literal, as browsers write coloured pixels."""
    bits = f"{len(payload):032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}" + "0" + "11" + f"{len(payload) - 1:016b}"
    bits += "".join(f"{byte:08b}" for byte in payload)
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


@settings(max_examples=60)
@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_a_browsers_literals_are_read(pixels: list[bool]) -> None:
    payload = b"".join(bytes((200, 100, 50, 255)) if on else bytes(4) for on in pixels)
    assert decode_rle(literal_stream(payload), FrameSize(len(pixels), 1)).tolist() == [pixels]


def test_half_transparent_pixels_are_split_in_the_middle() -> None:
    payload = bytes((9, 9, 9, 127, 9, 9, 9, 128))
    assert decode_rle(literal_stream(payload), FrameSize(2, 1)).tolist() == [[False, True]]


@settings(max_examples=60)
@given(masks(largest_side=9), st.data())
def test_a_stream_cut_short_is_refused(mask: BoolMask, data: st.DataObject) -> None:
    rle = encode_rle(mask)
    kept = data.draw(st.integers(0, len(rle) - 2))
    with pytest.raises(PromptError, match="ends in the middle"):
        decode_rle(rle[:kept], size_of(mask))


@settings(max_examples=60)
@given(st.lists(st.integers(0, 255), max_size=60))
def test_noise_is_refused_or_read_but_never_crashes(tail: list[int]) -> None:
    header = encode_rle(np.zeros((3, 5), np.bool_))[:6]
    try:
        mask = decode_rle(header + tail, FrameSize(5, 3))
    except PromptError:
        return
    assert mask.shape == (3, 5)


def test_a_stream_of_another_image_is_refused_by_its_size() -> None:
    with pytest.raises(PromptError, match="holds 60 bytes, but an image of 4x3 pixels has 48"):
        decode_rle(encode_rle(np.zeros((3, 5), np.bool_)), FrameSize(4, 3))


def test_a_run_past_the_end_is_refused() -> None:
    rle = literal_stream(bytes(4))
    rle[7] = 1  # the upper half of the first record's length
    with pytest.raises(PromptError, match="runs past the image's end, to byte 260 of 4"):
        decode_rle(rle, FrameSize(1, 1))


@pytest.mark.parametrize("rle", [[256], [-1], ["a"], [1.5], [None]])
def test_a_value_that_is_no_byte_is_refused(rle: list[int]) -> None:
    with pytest.raises(PromptError, match="whole numbers from 0 to 255"):
        decode_rle(rle, FrameSize(1, 1))


def test_a_giant_image_is_refused_before_allocation() -> None:
    with pytest.raises(TooLarge, match="65000x65000"):
        decode_rle([0] * 20, FrameSize(65_000, 65_000))


def test_decoding_takes_a_byte_a_pixel() -> None:
    mask = np.ones((2000, 3000), np.bool_)
    rle = encode_rle(mask)
    tracemalloc.start()
    try:
        decode_rle(rle, size_of(mask))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert mask.size <= peak < 1.5 * mask.size


def test_a_mask_larger_than_any_frame_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(TooLarge, match="16384x8192 pixels"):
        decode_rle([], FrameSize(16_384, 8_192))
