"""Pictures and masks as image files in memory."""

from __future__ import annotations

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.domain.geometry import BoolMask, RgbFrame

JPEG_QUALITY = 95
PNG_LEVEL = 3
"""Masks are uniform areas: higher levels take several times as long and save few bytes."""


def jpeg(picture: RgbFrame) -> bytes:
    """[H, W, 3] uint8 RGB."""
    return _encoded(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def png(picture: RgbFrame) -> bytes:
    """[H, W, 3] uint8 RGB, lossless."""
    return _encoded(".png", picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])


def mask_png(mask: BoolMask) -> bytes:
    """[H, W] bool -> one channel of 0 and 255."""
    return _encoded(".png", mask.view(np.uint8) * np.uint8(255), [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])


def palette_png(numbers: NDArray[np.uint8]) -> bytes:
    """[H, W] uint8 -> an indexed PNG whose pixels are the numbers, with the palette of DAVIS."""
    image = Image.fromarray(numbers)
    image.putpalette(PALETTE)
    out = io.BytesIO()
    image.save(out, format="PNG", compress_level=PNG_LEVEL)
    return out.getvalue()


def colour_of(number: int) -> tuple[int, int, int]:
    """RGB of an object's number, the same in every format. Consecutive numbers get distinct colours."""
    index = (number - 1) % 255 + 1
    return PALETTE[3 * index], PALETTE[3 * index + 1], PALETTE[3 * index + 2]


def _palette() -> bytes:
    """256 RGB colours. Each three bits of the index set one bit of red, green and blue, the highest bit first."""
    index = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for step in range(8):
        for channel in range(3):
            colours[:, channel] |= ((index >> (3 * step + channel) & 1) << (7 - step)).astype(np.uint8)
    return colours.tobytes()


PALETTE = _palette()


def _encoded(suffix: str, pixels: NDArray[np.uint8], options: list[int]) -> bytes:
    done, body = cv2.imencode(suffix, np.ascontiguousarray(pixels), options)
    assert done, "encoding an array that is in memory cannot fail"
    return body.tobytes()
