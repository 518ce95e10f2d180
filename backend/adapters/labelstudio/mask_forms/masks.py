"""Masks as Label Studio's PNG data URLs and polygons, and back.

Polygons run through pixel centres, relative to the frame (0..1), so that filling one restores its pixels. They have no
holes, and outline steps up to OUTLINE_TOLERANCE_PX are straightened.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import PromptError, TooLarge
from backend.domain.geometry import MAX_FRAME_PX, BoolMask, FrameSize

PNG_PREFIX = "data:image/png;base64,"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
HALF = 128
OUTLINE_TOLERANCE_PX = 0.5

Polygon = list[tuple[float, float]]
"""Corners in relative coordinates, 0..1."""


def png_of_mask(mask: BoolMask) -> str:
    """A PNG data URL as in Label Studio's Bitmask regions: black on the mask, transparent elsewhere.

    mask: [H, W] bool.
    """
    pixels = np.zeros((*mask.shape, 4), np.uint8)
    pixels[..., 3] = mask.view(np.uint8) * np.uint8(255)
    done, png = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 6])
    assert done, "encoding an array in memory cannot fail"
    return PNG_PREFIX + base64.b64encode(png.tobytes()).decode("ascii")


def mask_of_png(address: str, size: FrameSize) -> BoolMask:
    """The mask in a PNG data URL of an image of this size: [H, W] bool.

    The mask is the alpha channel, as in Label Studio; the brightness in an image without alpha.
    Raises PromptError if it is not a PNG of that size, TooLarge above 2^26 pixels. The size is checked before decoding.
    """
    if not address.startswith(PNG_PREFIX):
        raise PromptError(f"a bitmask's imageDataURL must start with {PNG_PREFIX!r}")
    try:
        png = base64.b64decode(address[len(PNG_PREFIX) :], validate=True)
    except binascii.Error as error:
        raise PromptError("a bitmask's imageDataURL is not valid base64") from error
    _require_png_size(png, size)
    try:
        pixels: object = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise PromptError("a bitmask's PNG does not decode") from error
    if not isinstance(pixels, np.ndarray) or pixels.shape[:2] != (size.height, size.width):
        raise PromptError("a bitmask's PNG does not decode")
    return _mask_of_pixels(pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8))


def _require_png_size(png: bytes, size: FrameSize) -> None:
    if png[:8] != PNG_SIGNATURE or png[12:16] != b"IHDR" or len(png) < 33:
        raise PromptError("a bitmask's imageDataURL does not hold a PNG")
    width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    if (width, height) != (size.width, size.height):
        raise PromptError(f"a bitmask's PNG has {width}x{height} pixels, its image {size.width}x{size.height}")
    if size.pixels > MAX_FRAME_PX:
        raise TooLarge(f"a bitmask of {width}x{height} pixels is too large")


def _mask_of_pixels(pixels: NDArray[np.uint8]) -> BoolMask:
    """pixels: [H, W], [H, W, 3] or [H, W, 4] -> [H, W]"""
    if pixels.ndim == 2:
        return pixels >= HALF
    if pixels.shape[2] == 4:
        return pixels[..., 3] >= HALF
    bright: BoolMask = pixels[..., :3].max(axis=2) >= HALF
    return bright


def polygons_of_mask(mask: BoolMask) -> list[Polygon]:
    """The outlines of a mask's parts, largest first, holes filled; relative, 0..1. mask: [H, W] bool."""
    contours, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    ordered = sorted(contours, key=lambda contour: (-cv2.contourArea(contour), contour.tolist()))
    return [_corners(np.asarray(contour, np.int32), mask.shape) for contour in ordered]


def _corners(contour: NDArray[np.int32], shape: tuple[int, ...]) -> Polygon:
    """contour: [N, 1, 2] pixel centres -> relative corners, at least three: Label Studio drops a region with fewer."""
    outline = cv2.approxPolyDP(contour, OUTLINE_TOLERANCE_PX, True).reshape(-1, 2)
    while len(outline) < 3:
        outline = np.concatenate((outline, outline[-1:]))
    height, width = shape
    return [((float(x) + 0.5) / width, (float(y) + 0.5) / height) for x, y in outline]


def mask_of_polygons(polygons: Sequence[Polygon], size: FrameSize) -> BoolMask:
    """The union of filled polygons, relative (0..1). -> [H, W] bool. Raises TooLarge above 2^26 pixels."""
    if size.pixels > MAX_FRAME_PX:
        raise TooLarge(f"a polygon on an image of {size.width}x{size.height} pixels is too large")
    pixels = np.zeros((size.height, size.width), np.uint8)
    scale = np.array((size.width, size.height), np.float64)
    for polygon in polygons:
        corners = np.rint(np.array(polygon, np.float64) * scale - 0.5).astype(np.int32)
        cv2.fillPoly(pixels, [np.clip(corners, 0, scale.astype(np.int32) - 1)], 1)
    return pixels.view(np.bool_)
