"""DAVIS and YouTube-VOS: one indexed PNG per frame whose pixels are the objects' numbers, 0 for none.

    Annotations/<video>/00000.png   numbered by the video's own frames; a frame that is not kept has none
    JPEGImages/<video>/00000.jpg    the same frames, if the video is available
    meta.json                       YouTube-VOS: each object's category and its frames
    ImageSets/all.txt               the videos, one per line

A pixel holds one number: where objects overlap, the smaller one is on top. At most 254 objects fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from backend.adapters.formats.shared.images import jpeg, palette_png
from backend.adapters.formats.shared.json_lists import json_bytes
from backend.adapters.formats.shared.masks import Overlaps, layered
from backend.adapters.formats.shared.numbers import require_numbers
from backend.application.ports.datasets import (
    DatasetVideo,
    FormatTraits,
    ManifestEntry,
    Picture,
    Pictures,
    PlannedVideo,
    Target,
)
from backend.domain.datasets import DatasetFrame, DatasetObject

MOST_OBJECTS = 254
"""255 is a pixel of no object (void) for the tools of DAVIS and YouTube-VOS."""

TRAITS = FormatTraits(
    "davis",
    1,
    "one number a pixel: the smaller object lies on top; notes.overlapping counts the pixels that were shared",
    Pictures.OPTIONAL,
)


class DavisFormat:
    """A DatasetFormat."""

    traits = TRAITS

    def start(self, target: Target, videos: Sequence[PlannedVideo]) -> None:
        self._target = target
        self._videos: list[str] = []
        self._meta: dict[str, object] = {}
        self._overlaps = Overlaps()

    @contextmanager
    def video(self, planned: PlannedVideo, video: DatasetVideo) -> Iterator[_Sequence]:
        require_numbers(planned, video, most=MOST_OBJECTS, holder="an indexed PNG", instead="sav or coco")
        sink = _Sequence(self._target, planned.folder, video, self._overlaps)
        yield sink
        self._videos.append(planned.folder)
        self._meta[planned.folder] = {"objects": sink.objects()}

    def finish(self) -> ManifestEntry:
        self._target.write("meta.json", json_bytes({"videos": self._meta}) + b"\n")
        self._target.write("ImageSets/all.txt", "".join(f"{name}\n" for name in self._videos).encode())
        return self._overlaps.notes()


class _Sequence:
    def __init__(self, target: Target, folder: str, video: DatasetVideo, overlaps: Overlaps) -> None:
        self._target = target
        self._folder = folder
        self._size = video.info.size
        self._digits = frame_digits(video)
        self._overlaps = overlaps
        self._frames: dict[DatasetObject, list[str]] = {item: [] for item in video.objects}

    def put(self, frame: DatasetFrame, picture: Picture | None) -> None:
        layers = layered(frame.present, self._size)
        self._overlaps.add(layers)
        name = f"{frame.frame_index:0{self._digits}d}"
        body = palette_png(layers.numbers.astype(np.uint8))
        self._target.write(f"Annotations/{self._folder}/{name}.png", body)
        if picture is not None:
            self._target.write(f"JPEGImages/{self._folder}/{name}.jpg", jpeg(picture.pixels))
        for shown in frame.present:
            self._frames[shown.item].append(name)

    def objects(self) -> dict[str, object]:
        return {
            str(item.number): {"category": item.label, "frames": names} for item, names in self._frames.items() if names
        }


def frame_digits(video: DatasetVideo) -> int:
    """The digits of a frame's file name: five as in the data sets, more for a video of over 100,000 frames."""
    return max(5, len(str(video.info.frame_count - 1)))
