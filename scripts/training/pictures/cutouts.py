"""Cut-outs and photographs from picture files: what is kept, at which size. Owns the filters, not the files.

A cut-out is RGBA uint8 with straight alpha, cropped to its object; a photograph is RGB uint8.
"""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from scripts.training.pictures.packages import Kind

Picture = NDArray[np.uint8]
CUTOUT_SIDE = 320
PHOTO_SIDE = 1280
SURFACE_SIDE = 384
SMALLEST_CUTOUT = 48
SMALLEST_PHOTO = 300
SKIN_TONE = re.compile(r"1f3f[b-f]")
FEWEST_PHOTO_COLOURS = 0.09
"""Share of different colours (5 bits a channel) among sampled pixels above which a cut-out is a photograph."""


def read_picture(path: Path) -> Picture | None:
    """RGB or RGBA uint8, or None for a file that is not a readable picture."""
    try:
        with Image.open(path) as image:
            has_alpha = image.mode in ("RGBA", "LA") or "transparency" in image.info
            return np.asarray(image.convert("RGBA" if has_alpha else "RGB"), np.uint8)
    except (OSError, UnidentifiedImageError, ValueError, Image.DecompressionBombError):
        return None


def resized(picture: Picture, longest: int) -> Picture:
    """The picture with its longer side at most ``longest``; alpha is premultiplied while it is resized."""
    scale = longest / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    if picture.shape[2] == 3:
        return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    alpha = picture[..., 3:].astype(np.float32) / 255
    stacked = np.dstack([picture[..., :3] * alpha, alpha * 255]).astype(np.float32)
    small = np.asarray(cv2.resize(stacked, size, interpolation=cv2.INTER_AREA), np.float32)
    small[..., :3] /= np.maximum(small[..., 3:] / 255, 1e-3)
    return np.clip(np.rint(small), 0, 255).astype(np.uint8)


def cropped(rgba: Picture) -> Picture | None:
    """The cut-out cropped to its visible pixels; None if it is empty, opaque, too small or too thin."""
    visible = rgba[..., 3] > 127
    if not visible.any():
        return None
    rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
    cut = rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    share = float((cut[..., 3] > 127).mean())
    height, width = cut.shape[:2]
    is_thin = min(height, width) < 0.12 * max(height, width)
    if share > 0.97 or share < 0.12 or is_thin or max(height, width) < SMALLEST_CUTOUT:
        return None
    return cut


def colour_share(rgba: Picture) -> float:
    """The share of different colours, 5 bits a channel, among 1,500 visible pixels of a cut-out."""
    pixels = rgba[..., :3][rgba[..., 3] > 200]
    if not len(pixels):
        return 0.0
    pixels = pixels[np.linspace(0, len(pixels) - 1, min(1500, len(pixels))).astype(int)] >> 3
    codes = pixels.astype(np.int32) @ np.array([1024, 32, 1])
    return len(np.unique(codes)) / len(codes)


def cutout_of(path: Path, kind: Kind) -> tuple[Picture, Kind] | None:
    """The cut-out of a file and its kind, or None. A flat photo cut-out is counted as a drawing."""
    if kind is Kind.RENDERED_CUTOUT and SKIN_TONE.search(path.stem):
        return None
    picture = read_picture(path)
    if picture is None or picture.shape[2] != 4:
        return None
    cut = cropped(resized(picture, 2 * CUTOUT_SIDE))
    if cut is None:
        return None
    if kind is Kind.PHOTO_CUTOUT and colour_share(cut) < FEWEST_PHOTO_COLOURS:
        kind = Kind.DRAWN_CUTOUT
    return resized(cut, CUTOUT_SIDE), kind


def photograph_of(path: Path, kind: Kind) -> Picture | None:
    """The photograph or surface of a file; None for small, thin or plain pictures."""
    picture = read_picture(path)
    if picture is None:
        return None
    picture = np.ascontiguousarray(picture[..., :3])
    shorter, longer = sorted(picture.shape[:2])
    smallest = 128 if kind is Kind.SURFACE else SMALLEST_PHOTO
    if shorter < smallest or shorter < 0.4 * longer:
        return None
    picture = resized(picture, SURFACE_SIDE if kind is Kind.SURFACE else PHOTO_SIDE)
    return picture if picture.astype(np.float32).std((0, 1)).max() > 12 else None
