"""What an export needs from outside: a source of labelled videos, a format to write, and a place to write to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Protocol

from backend.application.ports.media import VideoSource
from backend.domain.datasets import DatasetFrame, DatasetObject
from backend.domain.geometry import RgbFrame
from backend.domain.video import VideoInfo

Notes = Mapping[str, object]
"""JSON-able remarks for the manifest."""


class Pictures(StrEnum):
    """Whether a format shows the video's own frames."""

    NEVER = "never"
    OPTIONAL = "optional"
    NEEDED = "needed"


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One frame of the video, the receiver's to draw on: [H, W, 3] uint8 RGB, and when it is shown."""

    pixels: RgbFrame
    time_s: float


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """One video of a source. key is unique in the source and stays the same; name is what a person calls it."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """folder: a name for files and folders, unique in the export, of letters, digits, dots, dashes and underscores."""

    entry: DatasetEntry
    folder: str


@dataclass(frozen=True, slots=True)
class FormatTraits:
    """What a format is and can do.

    overlaps: a sentence on what becomes of pixels that belong to several objects. takes_boxes: objects that have a
    box and no mask can be written. every_frame: frames that are not kept are shown too, without their objects.
    """

    name: str
    version: int
    overlaps: str
    pictures: Pictures = Pictures.NEVER
    takes_boxes: bool = False
    every_frame: bool = False


@dataclass(frozen=True, slots=True)
class TaskOrigin:
    """The Label Studio task that a video's labels are from: its data and its project's label config."""

    data: Mapping[str, object]
    label_config: str


class DatasetVideo(Protocol):
    """A labelled video, open for reading."""

    @property
    def info(self) -> VideoInfo: ...

    @property
    def objects(self) -> tuple[DatasetObject, ...]: ...

    @property
    def provenance(self) -> Notes:
        """Where the masks are from: model, checkpoint, prompts, hashes; what the source knows."""
        ...

    @property
    def task(self) -> TaskOrigin | None:
        """None where the labels are not a task's."""
        ...

    def frames(self) -> Iterator[DatasetFrame]:
        """The frames that something is said about, ascending."""
        ...

    def pictures(self) -> AbstractContextManager[VideoSource] | None:
        """The video's own frames; None where they are not at hand."""
        ...


class DatasetSource(Protocol):
    """Labelled videos, one open at a time."""

    @property
    def record(self) -> Notes:
        """What the source is, for the manifest."""
        ...

    def entries(self) -> Sequence[DatasetEntry]:
        """All of its videos, in an order that does not change. Raises NotFound if there are none."""
        ...

    def open(self, entry: DatasetEntry) -> AbstractContextManager[DatasetVideo]:
        """Raises NotFound, IntegrityError, or InvalidInput naming the video and what is wrong with it."""
        ...


class Target(Protocol):
    """The folder being written. Paths are relative, with forward slashes; folders on the way are made.

    Every method raises ServiceUnavailable naming the file if the disk is full.
    """

    def write(self, path: str, body: bytes) -> None: ...

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        """A file to write in pieces; seekable."""
        ...

    def spool(self) -> BinaryIO:
        """A file on the same disk that is no part of the export, for what must wait; closing it removes it."""
        ...


class FrameSink(Protocol):
    """Takes the frames of one video, ascending."""

    def put(self, frame: DatasetFrame, picture: Picture | None) -> None:
        """picture: at the video's size; None where there is none or the format wants none."""
        ...


class DatasetFormat(Protocol):
    """Writes one export; an object is used once."""

    @property
    def traits(self) -> FormatTraits: ...

    def start(self, target: Target, videos: Sequence[PlannedVideo]) -> None: ...

    def video(self, planned: PlannedVideo, video: DatasetVideo) -> AbstractContextManager[FrameSink]:
        """Leaving the block in peace completes the video."""
        ...

    def finish(self) -> Notes:
        """Write what holds for all videos; returns what the manifest should say besides."""
        ...
