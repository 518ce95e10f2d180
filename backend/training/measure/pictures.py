"""Pictures of the report: held-out frames with the masks before and after, and the true outlines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.application.ports.media import VideoSource
from backend.codecs.atomic_file import write_atomically
from backend.domain.geometry import BoolMask, RgbFrame
from backend.domain.video import FrameIndex
from backend.training.measure.held_out import VideoFigures
from backend.training.samples.videos import KeptVideo

LARGEST_SIDE_PX = 640
COLOURS = ((255, 90, 60), (60, 200, 90), (80, 130, 255), (240, 200, 40), (200, 90, 230), (40, 210, 220))
TRUTH = (255, 255, 255)


def write_picture(source: VideoSource, video: KeptVideo, found: VideoFigures, path: Path) -> None:
    """The last measured frame of a video with the masks that were propagated to it and the true outlines: a JPEG.

    Nothing is written for a video without objects.
    """
    if not found.masks:
        return
    truths = {name: mask for name in found.masks if (mask := video.mask(found.last, name)) is not None}
    drawn = drawn_masks(source.frame(FrameIndex(found.last)), found.masks, truths)
    path.parent.mkdir(parents=True, exist_ok=True)
    encoded = cv2.imencode(".jpg", drawn[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    write_atomically(path, encoded.tobytes())


def drawn_masks(frame: RgbFrame, masks: Mapping[str, BoolMask], truths: Mapping[str, BoolMask]) -> NDArray[np.uint8]:
    """The frame with masks as tints and truths as white outlines, at most LARGEST_SIDE_PX wide or high."""
    picture = np.array(frame, np.uint8)
    for number, mask in enumerate(masks.values()):
        colour = np.array(COLOURS[number % len(COLOURS)])
        picture[mask] = (picture[mask] * 0.5 + colour * 0.5).astype(np.uint8)
    for truth in truths.values():
        outlines, _ = cv2.findContours(truth.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, TRUTH, max(1, picture.shape[0] // 300))
    scale = min(1.0, LARGEST_SIDE_PX / max(picture.shape[:2]))
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
