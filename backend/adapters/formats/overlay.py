"""The video with its masks drawn over it, for viewing: one MP4 per video.

    <video>.mp4    every frame of the video at its own time; each object in the colour of its number, with an outline,
                   its label and its uncertainty; frames that are not kept have no overlay

Where objects overlap, the colours mix.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np

from backend.adapters.formats.movie import VideoFile
from backend.adapters.formats.shared.images import colour_of
from backend.adapters.formats.shared.masks import pixel_box
from backend.application.ports.datasets import (
    DatasetVideo,
    FormatTraits,
    ManifestEntry,
    Picture,
    Pictures,
    PlannedVideo,
    Target,
)
from backend.codecs.coco_rle import decode_checked
from backend.domain.datasets import DatasetFrame, LabelledMask
from backend.domain.geometry import FrameSize, RgbFrame

TRAITS = FormatTraits(
    "overlay", 1, "kept: where objects overlap their colours mix", Pictures.NEEDED, takes_boxes=True, every_frame=True
)
OPACITY = 0.45
TEXT_FROM_HEIGHT_PX = 120
"""Below this height labels are left out: they would cover the objects."""


class OverlayFormat:
    """A DatasetFormat."""

    traits = TRAITS

    def start(self, target: Target, videos: Sequence[PlannedVideo]) -> None:
        self._target = target

    @contextmanager
    def video(self, planned: PlannedVideo, video: DatasetVideo) -> Iterator[_Overlay]:
        info = video.info
        with VideoFile(self._target, f"{planned.folder}.mp4", info.size, info.frame_rate) as video_file:
            yield _Overlay(video_file, info.size)

    def finish(self) -> ManifestEntry:
        return {}


class _Overlay:
    def __init__(self, video_file: VideoFile, size: FrameSize) -> None:
        self._video_file = video_file
        self._size = size

    def put(self, frame: DatasetFrame, picture: Picture | None) -> None:
        assert picture is not None, "the traits ask for pictures"
        for shown in frame.present:
            draw(picture.pixels, shown, self._size)
        self._video_file.add(picture.pixels, picture.time_s)


def draw(picture: RgbFrame, shown: LabelledMask, size: FrameSize) -> None:
    """Draw an object onto a picture, [H, W, 3] uint8 RGB, in place."""
    colour = colour_of(shown.item.number)
    box = pixel_box(shown, size)
    left, top = round(box.x), round(box.y)
    if shown.mask is not None:
        mask = decode_checked(shown.mask)
        mixed = picture[mask] * (1 - OPACITY) + np.array(colour) * OPACITY
        picture[mask] = np.rint(mixed).astype(np.uint8)
        contours, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(picture, contours, -1, colour, 1)
    else:
        cv2.rectangle(picture, (left, top), (round(box.x + box.width) - 1, round(box.y + box.height) - 1), colour, 2)
    if size.height >= TEXT_FROM_HEIGHT_PX:
        _write(picture, _caption(shown), (left, max(top - 4, 12)))


def _caption(shown: LabelledMask) -> str:
    # OpenCV's fonts have ASCII only; other characters are drawn as question marks.
    plain = shown.item.label if shown.item.label.isascii() else f"object {shown.item.number}"
    if shown.approved:
        return plain
    return plain if shown.uncertainty is None else f"{plain} {shown.uncertainty:.2f}"


def _write(picture: RgbFrame, text: str, at: tuple[int, int]) -> None:
    scale = max(0.35, picture.shape[0] / 1200)
    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, width, cv2.LINE_AA)
