"""YOLO: one label file per image, for segmentation or for detection, with the data.yaml that Ultralytics reads.

    data.yaml
    images/train/<video>_000000.jpg    the kept frames, if the video is available
    labels/train/<video>_000000.txt    one line per object: class, then x y of a polygon's corners, or centre and size

All coordinates are relative, 0..1. A frame without objects has an empty file: a negative example. The split assigns
whole videos: adjacent frames are nearly equal, and a test on frames of a training video overestimates the model. A
video's part depends on its name and key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from backend.adapters.formats.shared.images import jpeg
from backend.adapters.formats.shared.labels import NO_CLASSES, KnownClasses, LabelNumbers
from backend.adapters.formats.shared.masks import pixel_box
from backend.adapters.formats.shared.polygons import outline_of, relative
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
from backend.domain.errors import InvalidInput
from backend.domain.geometry import FrameSize

SEGMENT = FormatTraits(
    "yolo-seg",
    1,
    "kept: every object has a polygon of its own; parts and holes are joined by seams of one pixel",
    Pictures.OPTIONAL,
)
DETECT = FormatTraits("yolo", 1, "kept: boxes may overlap", Pictures.OPTIONAL, takes_boxes=True)
LineOf = Callable[[LabelledMask, FrameSize], str]
PARTS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Split:
    """Shares of train, val and test. They add up to 1; train is over 0."""

    train: float = 0.8
    val: float = 0.2
    test: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Split:
        """From "0.8,0.1,0.1" or "0.8,0.2". Raises InvalidInput."""
        try:
            shares = [float(part) for part in text.split(",")]
        except ValueError:
            shares = []
        padded = [*shares, 0.0, 0.0][:3]
        if not 1 <= len(shares) <= 3 or min(padded) < 0 or abs(sum(padded) - 1) > 1e-6 or padded[0] == 0:
            raise InvalidInput(f"--split takes the shares of train, val and test, as in 0.8,0.1,0.1, not {text!r}")
        return cls(*padded)

    def assign(self, videos: Sequence[PlannedVideo]) -> dict[str, str]:
        """Folder name -> part. Every part with a share gets at least one video if there are enough."""
        order = sorted((planned.folder for planned in videos), key=lambda name: hashlib.sha256(name.encode()).digest())
        counts = self._counts(len(order))
        parts = [part for part, count in zip(PARTS, counts, strict=True) for _ in range(count)]
        return dict(zip(order, parts, strict=True))

    def _counts(self, videos: int) -> tuple[int, int, int]:
        least_val, least_test = (int(share > 0) for share in (self.val, self.test))
        val = min(max(round(self.val * videos), least_val), max(videos - 1, 0))
        test = min(max(round(self.test * videos), least_test), max(videos - 1 - val, 0))
        return videos - val - test, val, test


class YoloFormat:
    """A DatasetFormat. segment: write polygons; otherwise boxes."""

    def __init__(self, *, segment: bool, split: Split | None = None, known: KnownClasses = NO_CLASSES) -> None:
        self.traits = SEGMENT if segment else DETECT
        self._split = split or Split()
        self._known = known

    def start(self, target: Target, videos: Sequence[PlannedVideo]) -> None:
        self._target = target
        self._parts = self._split.assign(videos)
        self._labels = LabelNumbers(first=0, known=self._known)
        self._used = set[str]()

    @contextmanager
    def video(self, planned: PlannedVideo, video: DatasetVideo) -> Iterator[_Video]:
        for item in video.objects:
            self._labels.of(item.label)
        line_of = _polygon_line if self.traits is SEGMENT else _box_line
        part = self._parts[planned.folder]
        self._used.add(part)
        place = f"{part}/{planned.folder}"
        yield _Video(self._target, place, video.info.size, self._labels, line_of)

    def finish(self) -> ManifestEntry:
        """Raises InvalidInput without a video to train on: videos may have been left out after the split."""
        if not self._has("train"):
            raise InvalidInput("no exported video is in train: all of its videos were left out; choose another --split")
        self._target.write("data.yaml", self._data_yaml().encode())
        notes: dict[str, object] = {**self._labels.notes(), "split": self._parts}
        if not self._has("val"):
            notes["val"] = "no exported video is in val, so val is train: measure on other videos"
        return notes

    def _has(self, part: str) -> bool:
        return part in self._used

    def _data_yaml(self) -> str:
        # A JSON string is a YAML string, with any characters in a label.
        lines = [
            "# Made by Masklet. Split by video: no video is in two parts.",
            "train: images/train",
            f"val: images/{'val' if self._has('val') else 'train'}",
            *(["test: images/test"] if self._has("test") else []),
            "names:",
            *(f"  {number}: {json.dumps(label)}" for number, label in self._labels.items()),
        ]
        return "\n".join(lines) + "\n"


class _Video:
    def __init__(self, target: Target, place: str, size: FrameSize, labels: LabelNumbers, line_of: LineOf) -> None:
        self._target = target
        self._place = place
        self._size = size
        self._labels = labels
        self._line_of = line_of

    def put(self, frame: DatasetFrame, picture: Picture | None) -> None:
        name = f"{self._place}_{frame.frame_index:06d}"
        lines = (f"{self._labels.of(s.item.label)} {self._line_of(s, self._size)}\n" for s in frame.present)
        self._target.write(f"labels/{name}.txt", "".join(lines).encode("ascii"))
        if picture is not None:
            self._target.write(f"images/{name}.jpg", jpeg(picture.pixels))


def _polygon_line(shown: LabelledMask, size: FrameSize) -> str:
    assert shown.mask is not None, "the use case lets masks through only"
    outline = outline_of(decode_checked(shown.mask))
    assert outline is not None, "a present object has pixels"
    return " ".join(f"{value:.7g}" for value in relative(outline, size.width, size.height).ravel())


def _box_line(shown: LabelledMask, size: FrameSize) -> str:
    box = pixel_box(shown, size)
    centre = ((box.x + box.width / 2) / size.width, (box.y + box.height / 2) / size.height)
    return " ".join(f"{min(v, 1.0):.7g}" for v in (*centre, box.width / size.width, box.height / size.height))
