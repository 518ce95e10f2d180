"""The video with its masks drawn over it, for viewing: one MP4 per video.

    <video>.mp4    every frame of the video at its own time; each object with an outline, its label, and its score as
                   Label Studio's page shows it, without one on a person's mask; frames that are not kept have no
                   overlay

The first object of a label has the label's colour in the label config, another one that of its number.
Where objects overlap, the colours mix. Captions do not cover each other: one moves to the nearest free place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np

from backend.adapters.formats.movie import VideoFile
from backend.adapters.formats.shared.captions import Place, placed
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
from backend.codecs.score_marks import rgb_of, score_color, score_text
from backend.domain.datasets import DatasetFrame, LabelledMask
from backend.domain.geometry import FrameSize, RgbFrame

TRAITS = FormatTraits(
    "overlay", 1, "kept: where objects overlap their colours mix", Pictures.NEEDED, takes_boxes=True, every_frame=True
)
OPACITY = 0.45
FONT = cv2.FONT_HERSHEY_SIMPLEX
MARGIN_PX = 3
Colour = tuple[int, int, int]
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
        draw(picture.pixels, frame.present, self._size)
        self._video_file.add(picture.pixels, picture.time_s)


def draw(picture: RgbFrame, objects: Sequence[LabelledMask], size: FrameSize) -> None:
    """Draw objects and their captions onto a picture, [H, W, 3] uint8 RGB, in place."""
    for shown in objects:
        _draw(picture, shown, size)
    if size.height < TEXT_FROM_HEIGHT_PX:
        return
    captions = [_caption(picture, shown, size) for shown in objects]
    for caption, place in zip(captions, placed([each.wanted for each in captions], size), strict=True):
        _write(picture, caption, place)


def _draw(picture: RgbFrame, shown: LabelledMask, size: FrameSize) -> None:
    colour = rgb_of(shown.item.color) if shown.item.color else colour_of(shown.item.number)
    if shown.mask is not None:
        mask = decode_checked(shown.mask)
        mixed = picture[mask] * (1 - OPACITY) + np.array(colour) * OPACITY
        picture[mask] = np.rint(mixed).astype(np.uint8)
        contours, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(picture, contours, -1, colour, 1)
    else:
        box = pixel_box(shown, size)
        edges = (round(box.x + box.width) - 1, round(box.y + box.height) - 1)
        cv2.rectangle(picture, (round(box.x), round(box.y)), edges, colour, 2)


@dataclass(frozen=True, slots=True)
class _Caption:
    """score: empty for a mask that a person approved, or without an uncertainty. score_width: in pixels, with margins.

    wanted: above the object's left edge.
    """

    label: str
    score: str
    ground: Colour
    score_width: int
    wanted: Place


def _caption(picture: RgbFrame, shown: LabelledMask, size: FrameSize) -> _Caption:
    score, ground = "", (0, 0, 0)
    if not shown.approved and shown.uncertainty is not None:
        score, ground = score_text(shown.uncertainty), rgb_of(score_color(shown.uncertainty))
    # OpenCV's fonts have ASCII only; other characters are drawn as question marks.
    label = shown.item.label if shown.item.label.isascii() else f"object {shown.item.number}"
    score_width = _size(picture, score)[0] + 7 if score else 0
    width, height = _size(picture, label)
    box = pixel_box(shown, size)
    wanted = Place(round(box.x), round(box.y) - 4 - height - MARGIN_PX, score_width + width + 2, height + 2 * MARGIN_PX)
    return _Caption(label, score, ground, score_width, wanted)


def _write(picture: RgbFrame, caption: _Caption, place: Place) -> None:
    """The score on the ground of its colour, and the label."""
    x, y = place.left, place.top + place.height - MARGIN_PX
    if caption.score:
        right = x + caption.score_width - 4
        cv2.rectangle(picture, (x, place.top), (right, y + MARGIN_PX), caption.ground, cv2.FILLED)
        _put(picture, caption.score, x + 2, y, outline=0)
    _put(picture, caption.label, x + caption.score_width, y, outline=3)


def _put(picture: RgbFrame, text: str, x: int, y: int, *, outline: int) -> None:
    for colour, width in (((0, 0, 0), outline), ((255, 255, 255), 1)):
        if width:
            cv2.putText(picture, text, (x, y), FONT, _font_scale(picture), colour, width, cv2.LINE_AA)


def _size(picture: RgbFrame, text: str) -> tuple[int, int]:
    (width, height), _ = cv2.getTextSize(text, FONT, _font_scale(picture), 1)
    return width, height


def _font_scale(picture: RgbFrame) -> float:
    return max(0.35, len(picture) / 1200)
