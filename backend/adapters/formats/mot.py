"""MOTChallenge: one folder per video, one line per object and frame.

    <video>/gt/gt.txt          frame,id,left,top,width,height,1,class,1
    <video>/gt/labels.txt      the classes in the order of their numbers
    <video>/seqinfo.ini
    <video>/img1/000001.jpg    the kept frames, if the video is available
    seqmap.txt                 the videos, as TrackEval reads them

Frame numbers count from 1, and so do the pixels of left and top, as in the benchmark: a box at the frame's corner has
left 1 and top 1; `firstPixel=1` in seqinfo.ini says so to Masklet's import. The last two columns are the class and the
visibility. The visibility is always 1: it is not measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from backend.adapters.formats.shared.images import jpeg
from backend.adapters.formats.shared.labels import NO_CLASSES, KnownClasses, LabelNumbers
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
from backend.domain.datasets import DatasetFrame
from backend.domain.video import VideoInfo

TRAITS = FormatTraits("mot", 1, "kept: boxes may overlap", Pictures.OPTIONAL, takes_boxes=True)


class MotFormat:
    """A DatasetFormat."""

    traits = TRAITS

    def __init__(self, known: KnownClasses = NO_CLASSES) -> None:
        self._known = known

    def start(self, target: Target, videos: Sequence[PlannedVideo]) -> None:
        self._target = target
        self._videos: list[str] = []
        self._labels = LabelNumbers(known=self._known)

    @contextmanager
    def video(self, planned: PlannedVideo, video: DatasetVideo) -> Iterator[_Sequence]:
        for item in video.objects:
            self._labels.of(item.label)
        with self._target.open(f"{planned.folder}/gt/gt.txt") as lines:
            yield _Sequence(self._target, planned.folder, video, lines, self._labels)
        self._target.write(f"{planned.folder}/seqinfo.ini", seqinfo(planned.folder, video.info) + b"firstPixel=1\n")
        self._videos.append(planned.folder)

    def finish(self) -> ManifestEntry:
        names = "".join(f"{one_line(label)}\n" for _, label in self._labels.items()).encode()
        for folder in self._videos:
            self._target.write(f"{folder}/gt/labels.txt", names)
        self._target.write("seqmap.txt", "".join(f"{name}\n" for name in ("name", *self._videos)).encode())
        return self._labels.notes()


class _Sequence:
    def __init__(self, target: Target, folder: str, video: DatasetVideo, lines: BinaryIO, labels: LabelNumbers) -> None:
        self._target = target
        self._folder = folder
        self._size = video.info.size
        self._lines = lines
        self._labels = labels

    def put(self, frame: DatasetFrame, picture: Picture | None) -> None:
        number = frame.frame_index + 1
        for shown in frame.present:
            box = pixel_box(shown, self._size)
            place = ",".join(f"{value:.10g}" for value in (box.x + 1, box.y + 1, box.width, box.height))
            line = f"{number},{shown.item.number},{place},1,{self._labels.of(shown.item.label)},1\n"
            self._lines.write(line.encode("ascii"))
        if picture is not None:
            self._target.write(f"{self._folder}/img1/{number:06d}.jpg", jpeg(picture.pixels))


def seqinfo(folder: str, info: VideoInfo) -> bytes:
    """seqinfo.ini of a video. frameRate is an integer if the video's rate is."""
    lines = {
        "name": folder,
        "imDir": "img1",
        "frameRate": f"{float(info.frame_rate):.6g}",
        "seqLength": info.frame_count,
        "imWidth": info.size.width,
        "imHeight": info.size.height,
        "imExt": ".jpg",
    }
    return ("[Sequence]\n" + "".join(f"{name}={value}\n" for name, value in lines.items())).encode("ascii")


def one_line(label: str) -> str:
    return " ".join(label.splitlines())
