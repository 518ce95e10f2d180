"""MOTS: MOT with masks, in the text form that TrackEval reads.

    <video>/gt/gt.txt          frame id class height width rle, separated by blanks
    <video>/gt/labels.txt      line n has the name of class n; empty lines for unused numbers
    <video>/seqinfo.ini
    <video>/img1/000000.jpg    the kept frames, if the video is available
    seqmap.txt                 the videos, as TrackEval reads them

TrackEval counts the frames of MOTS from 0 and refuses overlapping masks: the smaller object is on top, and the larger
one loses the shared pixels. ids are class * 1000 + the object's number. TrackEval evaluates class 1, here the label
car, and class 2, here person or pedestrian. It ignores class 10, which is not used. Other labels, and a second
one of those two names, are numbered from 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from backend.adapters.formats.mot import one_line, seqinfo
from backend.adapters.formats.shared.images import jpeg
from backend.adapters.formats.shared.labels import NO_CLASSES, KnownClasses, class_notes
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
from backend.codecs.coco_rle import encode_mask
from backend.domain.datasets import DatasetFrame

TRAITS = FormatTraits(
    "mots",
    1,
    "not allowed by its readers: the smaller object lies on top; notes.overlapping counts the pixels that were shared",
    Pictures.OPTIONAL,
)
KNOWN = {"car": 1, "pedestrian": 2, "person": 2}
FIRST_OTHER = 3
IGNORE = 10
IDS_PER_CLASS = 1000


class MotsFormat:
    """A DatasetFormat."""

    traits = TRAITS

    def __init__(self, known: KnownClasses = NO_CLASSES) -> None:
        self._known = known

    def start(self, target: Target, videos: Sequence[PlannedVideo]) -> None:
        self._target = target
        self._videos: list[str] = []
        self._classes: dict[str, int] = {}
        for label in self._known.labels:
            self._class_of(label)
        self._overlaps = Overlaps()

    @contextmanager
    def video(self, planned: PlannedVideo, video: DatasetVideo) -> Iterator[_Sequence]:
        require_numbers(planned, video, most=IDS_PER_CLASS - 1, holder="an id of MOTS", instead="sav or coco")
        for item in video.objects:
            self._class_of(item.label)
        with self._target.open(f"{planned.folder}/gt/gt.txt") as lines:
            yield _Sequence(self._target, planned.folder, video, lines, self._classes, self._overlaps)
        self._target.write(f"{planned.folder}/seqinfo.ini", seqinfo(planned.folder, video.info))
        self._videos.append(planned.folder)

    def finish(self) -> ManifestEntry:
        self._target.write("seqmap.txt", "".join(f"{name}\n" for name in ("name", *self._videos)).encode())
        classes = {number: label for label, number in sorted(self._classes.items(), key=lambda item: item[1])}
        names = "".join(f"{one_line(classes.get(n, ''))}\n" for n in range(1, max(classes, default=0) + 1)).encode()
        for folder in self._videos:
            self._target.write(f"{folder}/gt/labels.txt", names)
        return {**class_notes(classes, self._known), **self._overlaps.notes()}

    def _class_of(self, label: str) -> None:
        self._known.require(label)
        if label in self._classes:
            return
        used = {IGNORE, *self._classes.values()}
        free = next(number for number in range(FIRST_OTHER, FIRST_OTHER + len(used) + 1) if number not in used)
        number = KNOWN.get(label.strip().lower(), free)
        self._classes[label] = free if number in used else number


class _Sequence:
    def __init__(
        self,
        target: Target,
        folder: str,
        video: DatasetVideo,
        lines: BinaryIO,
        classes: dict[str, int],
        overlaps: Overlaps,
    ) -> None:
        self._target = target
        self._folder = folder
        self._size = video.info.size
        self._lines = lines
        self._classes = classes
        self._overlaps = overlaps

    def put(self, frame: DatasetFrame, picture: Picture | None) -> None:
        layers = layered(frame.present, self._size)
        self._overlaps.add(layers)
        for shown in frame.present:
            mask = shown.mask if not layers.shared_pixels else encode_mask(layers.of(shown.item.number))
            if mask is None or (layers.shared_pixels and not layers.of(shown.item.number).any()):
                continue
            of_class = self._classes[shown.item.label]
            object_id = of_class * IDS_PER_CLASS + shown.item.number
            fields = (frame.frame_index, object_id, of_class, mask.height, mask.width, mask.counts)
            self._lines.write((" ".join(str(field) for field in fields) + "\n").encode("ascii"))
        if picture is not None:
            self._target.write(f"{self._folder}/img1/{frame.frame_index:06d}.jpg", jpeg(picture.pixels))
