"""Thumbnails with masks, as data URLs."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.domain.geometry import BoolMask, RgbFrame

WIDTH_PX = 240
_QUALITY = 80
_MASK_OPACITY = 0.45
COLOURS = ((31, 157, 85), (217, 72, 15), (59, 91, 219), (201, 42, 42), (156, 54, 181), (232, 163, 23))
"""RGB, one per object; they repeat after the last one."""


def thumbnail(frame: RgbFrame | None, masks: Sequence[BoolMask | None]) -> str:
    """`thumbnail_jpeg` as a data URL; empty without frame and masks."""
    jpeg = thumbnail_jpeg(frame, masks)
    return data_url(jpeg) if jpeg else ""


def data_url(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def thumbnail_jpeg(frame: RgbFrame | None, masks: Sequence[BoolMask | None]) -> bytes:
    """A JPEG file, WIDTH_PX wide, each mask in its object's colour; grey without a frame.

    frame: [H, W, 3] uint8 RGB. masks: [H, W] bool each. Empty without frame and masks.
    """
    shapes = [mask.shape for mask in masks if mask is not None]
    if frame is None and not shapes:
        return b""
    size = frame.shape[:2] if frame is not None else shapes[0]
    height = max(round(size[0] * WIDTH_PX / size[1]), 1)
    image = np.full((height, WIDTH_PX, 3), 90, np.float32)
    if frame is not None:
        image = cv2.resize(frame, (WIDTH_PX, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    for number, mask in enumerate(masks):
        if mask is None or not mask.any():
            continue
        share = cv2.resize(mask.astype(np.float32), (WIDTH_PX, height), interpolation=cv2.INTER_AREA)[..., None]
        colour = np.array(COLOURS[number % len(COLOURS)], np.float32)
        image = image + share * _MASK_OPACITY * (colour - image)
        outline, _ = cv2.findContours((share[..., 0] > 0.5).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, outline, -1, COLOURS[number % len(COLOURS)], 1)
    pixels = np.clip(image, 0, 255).astype(np.uint8)[..., ::-1]
    _, jpeg = cv2.imencode(".jpg", np.ascontiguousarray(pixels), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return jpeg.tobytes()


def small_picture(frame: RgbFrame, size: tuple[int, int], *, grey: bool) -> NDArray[np.uint8]:
    """A frame resized for comparison: [h, w] uint8 if grey, else [h, w, 3] uint8. size: (width, height) in pixels."""
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY) if grey else small, np.uint8)
