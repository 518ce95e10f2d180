"""Green screen: the objects' own pixels on a plain colour, as images and as a video.

    frame_000000_masked.png    numbered consecutively through all videos, in their order
    <video>.mp4                the kept frames, each at its time in the original
    frames.csv                 number, video, frame of each image

The number of an image is the offset, plus the frame counts of all earlier videos, plus the frame's index. A frame that
is not kept does not shift the others, and a second export gives the same numbers. The PNGs are exact; the video's
colours are compressed (H.264, 4:2:0).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from backend.adapters.formats.movie import VideoFile
from backend.adapters.formats.shared.images import png
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
from backend.domain.datasets import DatasetFrame
from backend.domain.errors import InvalidInput

TRAITS = FormatTraits("greenscreen", 1, "united: a pixel is shown if it belongs to any object", Pictures.NEEDED)
Colour = tuple[int, int, int]
"""RGB, 0 to 255 each."""

GREEN: Colour = (0, 255, 0)


def parse_colour(text: str) -> Colour:
    """From "0,255,0". Raises InvalidInput."""
    parts = text.split(",")
    if len(parts) == 3 and all(part.strip().isdecimal() and int(part) <= 255 for part in parts):
        red, green, blue = (int(part) for part in parts)
        return red, green, blue
    raise InvalidInput(f"--background takes red, green and blue from 0 to 255, as in 0,255,0, not {text!r}")


class GreenscreenFormat:
    """A DatasetFormat. offset: the number of the first video's first frame."""

    traits = TRAITS

    def __init__(self, *, background: Colour = GREEN, offset: int = 0) -> None:
        self._background = background
        self._offset = offset

    def start(self, target: Target, videos: Sequence[PlannedVideo]) -> None:
        self._target = target
        self._next = self._offset
        self._first_numbers: dict[str, int] = {}
        self._table = target.spool()
        self._table.write(b"number,video,frame\n")

    @contextmanager
    def video(self, planned: PlannedVideo, video: DatasetVideo) -> Iterator[GreenscreenFormat]:
        self._first_numbers[planned.folder] = self._next
        self._folder = planned.folder
        info = video.info
        with VideoFile(self._target, f"{planned.folder}.mp4", info.size, info.frame_rate) as self._video_file:
            yield self
        self._next += video.info.frame_count

    def put(self, frame: DatasetFrame, picture: Picture | None) -> None:
        assert picture is not None, "the traits ask for pictures"
        background = np.ones(picture.pixels.shape[:2], np.bool_)
        for shown in frame.present:
            if shown.mask is not None:
                background &= ~decode_checked(shown.mask)
        picture.pixels[background] = self._background
        number = self._next + frame.frame_index
        self._target.write(f"frame_{number:06d}_masked.png", png(picture.pixels))
        self._table.write(f"{number},{self._folder},{frame.frame_index}\n".encode("ascii"))
        self._video_file.add(picture.pixels, picture.time_s)

    def finish(self) -> ManifestEntry:
        self._table.seek(0)
        with self._target.open("frames.csv") as out:
            shutil.copyfileobj(self._table, out)
        self._table.close()
        return {"background": list(self._background), "offset": self._offset, "first_numbers": self._first_numbers}
