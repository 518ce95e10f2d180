"""Exports, as protocols: a source of labelled videos, a format, a target folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Protocol

from backend.application.ports.media import VideoSource
from backend.domain.datasets import DatasetFrame, DatasetObject
from backend.domain.geometry import RgbFrame
from backend.domain.verdicts import MaskVerdicts
from backend.domain.video import VideoInfo

ManifestEntry = Mapping[str, object]
"""An entry of the manifest: a JSON object."""


class Pictures(StrEnum):
    """Whether a format has the video's frames."""

    NEVER = "never"
    OPTIONAL = "optional"
    NEEDED = "needed"


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One frame of the video: [H, W, 3] uint8 RGB, which the receiver may change, and its presentation time."""

    pixels: RgbFrame
    time_s: float


@dataclass(frozen=True, slots=True)
class DatasetEntry:
    """One video of a source. key: unique in the source, stable. name: for people.

    video: the name of what is labelled, the same for several annotations of one video; empty: the entry's own name.
    """

    key: str
    name: str
    video: str = ""


@dataclass(frozen=True, slots=True)
class PlannedVideo:
    """A video with its folder: a name unique in the export, of letters, digits, dots, dashes and underscores."""

    entry: DatasetEntry
    folder: str


@dataclass(frozen=True, slots=True)
class FormatTraits:
    """Properties of a format.

    overlaps: a sentence on pixels that belong to several objects. takes_boxes: objects with a box and no mask can be
    written. every_frame: frames that are not kept are written too, without their objects.
    """

    name: str
    version: int
    overlaps: str
    pictures: Pictures = Pictures.NEVER
    takes_boxes: bool = False
    every_frame: bool = False


@dataclass(frozen=True, slots=True)
class TaskOrigin:
    """The Label Studio task of a video's labels: its data and its project's label config."""

    data: Mapping[str, object]
    label_config: str


class DatasetVideo(Protocol):
    """A labelled video, open for reading."""

    @property
    def info(self) -> VideoInfo: ...

    @property
    def objects(self) -> tuple[DatasetObject, ...]: ...

    @property
    def provenance(self) -> ManifestEntry:
        """The origin of the masks: model, checkpoint, prompts, hashes, as far as the source has them."""
        ...

    @property
    def verdicts(self) -> MaskVerdicts | None:
        """The verdicts on these masks; None if there cannot be any, because they are not of a task."""
        ...

    @property
    def not_exported(self) -> Mapping[str, int]:
        """Counts of what a person drew and no object has, by kind."""
        ...

    @property
    def task(self) -> TaskOrigin | None:
        """None if the labels are not of a task."""
        ...

    def frames(self) -> Iterator[DatasetFrame]:
        """The labelled frames, ascending."""
        ...

    def pictures(self) -> AbstractContextManager[VideoSource] | None:
        """The video's frames; None if they are not available."""
        ...


class DatasetSource(Protocol):
    """Labelled videos, one open at a time."""

    @property
    def record(self) -> ManifestEntry:
        """The source's entry in the manifest."""
        ...

    def entries(self) -> Sequence[DatasetEntry]:
        """All videos, in a stable order. Raises NotFound if there are none."""
        ...

    def labels(self) -> Sequence[str]:
        """The labels of the source's label config, in its order, unused ones included; empty if it knows of none.

        Raises InvalidInput, NotFound or ServiceUnavailable.
        """
        ...

    def open(self, entry: DatasetEntry) -> AbstractContextManager[DatasetVideo]:
        """Raises NotFound, IntegrityError, or InvalidInput with the video and the fault."""
        ...


class Target(Protocol):
    """The folder of an export. Paths are relative, with forward slashes; missing folders are created.

    Every method raises ServiceUnavailable with the file if the disk is full.
    """

    def write(self, path: str, body: bytes) -> None: ...

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        """A seekable file, to write in parts."""
        ...

    def spool(self) -> BinaryIO:
        """A temporary file on the same disk, not part of the export; closing it removes it."""
        ...


class FrameSink(Protocol):
    """Takes the frames of one video, ascending."""

    def put(self, frame: DatasetFrame, picture: Picture | None) -> None:
        """picture: at the video's size; None without one, or if the format has no pictures."""
        ...


class DatasetFormat(Protocol):
    """Writes one export; an object is used once."""

    @property
    def traits(self) -> FormatTraits: ...

    def start(self, target: Target, videos: Sequence[PlannedVideo]) -> None: ...

    def video(self, planned: PlannedVideo, video: DatasetVideo) -> AbstractContextManager[FrameSink]:
        """Leaving the block without an exception completes the video."""
        ...

    def finish(self) -> ManifestEntry:
        """Writes the files for all videos; returns further entries of the manifest."""
        ...
